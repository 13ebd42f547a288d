"""What the model's numbers stand for: raw id <-> index, genre <-> code, score <-> stars."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys.common.atomic import replacing
from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale

UNKNOWN = 0


@dataclass(frozen=True)
class Vocabulary:
    """The ids and names of a data set.

    Attributes:
        userids, movieids: raw ids, ascending; the id at position i has index i + 1, and index 0
            is "unknown".
        genres: names, ascending; the one at position i has code i.
        categories: of age, occupation, zip and period, how many there are.
        rating_scale: the ratings that users could give.
    """

    userids: npt.NDArray[np.int32]
    movieids: npt.NDArray[np.int32]
    genres: tuple[str, ...]
    categories: dict[str, int]
    rating_scale: RatingScale

    @property
    def sizes(self) -> dict[str, int]:
        """Rows that the embedding table of each sparse feature needs."""
        movies = len(self.movieids) + 1
        return {
            "userid": len(self.userids) + 1,
            "movieid": movies,
            "liked": movies,
            "disliked": movies,
            # A data set without any genre still has the (always empty) feature.
            "genres": max(len(self.genres), 1),
            **self.categories,
        }

    def save(self, path: Path) -> None:
        content = {
            "userid": self.userids.tolist(),
            "movieid": self.movieids.tolist(),
            "genres": self.genres,
            "categories": self.categories,
            "rating_scale": asdict(self.rating_scale),
        }
        with replacing(path) as partial:
            partial.write_text(json.dumps(content) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Raises: InputError: the file is missing or not a vocabulary."""
        try:
            content = json.loads(path.read_text())
            return cls(
                np.array(content["userid"], np.int32),
                np.array(content["movieid"], np.int32),
                tuple(content["genres"]),
                content["categories"],
                RatingScale(**content["rating_scale"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is no vocabulary ({error}); run `dvc repro`") from error


def index_ids(
    raw: npt.NDArray[np.int32], vocabulary: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Indices of raw ids in an ascending vocabulary: 1 + position, or 0 for an id not in it."""
    position = np.searchsorted(vocabulary, raw)
    found = vocabulary[np.minimum(position, len(vocabulary) - 1)] == raw
    return np.where(found, position + 1, UNKNOWN).astype(np.int32)
