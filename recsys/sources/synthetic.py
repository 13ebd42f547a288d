"""Ratings from a planted model, as large as wanted, whose best possible score is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.sources.params import FetchParams

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Size of the users' and movies' taste vectors.
TASTES = 8
# As many as ML-100K has, whose layout the files are in.
GENRES = 18
# Seconds since 1970 of the first and the last rating.
TIMESTAMPS = (874_724_710, 1_046_454_590)
RATINGS_AT_ONCE = 2**20


@dataclass(frozen=True)
class Planted:
    """Users and movies with ids from 1, and what they think of each other.

    The log-odds of a like are the sum of a user's and a movie's bias, the dot product of their
    tastes, and what the user's gender thinks of the movie's genres.

    Attributes:
        activity: ratings of each user, [users]; long-tailed.
        popularity: chance of each movie to be rated, [movies]; long-tailed.
        genres: whether a movie has a genre, [movies, GENRES].
        woman: whether a user is one, [users].
        womens_bias: what women like more than men of a movie, the mean over its genres, [movies].
    """

    activity: npt.NDArray[np.int64]
    popularity: Floats
    genres: npt.NDArray[np.bool_]
    woman: npt.NDArray[np.bool_]
    user_bias: Floats
    movie_bias: Floats
    user_taste: Floats
    movie_taste: Floats
    womens_bias: Floats

    def probability(self, userids: Ids, movieids: Ids) -> Floats:
        """Of a like, for pairs of ids, [N]; no score can rank the pairs better."""
        user, movie = userids - 1, movieids - 1
        taste = np.einsum("nd,nd->n", self.user_taste[user], self.movie_taste[movie])
        gender = np.where(self.woman[user], 1, -1) * self.womens_bias[movie]
        logits = self.user_bias[user] + self.movie_bias[movie] + taste + gender
        probability: Floats = 1 / (1 + np.exp(-logits))
        return probability


def plant(params: FetchParams) -> Planted:
    """Draw users, movies and their tastes.

    Raises:
        InputError: so many ratings do not fit.
    """
    users, movies = params.synthetic_users, params.synthetic_movies
    ratings = params.synthetic_ratings
    if not users <= ratings <= users * movies // 4:
        raise InputError(
            f"fetch.synthetic_ratings = {ratings}: must be from {users} to {users * movies // 4}, "
            f"one for each of the users to a quarter of their pairs with the movies"
        )
    rng = np.random.default_rng(params.synthetic_seed)
    genres = rng.random((movies, GENRES)) < 1 / GENRES
    genres[np.arange(movies), rng.integers(GENRES, size=movies)] = True
    popularity = rng.permutation(1 / (np.arange(movies) + 10))
    return Planted(
        activity=_share_out(ratings, rng.lognormal(sigma=1.0, size=users), movies // 3),
        popularity=popularity / popularity.sum(),
        genres=genres,
        woman=rng.random(users) < 0.3,
        user_bias=rng.normal(0.3, 0.6, users),
        movie_bias=rng.normal(0, 0.8, movies),
        user_taste=rng.normal(0, 0.6, (users, TASTES)),
        movie_taste=rng.normal(0, 0.6, (movies, TASTES)),
        womens_bias=genres @ rng.normal(0, 0.3, GENRES) / genres.sum(1),
    )


def write_synthetic(world: Planted, folder: Path, seed: int) -> None:
    """Put `u.data`, `u.item` and `u.user` in ML-100K's layout into `folder`, in pieces."""
    schema = pa.schema([(name, pa.int64()) for name in ("user", "movie", "rating", "time")])
    options = csv.WriteOptions(include_header=False, delimiter="\t")
    with atomic_write(folder) as partial:
        partial.mkdir()
        _write_users(world, partial / "u.user")
        _write_movies(world, partial / "u.item")
        with csv.CSVWriter(partial / "u.data", schema, write_options=options) as writer:
            for columns in draw_ratings(world, np.random.default_rng([seed, 1])):
                writer.write_table(pa.table(columns, schema=schema))


def draw_ratings(world: Planted, rng: np.random.Generator) -> Iterator[list[Ids]]:
    """Columns userid, movieid, rating and timestamp, about `RATINGS_AT_ONCE` rows at a time."""
    ends = np.cumsum(world.activity)
    pieces = max(int(ends[-1] // RATINGS_AT_ONCE), 1)
    borders = np.searchsorted(ends, np.linspace(0, ends[-1], pieces + 1)[1:-1])
    for users in np.split(np.arange(len(ends)), np.unique(borders)):
        user, movie = _draw_pairs(users, world, rng)
        liked = rng.random(len(user)) < world.probability(user + 1, movie + 1)
        stars = np.where(liked, rng.integers(4, 6, len(user)), rng.integers(1, 4, len(user)))
        yield [user + 1, movie + 1, stars, rng.integers(*TIMESTAMPS, len(user))]


def _draw_pairs(users: Ids, world: Planted, rng: np.random.Generator) -> tuple[Ids, Ids]:
    """Different movies for each user, as many as their activity: by popularity, then any."""
    movies, wanted = len(world.popularity), world.activity[users]
    chances = np.cumsum(world.popularity)
    pairs = np.empty(0, np.int64)
    first = True
    while (missing := wanted - np.bincount(pairs // movies, minlength=len(users))).any():
        user = np.repeat(np.arange(len(users)), missing)
        uniform = rng.random(len(user))
        if first:
            # One from each of as many equal slices of the chances: few come twice.
            place = np.arange(len(user)) - np.repeat(np.cumsum(missing) - missing, missing)
            uniform, first = (place + uniform) / missing[user], False
            movie = np.searchsorted(chances, uniform * chances[-1])
        else:
            movie = (uniform * movies).astype(np.int64)
        pairs = np.sort(np.append(pairs, user * movies + movie))
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return users[pairs // movies], pairs % movies


def _share_out(total: int, weights: Floats, most: int) -> npt.NDArray[np.int64]:
    """`total` in whole parts, each from 1 to `most`, about in proportion to the weights."""
    shares = (weights / weights.sum() * total).astype(np.int64)
    parts: npt.NDArray[np.int64] = np.clip(shares, 1, most)
    # What rounding and clipping left over or took too much goes to and comes from where it can.
    while difference := total - int(parts.sum()):
        able = np.flatnonzero(parts < most if difference > 0 else parts > 1)
        share = max(abs(difference) // len(able), 1)
        parts[able[: abs(difference)]] += np.sign(difference) * share
        np.clip(parts, 1, most, out=parts)
    return parts


def _write_users(world: Planted, path: Path) -> None:
    with path.open("w", encoding="latin-1") as file:
        for index, woman in enumerate(world.woman):
            file.write(f"{index + 1}|30|{'F' if woman else 'M'}|other|00000\n")


def _write_movies(world: Planted, path: Path) -> None:
    with path.open("w", encoding="latin-1") as file:
        for index, genres in enumerate(world.genres.astype(int)):
            flags = "|".join(map(str, genres))
            file.write(f"{index + 1}|Movie {index + 1} (2000)|01-Jan-2000|||0|{flags}\n")
