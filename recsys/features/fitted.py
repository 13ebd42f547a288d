"""What the stage features learnt from the training part, and the params that it used.

Every exported artifact holds a copy of this file, so it imports NumPy and other copies.

Shapes: M movies and one unknown movie.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.features.posterior import GaussianProcess
from recsys.features.statistics import Catalogue, Constants, MovieSums

Standardisation = dict[str, tuple[float, float]]
Numbers = dict[str, npt.NDArray[Any]]
# The fields that hold arrays.
ARRAYS = ("constants", "catalogue", "movies", "processes")


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
        constants: what the statistics share.
        catalogue: the movies and, behind them, an unknown one, [M + 1]
        movies: sums over all visible ratings of each movie, [M + 1]
        processes: the Gaussian process of each group in `OPINIONS` that is a group.
    """

    groups: tuple[str, ...]
    histories: tuple[str, ...]
    history_length: int
    past_only: bool
    label_threshold: float
    cutoff: float
    standardisation: Standardisation
    end: int
    constants: Constants
    catalogue: Catalogue
    movies: MovieSums
    processes: dict[str, GaussianProcess]

    def to_json(self) -> dict[str, Any]:
        """The plain values, as objects, lists, strings and numbers of JSON."""
        names = [field.name for field in fields(self) if field.name not in ARRAYS]
        processes = {
            group: {
                "noise": p.noise,
                "moods": p.moods,
                "lasting": p.lasting,
                "fading": p.fading_days,
            }
            for group, p in self.processes.items()
        }
        return {name: getattr(self, name) for name in names} | {
            "constants": asdict(self.constants),
            "processes": processes,
        }

    def to_numbers(self) -> Numbers:
        """The arrays, by name."""
        arrays = {
            "genres": self.catalogue.genres,
            "years": self.catalogue.years.astype(np.int32),
            **{f"movies.{name}": sums for name, sums in self.movies._asdict().items()},
        }
        for group, process in self.processes.items():
            arrays |= {f"{group}.mean": process.mean, f"{group}.factors": process.factors}
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    @classmethod
    def from_parts(cls, content: dict[str, Any], numbers: Numbers) -> "Fitted":
        """What `to_json` and `to_numbers` gave.

        Raises:
            LookupError, TypeError, ValueError: they are not of one another.
        """
        constants = dict(content["constants"])
        constants |= {name: tuple(constants[name]) for name in ("last", "windows")}
        processes = {
            group: GaussianProcess(
                mean=numbers[f"{group}.mean"],
                factors=numbers[f"{group}.factors"],
                noise=plain["noise"],
                moods=tuple(tuple(mood) for mood in plain["moods"]),
                lasting=plain["lasting"],
                fading_days=plain["fading"],
            )
            for group, plain in content["processes"].items()
        }
        return cls(
            groups=tuple(content["groups"]),
            histories=tuple(content["histories"]),
            history_length=content["history_length"],
            past_only=content["past_only"],
            label_threshold=content["label_threshold"],
            cutoff=content["cutoff"],
            standardisation={
                n: (mean, std) for n, (mean, std) in content["standardisation"].items()
            },
            end=content["end"],
            constants=Constants(**constants),
            catalogue=Catalogue(numbers["genres"], numbers["years"]),
            movies=MovieSums(*(numbers[f"movies.{name}"] for name in MovieSums._fields)),
            processes=processes,
        )
