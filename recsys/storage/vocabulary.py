"""The vocabulary: what the codes, normalised ratings and labels in the tables stand for."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale
from recsys.storage import schemas
from recsys.storage.registry import Feature

# More digits than 64 bits have are no integer, however many there are.
WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})")


@dataclass(frozen=True)
class Vocabulary:
    """The names, scale and threshold that the stage encode found for a data set.

    Attributes:
        ids: a digest of the raw ids of users and movies, and of `names`.
        names: the values of each coded feature, ascending; the value at position i has code i.
        rating_scale: the stars that users could give.
        label_threshold: a rating of more stars than this is a like.
        features: the features of the users and movies tables.
        id_types: the names of the raw ids' Arrow types, by table: int32, int64 or string.
        drawn_negatives: whether the rows of label 0 were drawn, and are no interactions.
    """

    ids: str
    names: dict[str, tuple[str, ...]]
    rating_scale: RatingScale
    label_threshold: float
    features: tuple[Feature, ...]
    id_types: dict[str, str]
    drawn_negatives: bool = False

    def schema(self, table: str) -> pa.Schema:
        """The columns of the users or movies table."""
        return schemas.dimension(table, self.features, self.id_types[table])

    def save(self, path: Path) -> None:
        with atomic_write(path) as partial:
            partial.write_text(json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read the file that `save` wrote.

        Raises:
            InputError: the file is missing or not a vocabulary.
        """
        try:
            content = json.loads(path.read_text())
            return cls(
                content["ids"],
                {feature: tuple(names) for feature, names in content["names"].items()},
                RatingScale(**content["rating_scale"]),
                content["label_threshold"],
                tuple(Feature(**feature) for feature in content["features"]),
                content["id_types"],
                content["drawn_negatives"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is not a vocabulary ({error}); run `dvc repro`") from error


def find_rows(raw: npt.NDArray[Any], known: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Find the rows of a table that hold some raw ids.

    Args:
        raw: the raw ids to find, integers or texts as `known`, [N]
        known: the table's raw ids, ascending, [T]

    Returns:
        the row of each id, or -1 if the table does not have it, [N]
    """
    places = np.minimum(np.searchsorted(known, raw), len(known) - 1)
    return np.where(known[places] == raw, places, -1).astype(np.int32)


def is_integer(text: str) -> bool:
    """Whether a text is a whole number of 64 bits in its usual spelling."""
    return bool(WHOLE_NUMBER.fullmatch(text)) and -(2**63) <= int(text) < 2**63
