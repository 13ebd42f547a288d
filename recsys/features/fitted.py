"""What the stage features fitted to the training part, and the params that it used.

Every exported artifact holds a copy of this file, so it imports NumPy and other copies.

Shapes: M movies and one unknown movie.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy.typing as npt

from recsys.features.gaussian_process.posterior import GaussianProcess
from recsys.features.statistics import Catalogue, MovieSums, TrainingMeans

Arrays = dict[str, npt.NDArray[Any]]
V = TypeVar("V")
# The fields of a `GaussianProcess` that are arrays.
PROCESS_ARRAYS = ("mean", "factors", "prior_mean", "prior_shifts")


@dataclass(frozen=True)
class Fitted:
    """Everything that the features of any pair need beside the user's ratings.

    Attributes:
        groups: the groups of columns, in the order of the registry.
        histories: the names of the histories, in the order of the registry.
        history_length: the largest number of movies in a history.
        past_only: whether only ratings of an earlier second are visible.
        label_threshold: a rating of more stars than this is a like; it lies between two ratings.
        cutoff: standardised columns are clipped at this many deviations.
        standardisation: the mean and the standard deviation of each column in the training part.
        end: the time of the last rating, in seconds since 1970.
        means: the means of the training part, and the smoothing constants.
        catalogue: the movies and, behind them, an unknown one, [M + 1]
        movies: sums over all visible ratings of each movie, [M + 1]
        processes: the Gaussian process of each group in `GP_TARGETS` that is a group.
    """

    groups: Sequence[str]
    histories: Sequence[str]
    history_length: int
    past_only: bool
    label_threshold: float
    cutoff: float
    standardisation: dict[str, tuple[float, float]]
    end: int
    means: TrainingMeans
    catalogue: Catalogue
    movies: MovieSums
    processes: dict[str, GaussianProcess]

    def to_parts(self) -> tuple[dict[str, Any], Arrays]:
        """The plain values, which JSON can hold, and the arrays by name."""
        plain = asdict(self)
        nested = {"catalogue": plain.pop("catalogue"), "movies": plain.pop("movies")._asdict()}
        for group, process in plain["processes"].items():
            nested[group] = {name: process.pop(name) for name in PROCESS_ARRAYS}
        return plain, {
            f"{n}.{name}": a for n, arrays in nested.items() for name, a in arrays.items()
        }

    @classmethod
    def from_parts(cls, plain: dict[str, Any], arrays: Mapping[str, Any]) -> "Fitted":
        """What `to_parts` gave. Raises: LookupError, TypeError, AttributeError: it gave others."""
        nested = {
            "means": TrainingMeans(**plain["means"]),
            "catalogue": Catalogue(**with_prefix("catalogue.", arrays)),
            "movies": MovieSums(**with_prefix("movies.", arrays)),
            "processes": {
                group: GaussianProcess(**process, **with_prefix(f"{group}.", arrays))
                for group, process in plain["processes"].items()
            },
        }
        return cls(**(plain | nested))


def with_prefix(prefix: str, values: Mapping[str, V]) -> dict[str, V]:
    """The values whose names begin with a prefix, under their names without it."""
    return {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}
