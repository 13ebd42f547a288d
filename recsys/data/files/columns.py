"""Turn columns of texts into numbers, times, labels and codes.

Texts stay in Arrow arrays. As Python objects, 25 million of them would not fit into memory.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recsys.common.arrays import Floats, Ints, Singles
from recsys.data.files.text_table import TextTable
from recsys.data.schema import Column, TimeFormat

# Seconds since 1970. An earlier time is in another unit than the schema says.
EARLIEST = pd.Timestamp("1990-01-01").timestamp()
SECONDS_PER_DAY = 86_400
# The time zone behind a time of the day. A date alone ends in digits like those of a zone.
ZONE = r"[T ]\d{2}.*([Zz]|[+-]\d{2}(:?\d{2})?)$"
LABELS = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


@dataclass(frozen=True)
class DictionaryColumn:
    """A dictionary-encoded column of texts, without spaces around them.

    Attributes:
        codes: the position in `texts` of each row's text, [N]
        texts: the distinct texts, in the order in which they first occur, [U]
        spaced: an example of a text that had spaces around it; "" if there is none.
    """

    codes: Ints
    texts: pa.StringArray
    spaced: str = ""


def encode_texts(texts: pa.ChunkedArray) -> DictionaryColumn:
    """Dictionary-encode a column of texts, [N]."""
    codes, different = _encode(texts)
    trimmed = pc.utf8_trim_whitespace(different)
    spaced = pc.not_equal(trimmed, different)
    if not pc.any(spaced).as_py():
        return DictionaryColumn(codes, different)
    merged, different_trimmed = _encode(pa.chunked_array([trimmed]))
    example: str = different.filter(spaced)[0].as_py()
    return DictionaryColumn(merged[codes], different_trimmed, example)


def _encode(texts: pa.ChunkedArray) -> tuple[Ints, pa.StringArray]:
    if not len(texts):
        return np.empty(0, np.int32), pa.array([], pa.string())
    chunks = texts.dictionary_encode().unify_dictionaries().chunks
    return np.concatenate([chunk.indices.to_numpy() for chunk in chunks]), chunks[0].dictionary


def read_ids(table: TextTable, column: Column) -> DictionaryColumn:
    """The ids of a column, as texts. Raises: InputError: an id is empty."""
    ids = encode_texts(table.texts(column))
    empty = pc.equal(ids.texts, "").to_numpy(zero_copy_only=False)
    table.refuse_where(empty[ids.codes], column, "is empty, but every row needs an id")
    return ids


def read_numbers(table: TextTable, column: Column) -> Floats:
    """The numbers of a column, [N]. Raises: InputError: a text is no finite number."""
    numbers = _by_chunk(table.texts(column), parse_numbers)
    table.refuse_where(~np.isfinite(numbers), column, "is not a number")
    return numbers


def read_labels(table: TextTable, column: Column) -> Singles:
    """The labels of a column, 0 or 1, [N]. Raises: InputError: a text is no label."""
    coded = encode_texts(table.texts(column))
    labels = [LABELS.get(text.lower(), np.nan) for text in coded.texts.to_pylist()]
    numbers = np.array(labels, np.float32)[coded.codes]
    table.refuse_where(np.isnan(numbers), column, "is neither 0 nor 1")
    return numbers


def read_times(table: TextTable, column: Column, time_format: TimeFormat) -> Ints:
    """The times of a column, in seconds since 1970, UTC, [N].

    Raises:
        InputError: a text is no time, or the time is before 1990 or after tomorrow.
    """
    if time_format == "iso":
        seconds = _by_chunk(table.texts(column), _parse_iso)
        table.refuse_where(np.isnan(seconds), column, "is not a time like 2026-11-25 16:00:00")
        seconds /= 1e6
    else:
        seconds = read_numbers(table, column)
        seconds /= 1000 if time_format == "milliseconds" else 1
    latest = int(time.time()) + SECONDS_PER_DAY
    problem = f"is a time before 1990 or after tomorrow as {time_format}"
    if column.key:
        problem += "; is own.time_format right, or else"
    table.refuse_where((seconds < EARLIEST) | (seconds > latest), column, problem)
    return np.floor(seconds, out=seconds).astype(np.int64)


def _by_chunk(texts: pa.ChunkedArray, convert: Callable[[pa.StringArray], Floats]) -> Floats:
    numbers = np.empty(len(texts))
    start = 0
    for chunk in texts.chunks:
        numbers[start : start + len(chunk)] = convert(chunk)
        start += len(chunk)
    return numbers


def parse_numbers(texts: pa.StringArray) -> Floats:
    """The number in each text, or NaN if the text is no number, [N]."""
    try:
        return pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(texts)
        numbers = pc.if_else(pc.match_substring_regex(trimmed, NUMBER), trimmed, None)
        numbers = pc.cast(pc.utf8_ltrim(numbers, "+"), pa.float64())
        return numbers.to_numpy(zero_copy_only=False)


def _parse_iso(texts: pa.StringArray) -> Floats:
    """Microseconds since 1970, or NaN if the text is no time, [N]. Exact until the year 2255."""
    for zone in (None, "UTC"):
        try:
            times = pc.cast(texts, pa.timestamp("us", zone))
            return times.cast(pa.int64()).cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            continue
    trimmed = pc.utf8_trim_whitespace(texts).to_pandas()
    has_zone = trimmed.str.contains(ZONE.replace("(", "(?:"))
    stamps = np.empty(len(texts), "datetime64[us]")
    # pandas reads a time without a zone behind one with a zone as if it had that zone.
    for rows in (has_zone, ~has_zone):
        parsed = pd.to_datetime(trimmed[rows], format="ISO8601", utc=True, errors="coerce")
        stamps[rows] = parsed.to_numpy("datetime64[us]")
    return np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64).astype(np.float64))
