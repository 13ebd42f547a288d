"""Numbers that describe a rating before it is given: dense features, by group.

Each counts only what the rating may know (`recsys.features.visibility`), and what all ratings
share, such as overall means, comes from the training part: beyond that, no label of a later rating
is in any of them where the split follows time, and none of the validation and test parts where it
does not.

Shapes: N ratings, M movies, G genres.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from recsys.features.gaussian_process import predict_taste
from recsys.features.visibility import Facts, Known, exact

Floats = npt.NDArray[np.float64]
Columns = dict[str, Floats]

# Pseudo-counts that draw a mean over few ratings to the overall one.
USER_PRIOR = 5
MOVIE_PRIOR = 10
SECONDS_A_DAY = 86_400
# Seconds before and after a rating.
WINDOWS = (0, 60, 1800, SECONDS_A_DAY)
DECADES = 9
# Of the taste's factors.
SEED = 1


class Statistics:
    """The groups of columns, each of [N], by the names of params.yaml's `features.dense`.

    Args:
        facts: the ratings.
        genres: whether a movie has a genre, [M, G]
        years: of release, [M]
    """

    def __init__(
        self, facts: Facts, genres: npt.NDArray[np.bool_], years: npt.NDArray[np.integer]
    ) -> None:
        self.facts, self.genres, self.years = facts, genres, years
        self.ones = np.ones(len(facts.stars))
        self.liked = facts.label.astype(float)
        self.average = facts.stars[facts.training].mean()
        self.like_rate = self.liked[facts.training].mean()
        self.spread = facts.stars[facts.training].var()
        self.user_count = facts.by_user.sum(self.ones)
        self.movie_count = facts.by_movie.sum(self.ones)
        # What a rating says of its user: stars above what others gave the movie.
        self.movie_mean = self._mean(facts.by_movie, facts.stars, self.average, MOVIE_PRIOR)
        self.residual = facts.stars - self.movie_mean
        self.user_residual = self._mean(facts.by_user, self.residual, 0, USER_PRIOR)

    def compute(self, groups: tuple[str, ...]) -> Columns:
        """The columns of some groups, by column."""
        columns: Columns = {}
        for name in groups:
            columns |= GROUPS[name](self)
        return columns

    def user(self) -> Columns:
        """How many ratings, how kind, how varied."""
        return self._moments("user", self.facts.by_user, USER_PRIOR) | {
            "user_residual": self.user_residual
        }

    def movie(self) -> Columns:
        """How many ratings, how good, how disputed."""
        facts = self.facts
        unexplained = facts.stars - self.average - self.user_residual
        return self._moments("movie", facts.by_movie, MOVIE_PRIOR) | {
            "movie_residual": self._mean(facts.by_movie, unexplained, 0, MOVIE_PRIOR)
        }

    def affinity(self) -> Columns:
        """What the user thinks of the movie's genres, and of its decade, next to other movies."""
        user, movie = self.facts.user, self.facts.movie
        total, count = np.zeros(len(user)), np.zeros(len(user))
        for genre in self.genres.T:
            member = genre[movie]
            of_genre = self.facts.by_user.sum(member)
            about = self.facts.by_user.sum(self.residual * member) - of_genre * self.user_residual
            total += member * about / (of_genre + USER_PRIOR)
            count += member * of_genre
        genres = np.maximum(self.genres[movie].sum(1), 1)
        decade = np.clip((self.years[movie] - 1920) // 10, 0, DECADES - 1)
        of_decade = Known(user.astype(np.int64) * DECADES + decade, self.facts)
        same = of_decade.sum(self.ones)
        about = of_decade.sum(self.residual) - same * self.user_residual
        return {
            "genre_affinity": total / genres,
            "genre_count": np.log1p(count / genres),
            "decade_affinity": about / (same + USER_PRIOR),
        }

    def recent(self) -> Columns:
        """What the user said shortly before; where a rating knows later ones, about then."""
        return self._last() if self.facts.causal else self._near()

    def time(self) -> Columns:
        """When it is, for the user and for all; in years, or logarithms of days and seconds."""
        facts = self.facts
        order, start = facts.by_user.order, facts.by_user.start
        seconds = facts.seconds[order]
        first, gap, place = (np.empty(len(order)) for _ in range(3))
        first[order] = seconds - seconds[start]
        gap[order] = np.where(np.arange(len(order)) == start, 0, np.diff(seconds, prepend=0))
        place[order] = np.arange(len(order)) - start
        return {
            "days_since_first": np.log1p(first / SECONDS_A_DAY),
            "seconds_since_last": np.log1p(gap),
            "ratings_before": np.log1p(place),
            "year_rated": (facts.seconds - facts.seconds[0]) / (365 * SECONDS_A_DAY),
            "year_released": self.years[facts.movie].astype(float),
        }

    def taste(self) -> Columns:
        """Stars that the user's other ratings let expect, and how sure that is."""
        return self._expect("taste", self.facts.stars)

    def liking(self) -> Columns:
        """The same of likes."""
        return self._expect("liking", self.liked)

    def _expect(self, name: str, target: Floats) -> Columns:
        half_decades = np.clip((self.years - 1920) // 5, 0, 2 * DECADES - 2)
        content = np.column_stack(
            [np.ones(len(self.years)), self.genres, np.eye(2 * DECADES - 1)[half_decades]]
        )
        mean, deviation = predict_taste(self.facts, target, content, SEED)
        return {name: mean, f"{name}_deviation": deviation}

    def _mean(self, known: Known, values: Floats, prior: float, weight: float) -> Floats:
        count = self.user_count if known is self.facts.by_user else self.movie_count
        return (known.sum(values) + weight * prior) / (count + weight)

    def _moments(self, noun: str, known: Known, weight: float) -> Columns:
        mean = self._mean(known, self.facts.stars, self.average, weight)
        square = self._mean(known, self.facts.stars**2, self.average**2 + self.spread, weight)
        count = self.user_count if noun == "user" else self.movie_count
        return {
            f"{noun}_count": np.log1p(count),
            f"{noun}_mean": mean,
            f"{noun}_like_rate": self._mean(known, self.liked, self.like_rate, weight),
            f"{noun}_spread": np.sqrt(np.maximum(square - mean**2, 0.01)),
        }

    def _last(self) -> Columns:
        columns = {}
        for count in (1, 5, 20):
            about, likes, known = (
                self.facts.by_user.sum_of_last(values, count)
                for values in (self.residual, self.liked, self.ones)
            )
            columns[f"last_{count}_residual"] = (about - known * self.user_residual) / (known + 1)
            columns[f"last_{count}_like_rate"] = (likes + self.like_rate) / (known + 1)
        return columns

    def _near(self) -> Columns:
        facts, known = self.facts, self.facts.by_user
        seconds = facts.seconds[known.order]
        # Ascending over all users: each has a stretch of its own.
        span = int(seconds.max()) - int(seconds.min()) + WINDOWS[-1] + 1
        key = facts.user[known.order].astype(np.int64) * span + (seconds - seconds.min())
        columns = {}
        for window in WINDOWS:
            start = np.searchsorted(key, key - window, "left")
            end = np.searchsorted(key, key + window, "right")
            about, count = (
                known.between(values * facts.training, start, end) - exact(values * facts.training)
                for values in (self.residual, self.ones)
            )
            columns[f"within_{window}_residual"] = (about - count * self.user_residual) / (
                count + 2
            )
            columns[f"within_{window}_count"] = np.log1p(count)
        return columns


GROUPS: dict[str, Callable[[Statistics], Columns]] = {
    "user": Statistics.user,
    "movie": Statistics.movie,
    "affinity": Statistics.affinity,
    "recent": Statistics.recent,
    "time": Statistics.time,
    "taste": Statistics.taste,
    "liking": Statistics.liking,
}
