"""A number in [0, 1) for each pair of a user and an item, which depends on the pair alone.

It needs no generator and no order of rows, so a pair keeps its number when other rows are added. It
takes integers of 64 bits and SHA-256 alone, so no version of Python, NumPy or pandas changes it.
`draw_rows` draws a sample in the same way.

The same in SQL: join a key to each user and item, the first 16 hexadecimal digits of
`sha256('SALT user ID')` and `sha256('SALT item ID')` as a 64-bit number, and then compute the five
lines of `mix` modulo 2**64. DuckDB does so with UHUGEINT; Spark's BIGINT wraps around as NumPy's
uint64 does (without ANSI mode), and `shiftrightunsigned` is its `>>`.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.common.arrays import Floats, Ints

Keys = npt.NDArray[np.uint64]
# The increment of SplitMix64, whose last step is `mix`.
INCREMENT = np.uint64(0x9E3779B97F4A7C15)


def hash_ids(ids: npt.NDArray[Any], salt: str) -> Keys:
    """The first 64 bits of the SHA-256 of each id with a salt, [T]

    Args:
        ids: integers or texts; 7 and "7" have the same key, [T]
        salt: other salts give independent keys.
    """
    digests = (hashlib.sha256(f"{salt} {each}".encode()).digest() for each in ids.tolist())
    return np.fromiter((int.from_bytes(digest[:8], "big") for digest in digests), np.uint64)


def mix(keys: Keys) -> Keys:
    """Spread each key over all 64 bits: the last step of SplitMix64 (doi:10.1145/2714064.2660195).

    Args:
        keys: changed in place, [N]
    """
    keys ^= keys >> np.uint64(30)
    keys *= np.uint64(0xBF58476D1CE4E5B9)
    keys ^= keys >> np.uint64(27)
    keys *= np.uint64(0x94D049BB133111EB)
    keys ^= keys >> np.uint64(31)
    return keys


def hash_pairs(users: Keys, items: Keys) -> Keys:
    """A key for each pair, [N]

    Args:
        users, items: the keys of each row's user and item, from `hash_ids`, [N]
    """
    return mix(users + items)


def to_fractions(keys: Keys) -> Floats:
    """Keys as numbers in [0, 1), of their highest 53 bits, [N]"""
    return (keys >> np.uint64(11)) * 2.0**-53


def hash_rows(rows: Ints, salt: str) -> Keys:
    """A number of 64 random bits for each row; other salts give independent ones, [N]"""
    return mix(rows.astype(np.uint64) * INCREMENT + hash_ids(np.zeros(1, int), salt))


def draw_rows(rows: Ints, most: int, salt: str) -> Ints:
    """The rows whose keys are the lowest, ascending: at most this many, [n]

    Args:
        rows: of a table, each once, ascending, [N]
        salt: as for `hash_rows`.
    """
    if len(rows) <= most:
        return rows
    drawn: Ints = np.sort(rows[np.argpartition(hash_rows(rows, salt), most)[:most]])
    return drawn
