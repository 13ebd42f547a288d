"""The interactions of some people, in the order of time: jagged, without padding.

Shapes: B people, R ratings of all of them, U users, M movies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import scipy.sparse

from recsys.common.arrays import Ints, Mask, Singles, concatenate_ranges
from recsys.storage import schemas
from recsys.storage.parquet import read_batches

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class UserHistories:
    """The histories of some people, one after the other, each in the order of time.

    Attributes:
        starts: the first rating of each person, and the number of ratings, [B + 1]
        movie: rows of the movies table, [R]
        rating: the stars, with the rating scale mapped to [0, 1], [R]
        seconds: the time, since 1970, [R]
        movies: M
    """

    starts: Ints
    movie: Ints
    rating: Singles
    seconds: Ints
    movies: int

    @classmethod
    def group(
        cls, people: int, movies: int, user: Ints, movie: Ints, rating: Singles, seconds: Ints
    ) -> "UserHistories":
        """Group ratings by person.

        Args:
            people, movies: B and M
            user: the person of each rating, from 0, [R]
            movie, rating, seconds: of each rating; they may be in any order, [R]
        """
        # Equal times are in the order of movies, as in the ratings table.
        order = np.lexsort((movie, seconds, user))
        starts = np.append(0, np.cumsum(np.bincount(user, minlength=people)))
        return cls(starts, movie[order], rating[order], seconds[order], movies)

    @classmethod
    def read(
        cls, parts: Sequence[Path], users: Mask, movies: int, implicit: bool
    ) -> "UserHistories":
        """The interactions of some users in some parts, without drawn negatives.

        The parts are streamed: only the ratings of these users stay in memory.

        Args:
            parts, implicit: as for `read_interactions`.
            users: whether each row of the users table is one of the B people, [U]
            movies: M
        """
        place, kept = np.cumsum(users) - 1, []
        for batch in read_interactions(parts, implicit):
            some = users[batch["user"]]
            columns = (batch[name][some] for name in ("user", "movie", "rating_norm", "timestamp"))
            kept.append(tuple(columns))
        user, *others = map(np.concatenate, zip(*kept, strict=True))
        return cls.group(int(users.sum()), movies, place[user], *others)

    def __len__(self) -> int:
        """B"""
        return len(self.starts) - 1

    @property
    def person(self) -> Ints:
        """The person of each rating, from 0, [R]"""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def __getitem__(self, people: slice) -> "UserHistories":
        return self.select(np.arange(len(self))[people])

    def select(self, people: Ints) -> "UserHistories":
        """Some people, in the given order."""
        lengths = np.diff(self.starts)[people]
        starts = np.append(0, np.cumsum(lengths))
        rows = concatenate_ranges(self.starts[people], lengths)
        columns = (self.movie[rows], self.rating[rows], self.seconds[rows])
        return UserHistories(starts, *columns, self.movies)

    def matrix(self) -> scipy.sparse.csr_matrix:
        """1 for each movie that a person interacted with, [B, M]"""
        ones = np.ones(len(self.movie), np.float32)
        shape = (len(self), self.movies)
        # Sorting the indices must leave the order of time as it is.
        matrix = scipy.sparse.csr_matrix((ones, self.movie.copy(), self.starts), shape)
        matrix.sort_indices()
        return matrix


def read_interactions(parts: Sequence[Path], implicit: bool) -> Iterator[Columns]:
    """The columns of the interactions in some parts, without drawn negatives, in pieces.

    Args:
        parts: files of `schemas.PART`.
        implicit: whether the rows of label 0 were drawn.

    Raises:
        InputError: a file is missing or damaged.
    """
    names = ["user", "movie", "rating_norm", "timestamp", "label"]
    for path in parts:
        for batch in read_batches(path, schemas.PART, names):
            rows = batch.filter(pc.equal(batch["label"], 1)) if implicit else batch
            yield {name: rows[name].to_numpy() for name in names}


def count_interactions(parts: Sequence[Path], movies: int, implicit: bool) -> Ints:
    """The number of interactions with each movie, as `read_interactions` reads them, [M]"""
    counts = np.zeros(movies, np.int64)
    for batch in read_interactions(parts, implicit):
        counts += np.bincount(batch["movie"], minlength=movies)
    return counts
