"""Statistics of the visible ratings of each row: dense features, in groups.

Three things are fitted to the training part as a whole: `TrainingMeans`, the mean and deviation
that standardise each column, and the Gaussian processes (for a training row, to the other folds).
Through these alone, a column depends on labels that its row does not see: the labels of the
training part (also of later rows, and of the row itself), and the labels that training rows see.
With a chronological split, no such label is later than the training part. With a random split, none
is in the validation or test part.

Every exported artifact holds a copy of this file, so it imports NumPy and other copies.

Shapes: N rows of a log, B target rows, M movies and one unknown, G genres.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recsys.common.arrays import Floats, Ints, Mask
from recsys.features.visibility import RatingLog, VisibleRatings

Columns = dict[str, Floats]

SECONDS_PER_DAY = 86_400
# The decades of release years. Earlier and later years count as the first and the last decade.
FIRST_YEAR, DECADES = 1920, 9
MIN_VARIANCE = 0.01


@dataclass(frozen=True)
class Catalogue:
    """Genres and release years of the movies.

    Attributes:
        genres: whether a movie has a genre, [M + 1, G]
        years: the release year of each movie, [M + 1]
    """

    genres: Mask
    years: Ints


@dataclass(frozen=True)
class TrainingMeans:
    """Means of the training part, and smoothing constants.

    Attributes:
        average, like_rate, spread: the mean of the stars, the fraction of likes and the variance of
            the stars in the training part.
        start: the time of the first rating, in seconds since 1970.
        user_damping, movie_damping, window_damping, windows: as in the section `statistics` of
            params.yaml.
    """

    average: float
    like_rate: float
    spread: float
    start: int
    user_damping: float
    movie_damping: float
    window_damping: float
    windows: Sequence[int]


class MovieSums(NamedTuple):
    """Sums over the ratings of movies: of those visible to each target, [B], or of all, [M + 1].

    Attributes:
        number: the number of ratings.
        stars, squares, likes: sums of the stars, of their squares and of the labels.
        user_adjusted: the sum of the stars less the overall mean and the user's damped mean of
            what the stars are above the movie's mean.
    """

    number: Floats
    stars: Floats
    squares: Floats
    likes: Floats
    user_adjusted: Floats

    @classmethod
    def of_ratings(cls, stars: Floats, label: Ints, user_adjusted: Floats) -> "MovieSums":
        """What each rating adds to the sums of its movie, [R] each."""
        return cls(np.ones(len(stars)), stars, stars**2, label.astype(float), user_adjusted)

    def mean(self, means: TrainingMeans) -> Floats:
        """The damped mean of the stars."""
        return damped_mean(self.stars, self.number, means.average, means.movie_damping)


class Statistics:
    """Computes groups of columns of the target rows, each [B], with a method for each group.

    Args:
        log: the rows.
        movie_adjusted: the stars of each rating less the movie's damped mean at its time, [N]
        movies: sums over the ratings of a target's movie that are visible to the target, [B] each
    """

    def __init__(
        self,
        log: RatingLog,
        movie_adjusted: Floats,
        movies: MovieSums,
        catalogue: Catalogue,
        means: TrainingMeans,
    ) -> None:
        self.log, self.movie_adjusted, self.movies = log, movie_adjusted, movies
        self.genres, self.years = catalogue.genres, catalogue.years
        self.means = means
        self.movie_rows, self.seconds = log.movie[log.targets], log.seconds[log.targets]
        self.liked = log.label.astype(float)
        self.user_count = log.by_user.sum(np.ones(len(movie_adjusted)))
        self.user_residual = damped_mean(
            log.by_user.sum(movie_adjusted), self.user_count, 0, means.user_damping
        )

    def user(self) -> Columns:
        """The number, mean, like rate and standard deviation of the user's ratings."""
        stars, squares, likes = (
            self.log.by_user.sum(v) for v in (self.log.stars, self.log.stars**2, self.liked)
        )
        damping = self.means.user_damping
        return self._moments("user", self.user_count, stars, squares, likes, damping) | {
            "user_residual": self.user_residual
        }

    def movie(self) -> Columns:
        """The number, mean, like rate and standard deviation of the movie's ratings."""
        count, stars, squares, likes, user_adjusted = self.movies
        damping = self.means.movie_damping
        return self._moments("movie", count, stars, squares, likes, damping) | {
            "movie_residual": damped_mean(user_adjusted, count, 0, damping)
        }

    def affinity(self) -> Columns:
        """How much more the user likes movies of these genres and this decade than other movies."""
        targets, damping = self.log.targets, self.means.user_damping
        total, count = np.zeros(len(self.seconds)), np.zeros(len(self.seconds))
        for genre in self.genres.T:
            member = genre[self.log.movie]
            in_genre = self.log.by_user.sum(member)
            stars = self.log.by_user.sum(self.movie_adjusted * member)
            residuals = stars - in_genre * self.user_residual
            total += member[targets] * damped_mean(residuals, in_genre, 0, damping)
            count += member[targets] * in_genre
        genres = np.maximum(self.genres[self.movie_rows].sum(1), 1)
        decade = np.clip((self.years[self.log.movie] - FIRST_YEAR) // 10, 0, DECADES - 1)
        in_decade = VisibleRatings(self.log.user.astype(np.int64) * DECADES + decade, self.log)
        decade_count = in_decade.sum(np.ones(len(decade)))
        residuals = in_decade.sum(self.movie_adjusted) - decade_count * self.user_residual
        return {
            "genre_affinity": total / genres,
            "genre_count": np.log1p(count / genres),
            "decade_affinity": damped_mean(residuals, decade_count, 0, damping),
        }

    def recent(self) -> Columns:
        """The user's nearest ratings in time; no columns if the past alone is visible."""
        columns: Columns = {}
        damping = self.means.window_damping
        for window in () if self.log.past_only else self.means.windows:
            bounds = self.log.by_user.find_window(window)
            residuals, number = (
                self.log.by_user.sum_within(values, bounds)
                for values in (self.movie_adjusted, np.ones(len(self.liked)))
            )
            columns[f"within_{window}_residual"] = damped_mean(
                residuals - number * self.user_residual, number, 0, damping
            )
            columns[f"within_{window}_count"] = np.log1p(number)
        return columns

    def time(self) -> Columns:
        """The time of the row since the first of all ratings, and the release, in years."""
        return {
            "year_rated": (self.seconds - self.means.start) / (365 * SECONDS_PER_DAY),
            "year_released": self.years[self.movie_rows].astype(float),
        }

    def _moments(
        self, noun: str, count: Floats, stars: Floats, squares: Floats, likes: Floats, weight: float
    ) -> Columns:
        average = self.means.average
        mean = damped_mean(stars, count, average, weight)
        square = damped_mean(squares, count, average**2 + self.means.spread, weight)
        return {
            f"{noun}_count": np.log1p(count),
            f"{noun}_mean": mean,
            f"{noun}_like_rate": damped_mean(likes, count, self.means.like_rate, weight),
            f"{noun}_spread": np.sqrt(np.maximum(square - mean**2, MIN_VARIANCE)),
        }


GROUPS: dict[str, Callable[[Statistics], Columns]] = {
    "user": Statistics.user,
    "movie": Statistics.movie,
    "affinity": Statistics.affinity,
    "recent": Statistics.recent,
    "time": Statistics.time,
}


def damped_mean(sums: Floats, count: Floats, prior: float, weight: float) -> Floats:
    """The mean of `count` values and of `weight` more, which equal `prior`."""
    return (sums + weight * prior) / (count + weight)
