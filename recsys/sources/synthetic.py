"""Synthetic ratings of any number, drawn from a planted model whose best possible AUC is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from recsys.common.arrays import Floats, Ints, Mask
from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.sources.params import FetchParams

# Length of the taste vector of a user or a movie.
TASTE_DIMENSION = 8
# The files have the layout of ML-100K, which has this many genres.
GENRES = 18
# The first and the last rating, in seconds since 1970.
TIMESTAMPS = (874_724_710, 1_046_454_590)
# Ratings per batch, roughly: the ratings of one user are never divided.
RATINGS_AT_ONCE = 2**20


@dataclass(frozen=True)
class PlantedModel:
    """Users and movies with ids from 1, and the probability that a user likes a movie.

    The log-odds of a like are the sum of four terms: the user's bias, the movie's bias, the dot
    product of their tastes, and the preference of the user's gender for the movie's genres.

    Attributes:
        activity: number of ratings of each user, long-tailed, [users]
        popularity: probability that a rating is of this movie, long-tailed, [movies]
        genres: whether a movie has a genre, [movies, GENRES]
        woman: whether a user is a woman, [users]
        user_bias: [users]
        movie_bias: [movies]
        user_taste: [users, TASTE_DIMENSION]
        movie_taste: [movies, TASTE_DIMENSION]
        womens_bias: log-odds that a woman adds to a like, and a man takes off, [movies]
    """

    activity: Ints
    popularity: Floats
    genres: Mask
    woman: Mask
    user_bias: Floats
    movie_bias: Floats
    user_taste: Floats
    movie_taste: Floats
    womens_bias: Floats

    def probability(self, userids: Ints, movieids: Ints) -> Floats:
        """The probability of a like for pairs of ids, [N]. No score can rank the pairs better."""
        user, movie = userids - 1, movieids - 1
        taste = np.einsum("nd,nd->n", self.user_taste[user], self.movie_taste[movie])
        gender = np.where(self.woman[user], 1, -1) * self.womens_bias[movie]
        logits = self.user_bias[user] + self.movie_bias[movie] + taste + gender
        return 1 / (1 + np.exp(-logits))


def plant_model(params: FetchParams) -> PlantedModel:
    """Draw users, movies and their tastes.

    Raises:
        InputError: there are too few or too many ratings for the users and movies.
    """
    users, movies = params.synthetic_users, params.synthetic_movies
    ratings = params.synthetic_ratings
    if not users <= ratings <= users * movies // 4:
        raise InputError(
            f"fetch.synthetic_ratings = {ratings}: must be from {users} (one rating per user) to "
            f"{users * movies // 4} (a quarter of all pairs of a user and a movie)"
        )
    rng = np.random.default_rng(params.synthetic_seed)
    genres = rng.random((movies, GENRES)) < 1 / GENRES
    genres[np.arange(movies), rng.integers(GENRES, size=movies)] = True
    popularity = rng.permutation(1 / (np.arange(movies) + 10))
    return PlantedModel(
        activity=_apportion(ratings, rng.lognormal(sigma=1.0, size=users), movies // 3),
        popularity=popularity / popularity.sum(),
        genres=genres,
        woman=rng.random(users) < 0.3,
        user_bias=rng.normal(0.3, 0.6, users),
        movie_bias=rng.normal(0, 0.8, movies),
        user_taste=rng.normal(0, 0.6, (users, TASTE_DIMENSION)),
        movie_taste=rng.normal(0, 0.6, (movies, TASTE_DIMENSION)),
        womens_bias=genres @ rng.normal(0, 0.3, GENRES) / genres.sum(1),
    )


def write_synthetic(planted: PlantedModel, folder: Path, seed: int) -> None:
    """Write `u.data`, `u.item` and `u.user` to `folder` in the layout of ML-100K, in pieces."""
    schema = pa.schema([(name, pa.int64()) for name in ("user", "movie", "rating", "time")])
    options = csv.WriteOptions(include_header=False, delimiter="\t")
    with atomic_write(folder) as partial:
        partial.mkdir()
        with (partial / "u.user").open("w", encoding="latin-1") as file:
            for userid, woman in enumerate(planted.woman, 1):
                file.write(f"{userid}|30|{'F' if woman else 'M'}|other|00000\n")
        with (partial / "u.item").open("w", encoding="latin-1") as file:
            for movieid, genres in enumerate(planted.genres.astype(int), 1):
                flags = "|".join(map(str, genres))
                file.write(f"{movieid}|Movie {movieid} (2000)|01-Jan-2000|||0|{flags}\n")
        with csv.CSVWriter(partial / "u.data", schema, write_options=options) as writer:
            for columns in draw_ratings(planted, np.random.default_rng([seed, 1])):
                writer.write_table(pa.table(columns, schema=schema))


def draw_ratings(planted: PlantedModel, rng: np.random.Generator) -> Iterator[list[Ints]]:
    """Yield batches of the columns userid, movieid, rating and timestamp."""
    ends = np.cumsum(planted.activity)
    pieces = max(int(ends[-1] // RATINGS_AT_ONCE), 1)
    borders = np.searchsorted(ends, np.linspace(0, ends[-1], pieces + 1)[1:-1])
    for users in np.split(np.arange(len(ends)), np.unique(borders)):
        user, movie = _draw_pairs(users, planted, rng)
        liked = rng.random(len(user)) < planted.probability(user + 1, movie + 1)
        stars = np.where(liked, rng.integers(4, 6, len(user)), rng.integers(1, 4, len(user)))
        yield [user + 1, movie + 1, stars, rng.integers(*TIMESTAMPS, len(user))]


def _draw_pairs(users: Ints, planted: PlantedModel, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw distinct movies for each user, as many as the user's activity.

    The first draw follows the popularity of the movies. Each repeated movie is then replaced by one
    that is drawn uniformly.
    """
    movies, wanted = len(planted.popularity), planted.activity[users]
    chances = np.cumsum(planted.popularity)
    pairs = np.empty(0, np.int64)
    first = True
    while (missing := wanted - np.bincount(pairs // movies, minlength=len(users))).any():
        user = np.repeat(np.arange(len(users)), missing)
        uniform = rng.random(len(user))
        if first:
            # One draw from each of equal slices of the cumulative popularity: few movies repeat.
            place = np.arange(len(user)) - np.repeat(np.cumsum(missing) - missing, missing)
            uniform, first = (place + uniform) / missing[user], False
            movie = np.searchsorted(chances, uniform * chances[-1])
        else:
            movie = (uniform * movies).astype(np.int64)
        pairs = np.sort(np.append(pairs, user * movies + movie))
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return users[pairs // movies], pairs % movies


def _apportion(total: int, weights: Floats, most: int) -> Ints:
    """Divide `total` into integers from 1 to `most`, roughly in proportion to the weights."""
    proportional = (weights / weights.sum() * total).astype(np.int64)
    parts: Ints = np.clip(proportional, 1, most)
    # Rounding and clipping change the sum. Make up for the difference in parts that have room.
    while difference := total - int(parts.sum()):
        able = np.flatnonzero(parts < most if difference > 0 else parts > 1)
        change = max(abs(difference) // len(able), 1)
        parts[able[: abs(difference)]] += np.sign(difference) * change
        np.clip(parts, 1, most, out=parts)
    return parts
