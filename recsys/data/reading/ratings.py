"""The ratings or labels, and their scale."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from recsys.common.arrays import Singles
from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale
from recsys.data.files.columns import encode_texts, parse_numbers, read_labels
from recsys.data.files.text_table import TextTable
from recsys.data.schema import Schema

# With more different ratings than this, a scale would be a guess.
MAX_STEPS = 101
# Ratings with more different values than this are not counted by value.
MAX_VALUES = 10_000


def read_stars(table: TextTable, schema: Schema) -> Singles:
    """The stars of each rating, [N]: 0 or 1 for a label, and 1 without rating and label.

    Raises:
        InputError: a value is no number, or too large a number.
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
    # -0 becomes 0: the two are equal, but look different.
    return (numbers.astype(np.float32) + np.float32(0))[coded.codes]


def find_scale(
    counts: Mapping[float, int], too_many: bool, shown: str, schema: Schema
) -> RatingScale:
    """The scale of the schema; without it, the scale of the ratings that occur.

    A scale that is found has a step if all ratings are on one.

    Args:
        counts: the number of ratings with each number of stars.
        too_many: whether there are more numbers than these.
        shown: the file, as errors name it.

    Raises:
        InputError: all labels are the same, or there are too few or too many different ratings.
    """
    values = np.sort(np.array(list(counts), np.float32))
    if not schema.rating:
        if schema.label and len(values) < 2:
            raise InputError(f"{shown}: all labels are {values[0]:g}")
        return RatingScale(0, 1, 1)
    if schema.rating_scale:
        return schema.rating_scale
    if not 1 < len(values) <= MAX_STEPS:
        count = f"more than {MAX_VALUES:,}" if too_many else f"{len(values):,}"
        raise InputError(
            f"{shown}: {schema.rating.shown} has {count} different values; set "
            "own.rating_scale to [lowest, highest, step]"
        )
    lowest, highest = float(values[0]), float(values[-1])
    # The number of steps is whole, so that the digits that float32 lacks do not add up.
    steps = np.rint((highest - lowest) / np.diff(values).min())
    scale = RatingScale(lowest, highest, float((highest - lowest) / steps))
    return scale if scale.has(values).all() else replace(scale, step=None)
