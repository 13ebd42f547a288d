"""Numbers that describe a rating by the ratings visible to it: dense features, by group.

What all ratings share, such as overall means, comes from the training part. So no statistic holds
the label of a later rating where the split follows time, nor one of the validation and test parts
where it is random.

Shapes: N ratings, M movies, G genres.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from recsys.features.gaussian_process import predict_opinions
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.visibility import RatingLog, Visible

Floats = npt.NDArray[np.float64]
Columns = dict[str, Floats]

SECONDS_A_DAY = 86_400
# Of the years of release; earlier and later ones count as the first and the last.
FIRST_YEAR, DECADES = 1920, 9


class Statistics:
    """The groups of columns, each of [N], by the names of params.yaml's `features.dense`.

    Args:
        log: the ratings.
        genres: whether a movie has a genre, [M, G]
        years: of release, [M]
    """

    def __init__(
        self,
        log: RatingLog,
        genres: npt.NDArray[np.bool_],
        years: npt.NDArray[np.integer],
        params: StatisticsParams,
        gaussian_process: GaussianProcessParams,
    ) -> None:
        self.log, self.genres, self.years = log, genres, years
        self.params, self.gaussian_process = params, gaussian_process
        self.ones = np.ones(len(log.stars))
        self.liked = log.label.astype(float)
        self.average = log.stars[log.training].mean()
        self.like_rate = self.liked[log.training].mean()
        self.spread = log.stars[log.training].var()
        self.user_count = log.by_user.sum(self.ones)
        self.movie_count = log.by_movie.sum(self.ones)
        # What a rating says of its user: stars above what others gave the movie.
        movie_mean = self._mean(log.by_movie, log.stars, self.average, params.movie_damping)
        self.residual = log.stars - movie_mean
        self.user_residual = self._mean(log.by_user, self.residual, 0, params.user_damping)

    def compute(self, groups: tuple[str, ...]) -> Columns:
        """The columns of some groups, by column."""
        columns: Columns = {}
        for name in groups:
            columns |= GROUPS[name](self)
        return columns

    def user(self) -> Columns:
        """Of the user: number, mean, like rate and spread of the ratings."""
        return self._moments("user", self.log.by_user, self.params.user_damping) | {
            "user_residual": self.user_residual
        }

    def movie(self) -> Columns:
        """Of the movie: number, mean, like rate and spread of the ratings."""
        log = self.log
        unexplained = log.stars - self.average - self.user_residual
        return self._moments("movie", log.by_movie, self.params.movie_damping) | {
            "movie_residual": self._mean(log.by_movie, unexplained, 0, self.params.movie_damping)
        }

    def affinity(self) -> Columns:
        """How much more the user likes the movie's genres and decade than other movies."""
        user, movie = self.log.user, self.log.movie
        total, count = np.zeros(len(user)), np.zeros(len(user))
        for genre in self.genres.T:
            member = genre[movie]
            of_genre = self.log.by_user.sum(member)
            about = self.log.by_user.sum(self.residual * member) - of_genre * self.user_residual
            total += member * about / (of_genre + self.params.user_damping)
            count += member * of_genre
        genres = np.maximum(self.genres[movie].sum(1), 1)
        decade = np.clip((self.years[movie] - FIRST_YEAR) // 10, 0, DECADES - 1)
        of_decade = Visible(user.astype(np.int64) * DECADES + decade, self.log)
        same = of_decade.sum(self.ones)
        about = of_decade.sum(self.residual) - same * self.user_residual
        return {
            "genre_affinity": total / genres,
            "genre_count": np.log1p(count / genres),
            "decade_affinity": about / (same + self.params.user_damping),
        }

    def recent(self) -> Columns:
        """The user's last ratings; where later ones are visible too, the nearest in time."""
        return self._last() if self.log.past_only else self._near()

    def time(self) -> Columns:
        """When the rating is given, in years, or in logarithms of days and seconds."""
        log = self.log
        order, start = log.by_user.order, log.by_user.start
        seconds = log.seconds[order]
        first, gap, place = (np.empty(len(order)) for _ in range(3))
        first[order] = seconds - seconds[start]
        gap[order] = np.where(np.arange(len(order)) == start, 0, np.diff(seconds, prepend=0))
        place[order] = np.arange(len(order)) - start
        return {
            "days_since_first": np.log1p(first / SECONDS_A_DAY),
            "seconds_since_last": np.log1p(gap),
            "ratings_before": np.log1p(place),
            "year_rated": (log.seconds - log.seconds[0]) / (365 * SECONDS_A_DAY),
            "year_released": self.years[log.movie].astype(float),
        }

    def taste(self) -> Columns:
        """Stars predicted from the user's other ratings, and how uncertain that is."""
        return self._predict("taste", self.log.stars)

    def liking(self) -> Columns:
        """The same for likes."""
        return self._predict("liking", self.liked)

    def _predict(self, name: str, target: Floats) -> Columns:
        half_decades = np.clip((self.years - FIRST_YEAR) // 5, 0, 2 * DECADES - 2)
        content = np.column_stack(
            [np.ones(len(self.years)), self.genres, np.eye(2 * DECADES - 1)[half_decades]]
        )
        mean, deviation = predict_opinions(self.log, target, content, self.gaussian_process)
        return {name: mean, f"{name}_deviation": deviation}

    def _mean(self, visible: Visible, values: Floats, prior: float, weight: float) -> Floats:
        count = self.user_count if visible is self.log.by_user else self.movie_count
        return (visible.sum(values) + weight * prior) / (count + weight)

    def _moments(self, noun: str, visible: Visible, weight: float) -> Columns:
        mean = self._mean(visible, self.log.stars, self.average, weight)
        square = self._mean(visible, self.log.stars**2, self.average**2 + self.spread, weight)
        count = self.user_count if noun == "user" else self.movie_count
        return {
            f"{noun}_count": np.log1p(count),
            f"{noun}_mean": mean,
            f"{noun}_like_rate": self._mean(visible, self.liked, self.like_rate, weight),
            f"{noun}_spread": np.sqrt(np.maximum(square - mean**2, 0.01)),
        }

    def _last(self) -> Columns:
        columns, damping = {}, self.params.last_damping
        for count in self.params.last:
            about, likes, seen = (
                self.log.by_user.sum_of_last(values, count)
                for values in (self.residual, self.liked, self.ones)
            )
            columns[f"last_{count}_residual"] = (about - seen * self.user_residual) / (
                seen + damping
            )
            columns[f"last_{count}_like_rate"] = (likes + damping * self.like_rate) / (
                seen + damping
            )
        return columns

    def _near(self) -> Columns:
        columns, damping = {}, self.params.window_damping
        for window in self.params.windows:
            about, seen = (
                self.log.by_user.sum_within(values, window) for values in (self.residual, self.ones)
            )
            columns[f"within_{window}_residual"] = (about - seen * self.user_residual) / (
                seen + damping
            )
            columns[f"within_{window}_count"] = np.log1p(seen)
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
