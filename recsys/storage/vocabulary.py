"""What the numbers in the tables stand for: names by code, the rating scale, the label."""

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
    """What encode found in the values of a data set.

    Attributes:
        ids: a digest of the raw ids of users and movies, and of the names below.
        names: for each coded feature its values, ascending; the one at position i has code i.
        rating_scale: the ratings that users could give.
        label_threshold: stars above which a rating is a like.
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
        """Raises: InputError: the file is missing or not a vocabulary."""
        try:
            content = json.loads(path.read_text())
            return cls(
                content["ids"],
                {feature: tuple(names) for feature, names in content["names"].items()},
                RatingScale(**content["rating_scale"]),
                content["label_threshold"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is no vocabulary ({error}); run `dvc repro`") from error


def find_rows(
    raw: npt.NDArray[np.integer], known: npt.NDArray[np.integer]
) -> npt.NDArray[np.int32]:
    """The rows of raw ids in a table, whose ids ascend; -1 for an id that it has not.

    Args:
        raw: [N]
        known: the table's raw ids, [T]

    Returns:
        [N]
    """
    places = np.minimum(np.searchsorted(known, raw), len(known) - 1)
    return np.where(known[places] == raw, places, -1).astype(np.int32)
