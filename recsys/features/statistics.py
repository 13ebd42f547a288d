"""Statistics of the visible ratings of each row: dense features, in groups.

Values that all rows share, such as overall means, come from the training part. So no statistic
depends on the label of a later rating (if the split follows time), or on a label of the validation
and test parts (if it is random).

Every exported artifact holds a copy of this file, so it imports NumPy and `visibility` alone.

Shapes: N rows of a log, B rows whose statistics are wanted, M movies and one unknown, G genres.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.features.visibility import RatingLog, VisibleRatings

Floats = npt.NDArray[np.float64]
Columns = dict[str, Floats]

SECONDS_PER_DAY = 86_400
# The decades of release years. Earlier and later years count as the first and the last decade.
FIRST_YEAR, DECADES = 1920, 9
LEAST_VARIANCE = 0.01


class Catalogue(NamedTuple):
    """What the statistics need to know about the movies.

    Attributes:
        genres: whether a movie has a genre, [M + 1, G]
        years: the release year of each movie, [M + 1]
    """

    genres: npt.NDArray[np.bool_]
    years: npt.NDArray[np.integer]


@dataclass(frozen=True)
class Constants:
    """What is the same for all rows.

    Attributes:
        average, like_rate, spread: the mean of the stars, the share of likes and the variance of
            the stars in the training part.
        start: the time of the first rating, in seconds since 1970.
        user_damping, movie_damping, last_damping, window_damping, last, windows: as in the section
            `statistics` of params.yaml.
    """

    average: float
    like_rate: float
    spread: float
    start: int
    user_damping: float
    movie_damping: float
    last_damping: float
    window_damping: float
    last: tuple[int, ...]
    windows: tuple[int, ...]


class MovieSums(NamedTuple):
    """Sums over the ratings of movies.

    The sums are those over the ratings that are visible to each wanted row, [B], or over all
    ratings of each movie, [M + 1].

    Attributes:
        number: of ratings.
        stars, squares, likes: sums of the stars, of their squares and of the labels.
        unexplained: the sum of the stars above those that the user usually gives.
    """

    number: Floats
    stars: Floats
    squares: Floats
    likes: Floats
    unexplained: Floats

    def mean(self, constants: Constants) -> Floats:
        """The damped mean of the stars."""
        return damped_mean(self.stars, self.number, constants.average, constants.movie_damping)


class Statistics:
    """Computes groups of columns of the wanted rows, each [B], with a method for each group.

    Args:
        log: the rows.
        residual: for each rating, the stars above the movie's damped mean at its time, [N]
        movies: sums over the ratings of a wanted row's movie that are visible to the row, [B] each
    """

    def __init__(
        self,
        log: RatingLog,
        residual: Floats,
        movies: MovieSums,
        catalogue: Catalogue,
        constants: Constants,
    ) -> None:
        self.log, self.residual, self.movies = log, residual, movies
        self.genres, self.years = catalogue
        self.constants = constants
        self.movie_rows, self.seconds = log.movie[log.wanted], log.seconds[log.wanted]
        self.liked = log.label.astype(float)
        self.user_count = log.by_user.sum(np.ones(len(residual)))
        self.user_residual = damped_mean(
            log.by_user.sum(residual), self.user_count, 0, constants.user_damping
        )

    def user(self) -> Columns:
        """The number, mean, like rate and standard deviation of the user's ratings."""
        stars, squares, likes = (
            self.log.by_user.sum(v) for v in (self.log.stars, self.log.stars**2, self.liked)
        )
        damping = self.constants.user_damping
        return self._moments("user", self.user_count, stars, squares, likes, damping) | {
            "user_residual": self.user_residual
        }

    def movie(self) -> Columns:
        """The number, mean, like rate and standard deviation of the movie's ratings."""
        count, stars, squares, likes, unexplained = self.movies
        damping = self.constants.movie_damping
        return self._moments("movie", count, stars, squares, likes, damping) | {
            "movie_residual": damped_mean(unexplained, count, 0, damping)
        }

    def affinity(self) -> Columns:
        """How much more the user likes movies of these genres and this decade than other movies."""
        wanted, damping = self.log.wanted, self.constants.user_damping
        total, count = np.zeros(len(self.seconds)), np.zeros(len(self.seconds))
        for genre in self.genres.T:
            member = genre[self.log.movie]
            in_genre = self.log.by_user.sum(member)
            residuals = self.log.by_user.sum(self.residual * member) - in_genre * self.user_residual
            total += member[wanted] * damped_mean(residuals, in_genre, 0, damping)
            count += member[wanted] * in_genre
        genres = np.maximum(self.genres[self.movie_rows].sum(1), 1)
        decade = np.clip((self.years[self.log.movie] - FIRST_YEAR) // 10, 0, DECADES - 1)
        in_decade = VisibleRatings(self.log.user.astype(np.int64) * DECADES + decade, self.log)
        decade_count = in_decade.sum(np.ones(len(decade)))
        residuals = in_decade.sum(self.residual) - decade_count * self.user_residual
        return {
            "genre_affinity": total / genres,
            "genre_count": np.log1p(count / genres),
            "decade_affinity": damped_mean(residuals, decade_count, 0, damping),
        }

    def recent(self) -> Columns:
        """The user's last ratings or, if later ones are visible too, the nearest in time."""
        return self._last_ratings() if self.log.past_only else self._nearest_ratings()

    def time(self) -> Columns:
        """The time of the row, in years, and since the user's earlier ratings (logarithms)."""
        seconds = self.seconds
        first, last, number = self.log.by_user.times()
        return {
            "days_since_first": np.log1p((seconds - first) / SECONDS_PER_DAY),
            "seconds_since_last": np.log1p(seconds - last),
            "ratings_before": np.log1p(number),
            "year_rated": (seconds - self.constants.start) / (365 * SECONDS_PER_DAY),
            "year_released": self.years[self.movie_rows].astype(float),
        }

    def _moments(
        self, noun: str, count: Floats, stars: Floats, squares: Floats, likes: Floats, weight: float
    ) -> Columns:
        average = self.constants.average
        mean = damped_mean(stars, count, average, weight)
        square = damped_mean(squares, count, average**2 + self.constants.spread, weight)
        return {
            f"{noun}_count": np.log1p(count),
            f"{noun}_mean": mean,
            f"{noun}_like_rate": damped_mean(likes, count, self.constants.like_rate, weight),
            f"{noun}_spread": np.sqrt(np.maximum(square - mean**2, LEAST_VARIANCE)),
        }

    def _last_ratings(self) -> Columns:
        columns, damping = {}, self.constants.last_damping
        for count in self.constants.last:
            residuals, likes, number = (
                self.log.by_user.sum_of_last(values, count)
                for values in (self.residual, self.liked, np.ones(len(self.liked)))
            )
            columns[f"last_{count}_residual"] = damped_mean(
                residuals - number * self.user_residual, number, 0, damping
            )
            columns[f"last_{count}_like_rate"] = damped_mean(
                likes, number, self.constants.like_rate, damping
            )
        return columns

    def _nearest_ratings(self) -> Columns:
        columns, damping = {}, self.constants.window_damping
        for window in self.constants.windows:
            bounds = self.log.by_user.find_window(window)
            residuals, number = (
                self.log.by_user.sum_within(values, bounds)
                for values in (self.residual, np.ones(len(self.liked)))
            )
            columns[f"within_{window}_residual"] = damped_mean(
                residuals - number * self.user_residual, number, 0, damping
            )
            columns[f"within_{window}_count"] = np.log1p(number)
        return columns


GROUPS: dict[str, Callable[[Statistics], Columns]] = {
    "user": Statistics.user,
    "movie": Statistics.movie,
    "affinity": Statistics.affinity,
    "recent": Statistics.recent,
    "time": Statistics.time,
}


def sum_movies(log: RatingLog, constants: Constants) -> tuple[MovieSums, Floats, Floats]:
    """The sums of each row's movie, and what they and the user leave unexplained of each rating.

    Args:
        log: all ratings.

    Returns:
        the sums, [N] each; the stars above the movie's mean, [N], which say more about the user
        than the stars themselves; the stars above those that the user usually gives, [N]
    """
    ones, liked = np.ones(len(log.stars)), log.label.astype(float)
    values = (ones, log.stars, log.stars**2, liked, np.zeros(len(ones)))
    sums = MovieSums(*(log.by_movie.sum(v) for v in values))
    residual = log.stars - sums.mean(constants)
    user_residual = damped_mean(
        log.by_user.sum(residual), log.by_user.sum(ones), 0, constants.user_damping
    )
    unexplained = log.stars - constants.average - user_residual
    return sums._replace(unexplained=log.by_movie.sum(unexplained)), residual, unexplained


def damped_mean(sums: Floats, count: Floats, prior: float, weight: float) -> Floats:
    """The mean of `count` values and of `weight` more, which equal `prior`."""
    return (sums + weight * prior) / (count + weight)
