"""Recommends movies to every user, into a file.

Shapes: k recommendations.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from recsys.common.atomic import atomic_write
from recsys.serving.people.log import Log
from recsys.serving.predict.streams import Writer, check_suffix, open_writer
from recsys.serving.recommend.options import NO_WISHES, Wishes
from recsys.serving.recommend.recommender import PEOPLE_AT_ONCE, Recommender
from recsys.storage.dimensions import Dimensions
from recsys.storage.schemas import RAW_IDS

# The rows of a row group, but for the last: enough to be read fast, few enough for memory.
ROWS_AT_ONCE = 2**17


def recommend_to_all(
    recommender: Recommender,
    log: Log,
    target: Path,
    top: int,
    moment: int | None = None,
    wishes: Wishes = NO_WISHES,
) -> int:
    """Write the best movies of every user to a file: what `recommend` gives each of them.

    The users follow in the order of their ids, and each one's movies in that of their rank. Users
    without a rating are among them. The columns are those of `output_schema`.

    Args:
        target: Parquet or CSV, by its suffix; written atomically.
        top: k
        moment: the time of the question, in seconds since 1970; None for just after each user's
            last rating.

    Returns:
        the number of rows; a user with few movies left has fewer than k

    Raises:
        InputError: no movie is as wished, or the file has another suffix.
    """
    check_suffix(target)
    schema, rows = output_schema(recommender.scorer.dimensions), 0
    waiting: list[pa.RecordBatch] = []
    with atomic_write(target) as partial, open_writer(partial, target, schema) as writer:
        for piece in _rank_pieces(recommender, log, schema, top, moment, wishes):
            waiting.append(piece)
            rows += len(piece)
            if sum(map(len, waiting)) >= ROWS_AT_ONCE:
                _write(waiting, writer)
        _write(waiting, writer)
    return rows


def output_schema(dimensions: Dimensions) -> pa.Schema:
    """The columns: userid and movieid as published, the rank from 1, the title, and the score.

    The score is P(like) or, of a regression, the expected stars.
    """
    types = {
        table: pa.type_for_alias(name) for table, name in dimensions.vocabulary.id_types.items()
    }
    return pa.schema(
        [
            ("userid", types["users"]),
            ("rank", pa.int32()),
            ("movieid", types["movies"]),
            ("title", pa.string()),
            ("score", pa.float32()),
        ]
    )


def _rank_pieces(
    recommender: Recommender,
    log: Log,
    schema: pa.Schema,
    top: int,
    moment: int | None,
    wishes: Wishes,
) -> Iterator[pa.RecordBatch]:
    """The rows of some users after the other."""
    tables = recommender.scorer.dimensions.tables
    ids, movieids, titles = (
        tables[table][column].combine_chunks()
        for table, column in (*RAW_IDS.items(), ("movies", "title"))
    )
    # With `None`, tqdm shows the bar only on a terminal.
    with tqdm(total=len(ids), unit="user", unit_scale=True, disable=None) as bar:
        for start in range(0, len(ids), PEOPLE_AT_ONCE):
            users = range(start, min(start + PEOPLE_AT_ONCE, len(ids)))
            rows = np.array(users)
            seconds = None if moment is None else np.full(len(rows), moment)
            histories = log.histories(users, moment if recommender.scorer.past_only else None)
            ranking = recommender.rank(rows, histories, top, seconds, wishes=wishes)
            person, place = (ranking.movies >= 0).nonzero()
            movies = ranking.movies[person, place]
            columns = (
                ids.take(rows[person]),
                place.astype(np.int32) + 1,
                movieids.take(movies),
                titles.take(movies),
                ranking.likes[person, place],
            )
            yield pa.record_batch(list(map(pa.array, columns)), schema=schema)
            bar.update(len(users))


def _write(waiting: list[pa.RecordBatch], writer: Writer) -> None:
    """Write batches as one, and empty their list."""
    if waiting:
        (whole,) = pa.Table.from_batches(waiting).combine_chunks().to_batches() or [waiting[0]]
        writer.write_batch(whole)
        waiting.clear()
