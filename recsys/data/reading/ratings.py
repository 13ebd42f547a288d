"""The ratings or labels, one for each pair of a user and a movie."""

from dataclasses import replace

import numpy as np
import pandas as pd

from recsys.common.arrays import Singles
from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale
from recsys.data.files.columns import encode_texts, parse_numbers, read_labels
from recsys.data.files.text_table import TextTable
from recsys.data.reading.entities import Entities
from recsys.data.reading.oddities import show_id
from recsys.data.schema import Schema

# With more different ratings than this, a scale would be a guess.
MAX_STEPS = 101


def read_stars(table: TextTable, schema: Schema) -> Singles:
    """The stars of each rating, [N]: 0 or 1 for a label, and 1 without rating and label.

    Raises:
        InputError: a value is no number, too large a number, or not on the scale.
    """
    if schema.label:
        return read_labels(table, schema.label)
    if not schema.rating:
        return np.ones(table.rows, np.float32)
    # Few ratings differ, so each is parsed and checked once.
    coded = encode_texts(table.texts(schema.rating))
    numbers = parse_numbers(coded.texts)
    wrong = ~np.isfinite(numbers)
    table.refuse_where(wrong[coded.codes], schema.rating, "is not a number")
    wrong = np.abs(numbers) > np.finfo(np.float32).max
    table.refuse_where(wrong[coded.codes], schema.rating, "is too large a number")
    if schema.rating_scale:
        wrong = ~schema.rating_scale.has(numbers)[coded.codes]
        more = int(wrong.sum()) - 1
        problem = f"is not on the scale of {schema.rating_scale}"
        problem += f" (and {more:,} more lines)" if more else ""
        problem += "; correct own.rating_scale, or" if schema.rating.key else ""
        table.refuse_where(wrong, schema.rating, problem)
    return numbers.astype(np.float32)[coded.codes]


def find_scale(ratings: pd.Series, table: TextTable, schema: Schema) -> RatingScale:
    """The scale of the schema; without it, the scale of the ratings that occur.

    A scale that is found has a step if all ratings are on one.

    Raises:
        InputError: all labels are the same, or there are too few or too many different ratings.
    """
    if not schema.rating:
        if schema.label and ratings.nunique() < 2:
            raise InputError(f"{table.shown}: all labels are {ratings.iloc[0]:g}")
        return RatingScale(0, 1, 1)
    if schema.rating_scale:
        return schema.rating_scale
    values = np.unique(ratings.to_numpy())
    if not 1 < len(values) <= MAX_STEPS:
        raise InputError(
            f"{table.shown}: {schema.rating.shown} has {len(values):,} different values; set "
            "own.rating_scale to [lowest, highest, step]"
        )
    lowest, highest = float(values[0]), float(values[-1])
    # The number of steps is whole, so that the digits that float32 lacks do not add up.
    steps = np.rint((highest - lowest) / np.diff(values).min())
    scale = RatingScale(lowest, highest, float((highest - lowest) / steps))
    return scale if scale.has(values).all() else replace(scale, step=None)


def drop_repeats(
    ratings: pd.DataFrame, users: Entities, movies: Entities, table: TextTable, schema: Schema
) -> tuple[pd.DataFrame, list[str]]:
    """Refuse several ratings of a movie by one user, or keep the last one in time.

    Returns:
        the ratings, and a note about the dropped ones.

    Raises:
        InputError: a pair is repeated, and `schema.duplicates` is refuse.
    """
    # A number for each pair of a user and a movie.
    pairs = ratings["user"].to_numpy(np.int64, copy=True)
    pairs *= len(movies.ids)
    pairs += ratings["movie"].to_numpy()
    ordered = np.sort(pairs)
    if not (ordered[1:] == ordered[:-1]).any():
        return ratings, []
    again = pd.Series(pairs).duplicated().to_numpy()
    if schema.duplicates == "refuse":
        row = int(np.argmax(again))
        user, movie = (show_id(each.ids[each.rows[row]]) for each in (users, movies))
        more = int(again.sum()) - 1
        raise InputError(
            f"{table.shown} {table.place(row)}: {schema.user.shown} {user} already has "
            f"{schema.movie.shown} {movie}"
            + (f" (and {more:,} more lines repeat a pair)" if more else "")
            + (
                "; remove them, or set own.duplicates to keep_last"
                if schema.user.key
                else f"; {table.file.remedy}"
            )
        )
    order = np.lexsort((ratings["timestamp"], pairs))
    is_last = np.append(np.diff(pairs[order]) != 0, True)
    kept = ratings.iloc[np.sort(order[is_last])].reset_index(drop=True)
    return kept, [f"{again.sum():,} earlier ratings of a repeated pair are dropped"]
