"""The files of a split.

- `assignment.parquet`: the part of each rating and, behind them, of each drawn negative. The
  stages features and rank read it here.
- `negatives.parquet`: the drawn negatives, if the data has positives alone.
- `train.parquet`, `validation.parquet`, `test.parquet`: the rows of each part.
- `counts`: the number of training ratings of each user and of each movie.
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.data.negatives import Negatives
from recsys.data.splitting import Assignment, Pairs, count_training
from recsys.storage import schemas
from recsys.storage.dimensions import write_counts
from recsys.storage.lineage import Lineage, digest_split, read_lineage, require_same_run
from recsys.storage.parquet import (
    TableWriter,
    read_batches,
    read_column,
    read_parquet,
    write_parquet,
)
from recsys.storage.schemas import PARTS, RATINGS, RAW_IDS
from recsys.storage.vocabulary import Vocabulary


def read_pairs(encoded: Path, vocabulary: Vocabulary) -> Pairs:
    """Read what a split needs to know about the ratings in the folder `encoded`.

    Raises:
        InputError: a file is missing, damaged or of another run than the vocabulary.
    """
    ratings = encoded / "ratings.parquet"
    lineage = Lineage(vocabulary.ids)
    require_same_run(ratings, read_lineage(ratings, "encode"), encoded, lineage)
    user, movie, seconds = (
        read_column(ratings, RATINGS, name) for name in ("user", "movie", "timestamp")
    )
    tables = {name: encoded / f"{name}.parquet" for name in RAW_IDS}
    raw_ids = {
        name: read_parquet(path, vocabulary.schema(name))[RAW_IDS[name]].to_numpy()
        for name, path in tables.items()
    }
    return Pairs(user, movie, seconds, raw_ids)


def write_split(
    encoded: Path,
    folder: Path,
    pairs: Pairs,
    assignment: Assignment,
    past_only: bool,
    negatives: Negatives | None = None,
) -> None:
    """Write the files of a split. The ratings are read and written in pieces.

    Args:
        encoded: the folder of the ratings.
        folder: gets the files; it must exist.
        assignment: the part of each rating.
        past_only: whether only ratings of an earlier second are visible to a rating.
    """
    sources, every = [encoded / "ratings.parquet"], assignment
    columns = {"user": pairs.user, "movie": pairs.movie, "timestamp": pairs.seconds}
    if negatives is not None:
        drawn = tabulate(pairs, negatives)
        every = np.append(assignment, assignment[negatives.positive])
        columns = {name: np.append(values, drawn[name]) for name, values in columns.items()}
    ids = read_lineage(sources[0], "encode").ids
    lineage = Lineage(ids, digest_split(every, columns), past_only)
    metadata = lineage.to_metadata()
    if negatives is not None:
        sources.append(folder / "negatives.parquet")
        write_parquet(drawn, sources[1], RATINGS, metadata)
    table = pa.table({"part": every}, schemas.ASSIGNMENT)
    write_parquet(table, folder / "assignment.parquet", schemas.ASSIGNMENT, metadata)
    write_parts(sources, every, folder, metadata)
    counts = {
        name: count_training(rows, assignment, len(pairs.raw_ids[name]))
        for name, rows in (("users", pairs.user), ("movies", pairs.movie))
    }
    write_counts(counts, folder / "counts", lineage)


def tabulate(pairs: Pairs, negatives: Negatives) -> pa.Table:
    """The drawn negatives with the columns of `schemas.RATINGS`, each at its positive's time."""
    count = len(negatives.movie)
    return pa.table(
        {
            "user": pairs.user[negatives.positive],
            "movie": negatives.movie.astype(np.int32),
            "rating": np.zeros(count, np.float32),
            "rating_norm": np.zeros(count, np.float32),
            "label": np.zeros(count, np.int8),
            "timestamp": pairs.seconds[negatives.positive],
        },
        RATINGS,
    )


def write_parts(
    sources: list[Path], assignment: Assignment, folder: Path, metadata: dict[str, str]
) -> None:
    """Write each part to `folder`/PART.parquet, with the columns of `schemas.PART`.

    Args:
        sources: files of `schemas.RATINGS`, whose rows are numbered from the first file on.
        assignment: the part of each of these rows.
    """
    with ExitStack() as stack:
        writers = [
            stack.enter_context(TableWriter(folder / f"{name}.parquet", schemas.PART, metadata))
            for name in PARTS
        ]
        start = 0
        for source in sources:
            for batch in read_batches(source, RATINGS, RATINGS.names):
                frame = batch.to_pandas()
                frame.insert(0, "row", np.arange(start, start + len(frame), dtype=np.int32))
                parts = assignment[start : start + len(frame)]
                for part, writer in enumerate(writers):
                    writer.write(frame[parts == part])
                start += len(frame)
