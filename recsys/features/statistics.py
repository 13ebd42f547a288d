"""Statistics of the visible ratings of each rating: dense features, in groups.

Values that all ratings share, such as overall means, come from the training part. So no statistic
depends on the label of a later rating (if the split follows time), or on a label of the validation
and test parts (if it is random).

Shapes: N ratings, M movies, G genres.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from recsys.features.gaussian_process import predict_opinions
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.visibility import RatingLog, VisibleRatings

Floats = npt.NDArray[np.float64]
Columns = dict[str, Floats]

SECONDS_PER_DAY = 86_400
# The decades of release years. Earlier and later years count as the first and the last decade.
FIRST_YEAR, DECADES = 1920, 9


class Statistics:
    """Computes the groups of columns that `features.dense` names, each with a method of that name.

    Args:
        log: the ratings.
        genres: whether a movie has a genre, [M, G]
        years: the release year of each movie, [M]
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
        # The stars above the movie's mean say more about the user than the stars themselves.
        movie_mean = self._mean(log.by_movie, log.stars, self.average, params.movie_damping)
        self.residual = log.stars - movie_mean
        self.user_residual = self._mean(log.by_user, self.residual, 0, params.user_damping)

    def compute(self, groups: tuple[str, ...]) -> Columns:
        """Compute the columns of some groups, by name, each [N]."""
        columns: Columns = {}
        for name in groups:
            columns |= GROUPS[name](self)
        return columns

    def user(self) -> Columns:
        """The number, mean, like rate and standard deviation of the user's ratings."""
        return self._moments("user", self.log.by_user, self.params.user_damping) | {
            "user_residual": self.user_residual
        }

    def movie(self) -> Columns:
        """The number, mean, like rate and standard deviation of the movie's ratings."""
        log = self.log
        unexplained = log.stars - self.average - self.user_residual
        return self._moments("movie", log.by_movie, self.params.movie_damping) | {
            "movie_residual": self._mean(log.by_movie, unexplained, 0, self.params.movie_damping)
        }

    def affinity(self) -> Columns:
        """How much more the user likes movies of these genres and this decade than other movies."""
        user, movie = self.log.user, self.log.movie
        total, count = np.zeros(len(user)), np.zeros(len(user))
        for genre in self.genres.T:
            member = genre[movie]
            in_genre = self.log.by_user.sum(member)
            residuals = self.log.by_user.sum(self.residual * member) - in_genre * self.user_residual
            total += member * residuals / (in_genre + self.params.user_damping)
            count += member * in_genre
        genres = np.maximum(self.genres[movie].sum(1), 1)
        decade = np.clip((self.years[movie] - FIRST_YEAR) // 10, 0, DECADES - 1)
        in_decade = VisibleRatings(user.astype(np.int64) * DECADES + decade, self.log)
        in_decade_count = in_decade.sum(self.ones)
        residuals = in_decade.sum(self.residual) - in_decade_count * self.user_residual
        return {
            "genre_affinity": total / genres,
            "genre_count": np.log1p(count / genres),
            "decade_affinity": residuals / (in_decade_count + self.params.user_damping),
        }

    def recent(self) -> Columns:
        """The user's last ratings or, if later ones are visible too, the nearest in time."""
        return self._last_ratings() if self.log.past_only else self._nearest_ratings()

    def time(self) -> Columns:
        """The time of the rating, in years, and since the user's earlier ratings (logarithms)."""
        log = self.log
        order, start = log.by_user.order, log.by_user.group_start
        seconds = log.seconds[order]
        first, gap, place = (np.empty(len(order)) for _ in range(3))
        first[order] = seconds - seconds[start]
        gap[order] = np.where(np.arange(len(order)) == start, 0, np.diff(seconds, prepend=0))
        place[order] = np.arange(len(order)) - start
        return {
            "days_since_first": np.log1p(first / SECONDS_PER_DAY),
            "seconds_since_last": np.log1p(gap),
            "ratings_before": np.log1p(place),
            "year_rated": (log.seconds - log.seconds[0]) / (365 * SECONDS_PER_DAY),
            "year_released": self.years[log.movie].astype(float),
        }

    def taste(self) -> Columns:
        """The stars that the Gaussian process predicts, and the prediction's standard deviation."""
        return self._predict("taste", self.log.stars)

    def liking(self) -> Columns:
        """The same for likes instead of stars."""
        return self._predict("liking", self.liked)

    def _predict(self, name: str, target: Floats) -> Columns:
        half_decades = np.clip((self.years - FIRST_YEAR) // 5, 0, 2 * DECADES - 2)
        content = np.column_stack(
            [np.ones(len(self.years)), self.genres, np.eye(2 * DECADES - 1)[half_decades]]
        )
        mean, deviation = predict_opinions(self.log, target, content, self.gaussian_process)
        return {name: mean, f"{name}_deviation": deviation}

    def _mean(self, visible: VisibleRatings, values: Floats, prior: float, weight: float) -> Floats:
        count = self.user_count if visible is self.log.by_user else self.movie_count
        return (visible.sum(values) + weight * prior) / (count + weight)

    def _moments(self, noun: str, visible: VisibleRatings, weight: float) -> Columns:
        mean = self._mean(visible, self.log.stars, self.average, weight)
        square = self._mean(visible, self.log.stars**2, self.average**2 + self.spread, weight)
        count = self.user_count if noun == "user" else self.movie_count
        return {
            f"{noun}_count": np.log1p(count),
            f"{noun}_mean": mean,
            f"{noun}_like_rate": self._mean(visible, self.liked, self.like_rate, weight),
            f"{noun}_spread": np.sqrt(np.maximum(square - mean**2, 0.01)),
        }

    def _last_ratings(self) -> Columns:
        columns, damping = {}, self.params.last_damping
        for count in self.params.last:
            residuals, likes, number = (
                self.log.by_user.sum_of_last(values, count)
                for values in (self.residual, self.liked, self.ones)
            )
            columns[f"last_{count}_residual"] = (residuals - number * self.user_residual) / (
                number + damping
            )
            columns[f"last_{count}_like_rate"] = (likes + damping * self.like_rate) / (
                number + damping
            )
        return columns

    def _nearest_ratings(self) -> Columns:
        columns, damping = {}, self.params.window_damping
        for window in self.params.windows:
            residuals, number = (
                self.log.by_user.sum_within(values, window) for values in (self.residual, self.ones)
            )
            columns[f"within_{window}_residual"] = (residuals - number * self.user_residual) / (
                number + damping
            )
            columns[f"within_{window}_count"] = np.log1p(number)
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
