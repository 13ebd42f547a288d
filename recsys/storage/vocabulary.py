"""The vocabulary: what the codes, normalised ratings and labels in the tables stand for."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale


@dataclass(frozen=True)
class Vocabulary:
    """The names, scale and threshold that the stage encode found for a data set.

    Attributes:
        ids: a digest of the raw ids of users and movies, and of `names`.
        names: the values of each coded feature, ascending; the value at position i has code i.
        rating_scale: the stars that users could give.
        label_threshold: a rating of more stars than this is a like.
    """

    ids: str
    names: dict[str, tuple[str, ...]]
    rating_scale: RatingScale
    label_threshold: float

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
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is not a vocabulary ({error}); run `dvc repro`") from error


def find_rows(
    raw: npt.NDArray[np.integer], known: npt.NDArray[np.integer]
) -> npt.NDArray[np.int32]:
    """Find the rows of a table that hold some raw ids.

    Args:
        raw: the raw ids to find, [N]
        known: the table's raw ids, ascending, [T]

    Returns:
        the row of each id, or -1 if the table does not have it, [N]
    """
    places = np.minimum(np.searchsorted(known, raw), len(known) - 1)
    return np.where(known[places] == raw, places, -1).astype(np.int32)
