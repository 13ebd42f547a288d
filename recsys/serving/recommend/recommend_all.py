"""Recommends movies to every user, into a file.

Shapes: k recommendations.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from recsys.common.atomic import atomic_write
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.people.log import Log
from recsys.serving.predict.streams import answer_fields, check_suffix, open_writer
from recsys.serving.recommend.options import DEFAULT_OPTIONS, RecommendOptions
from recsys.serving.recommend.recommender import Recommender
from recsys.storage.parquet import list_files
from recsys.storage.partitions import find_stretch
from recsys.storage.schemas import RAW_IDS

# About the rows of a row group. With more, writing takes more memory; with fewer, reading is slow.
ROWS_AT_ONCE = 2**15


def recommend_to_all(
    recommender: Recommender,
    ratings: Path,
    target: Path,
    top: int,
    as_of: int | None = None,
    options: RecommendOptions = DEFAULT_OPTIONS,
) -> int:
    """Write the best movies of every user to a file, as `recommend` gives them for one user.

    The rows are sorted by user and rank. Users without a rating are among them.
    `output_schema` has the columns.

    Args:
        ratings: the folder of the partitions, of which one is in memory at a time.
        target: Parquet or CSV, by its suffix; written atomically.
        top: k
        as_of: the time of the question, in seconds since 1970; None for just after each user's
            last rating.

    Returns:
        the number of rows; a user with few movies left has fewer than k

    Raises:
        InputError: no movie has what the options ask for, the file has another suffix, or as `Log`.
    """
    check_suffix(target)
    files, count = list_files(ratings), len(recommender.dimensions.ids["users"])
    schema, rows = output_schema(recommender.scorer), 0
    step = max(ROWS_AT_ONCE // top, 1)
    with (
        atomic_write(target) as partial,
        open_writer(partial, target, schema) as writer,
        # With `None`, tqdm shows the bar only on a terminal.
        tqdm(total=count, unit="user", unit_scale=True, disable=None) as bar,
    ):
        for number, file in enumerate(files):
            log = Log(file, recommender.dimensions)
            first, last = find_stretch(number, len(files), count)
            for start in range(first, last, step):
                users = range(start, min(start + step, last))
                batch = _rank_users(recommender, log, schema, users, top, as_of, options)
                writer.write_batch(batch)
                rows += len(batch)
                bar.update(len(users))
    return rows


def output_schema(scorer: CheckpointModel) -> pa.Schema:
    """The columns: userid and movieid as published, the rank from 1, the title, and the answers."""
    id_types = scorer.dimensions.vocabulary.id_types
    types = {table: pa.type_for_alias(name) for table, name in id_types.items()}
    return pa.schema(
        [
            ("userid", types["users"]),
            ("rank", pa.int32()),
            ("movieid", types["movies"]),
            ("title", pa.string()),
            *answer_fields(scorer.heads),
        ]
    )


def _rank_users(
    recommender: Recommender,
    log: Log,
    schema: pa.Schema,
    users: range,
    top: int,
    as_of: int | None,
    options: RecommendOptions,
) -> pa.RecordBatch:
    """The rows of some users."""
    rows = np.array(users)
    times = None if as_of is None else np.full(len(rows), as_of)
    histories = log.histories(users, as_of if recommender.scorer.past_only else None)
    ranking = recommender.rank(rows, histories, top, times, options=options)
    person, place = (ranking.movies >= 0).nonzero()
    movies = ranking.movies[person, place]
    tables = recommender.dimensions.tables
    userids, movieids, titles = (
        tables[table][column].combine_chunks()
        for table, column in (*RAW_IDS.items(), ("movies", "title"))
    )
    columns = (
        userids.take(rows[person]),
        place.astype(np.int32) + 1,
        movieids.take(movies),
        titles.take(movies),
        *(answer[person, place] for answer in ranking[2:] if answer is not None),
    )
    return pa.record_batch(list(map(pa.array, columns)), schema=schema)
