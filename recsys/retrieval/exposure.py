"""The exposure model as files, and what it says about people and movies.

Shapes: M movies, B people, R movies of one person.
"""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse
from safetensors.numpy import load_file, save_file

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.retrieval.ease import Ints, Weights
from recsys.storage.origin import Origin, digest, require_same_run

DESCRIPTION, WEIGHTS = "exposure.json", "exposure.safetensors"
Scores = npt.NDArray[np.float32]


class Exposure:
    """Scores how likely people are to pick up movies, from the movies that they picked up.

    Args:
        weights: the weight of each movie, by row, in the score of another, by column, [M, M]
        origin: digests of the users and movies, and of the split.
    """

    def __init__(self, weights: Weights, origin: Origin) -> None:
        self.weights: Scores = weights.astype(np.float32)
        self.origin = origin

    def score(self, histories: scipy.sparse.csr_matrix) -> Scores:
        """The scores of all movies for some people, [B, M]; higher is likelier, and 0 is nothing.

        Args:
            histories: 1 for each movie that a person picked up, else 0, [B, M]
        """
        scores: Scores = histories.astype(np.float32) @ self.weights
        return scores

    def find_reasons(self, history: Ints, movie: int, top: int) -> Ints:
        """The movies of a person that weigh most in the score of a movie, at most `top`.

        Args:
            history: rows of the movies table, [R]
        """
        weights = self.weights[history, movie]
        best = np.argsort(-weights, kind="stable")[:top]
        reasons: Ints = history[best[weights[best] > 0]]
        return reasons

    def find_similar(self, movie: int) -> Scores:
        """How much each movie and this one say about each other: the mean of both weights, [M]"""
        similar: Scores = (self.weights[movie] + self.weights[:, movie]) / 2
        return similar

    def save(self, folder: Path) -> None:
        """Write the weights, and a description with their digest."""
        with atomic_write(folder) as partial:
            partial.mkdir()
            save_file({"weights": self.weights.astype(np.float16)}, partial / WEIGHTS)
            content = {"origin": self.origin, "weights": _digest_file(partial / WEIGHTS)}
            (partial / DESCRIPTION).write_text(json.dumps(content, indent=2) + "\n")
            # safetensors makes a file that only its owner can read.
            (partial / WEIGHTS).chmod((partial / DESCRIPTION).stat().st_mode)

    @classmethod
    def load(cls, folder: Path, other: Path, origin: Origin) -> "Exposure":
        """Read what `save` wrote.

        Args:
            other: the folder of the users and movies that the weights have to fit.
            origin: their digests.

        Raises:
            InputError: a file is missing, was changed, or belongs to another run.
        """
        try:
            content = json.loads((folder / DESCRIPTION).read_text())
            require_same_run(folder, content["origin"], other, origin)
            if _digest_file(folder / WEIGHTS) != content["weights"]:
                raise ValueError(f"{WEIGHTS} was changed")
            return cls(load_file(folder / WEIGHTS)["weights"], content["origin"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise InputError(
                f"{folder} is no exposure model ({error}); restore it with `dvc checkout`, or run "
                "`dvc repro retrieve`"
            ) from error


def _digest_file(path: Path) -> str:
    return digest(np.frombuffer(path.read_bytes(), np.uint8))
