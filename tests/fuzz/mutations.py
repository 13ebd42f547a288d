"""Random inputs from a fixed seed, and what must hold whatever is put in.

RECSYS_FUZZ_SECONDS sets how long each entry point is tried; with `-s` pytest prints the counts.
"""

import json
import os
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import click
import numpy as np
import pyarrow as pa

from recsys.common.errors import InputError

SECONDS = float(os.environ.get("RECSYS_FUZZ_SECONDS", "0.4"))
# Among so many inputs are good and bad ones.
ENOUGH = 200
# Longer than this, no message is readable.
MAX_CHARACTERS = 2_000
# Texts and numbers that programs take for something else.
ODD_TEXTS = [
    *("", " ", "\t", "\n", "\r\n", "\0", "\ufeff", "\x1b[31m", "\u2028", "é", "\U0001f600", '"'),
    *("'", ",", ",,", ";", "|", "=1+1", "-", "--", "~", "null", "true", "nan", ".nan", ".inf"),
    *("1e999", "-1e999", "0x10", "0x_", "1_000", "3.0", "3.5", " 3", "+3", "007", "-0", "1e3"),
    *("2001-13-45", "2001-01-01", "9" * 30, "9" * 400, "9" * 5000, "<<"),
    *("*a", "{", "}"),
    *("[", "]", "[[[[", "- ", "? ", ": ", "#", "%YAML 1.1", "---", "...", "<<<<<<< HEAD"),
    *("=======", ">>>>>>> x", "userid", "movieid", "score", "../x", "a" * 2000),
]
# A column of each of these types, drawn from the numbers 0 to 9.
COLUMNS: list[Callable[[np.ndarray], pa.Array]] = [
    pa.array,
    lambda n: pa.array(n.astype("float64")),
    lambda n: pa.array(n * 1.5),
    lambda n: pa.array(n.astype(str).tolist()),
    lambda n: pa.array(n.astype(str).tolist(), pa.large_string()),
    lambda n: pa.array(n.astype(str).tolist(), pa.string_view()),
    lambda n: pa.array(n.astype(str).tolist(), pa.binary()),
    lambda n: pa.array(n.astype(str).tolist()).dictionary_encode(),
    lambda n: pa.array(n).dictionary_encode(),
    lambda n: pa.array(n > 4),
    lambda n: pa.array(n, pa.timestamp("us")),
    lambda n: pa.array(n, pa.duration("s")),
    lambda n: pa.array(n).cast(pa.decimal128(38, 2)),
    lambda n: pa.array([[int(i)] for i in n]),
    lambda n: pa.array([{"a": int(i)} for i in n]),
    lambda n: pa.nulls(len(n)),
    lambda n: pa.array([None if i % 3 else int(i) for i in n], pa.int64()),
    lambda n: pa.array(n.astype("uint64") + 2**63),
]
ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 10**400, 1.5, -0.0, 1e-320),
    *(1e308, float("nan"), float("inf"), "", "3", "x" * 500, "a\nb", [], {}, [[]], [None], [1, 1]),
    *({"a": 1}, {"low": 1, "high": 2}, {"low": 2, "high": 1}, [1, "a"], [True, 1], "userid"),
]


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Change a few bytes, words or lines of a file."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        content = rng.choice(MUTATIONS)(content, rng)
    return content


def _flip(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return b"\0"
    place = rng.randrange(len(content))
    return content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return rng.choice((content[:start], content[start:], content[:start] + content[end:]))


def _insert(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice(ODD_TEXTS).encode() + content[place:]


def _change_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    line = lines[place]
    key, colon, _ = line.partition(b":")
    lines[place] = rng.choice(
        (
            line + b"\n" + line,
            b"",
            b"  " + line,
            line.strip(),
            key + colon + b" " + rng.choice(ODD_TEXTS).encode(),
        )
    )
    return b"\n".join(lines)


def _encode_anew(content: bytes, rng: random.Random) -> bytes:
    text = content.decode(errors="replace")
    return text.encode(rng.choice(("utf-16", "utf-8-sig", "latin-1", "utf-32")), errors="replace")


MUTATIONS = (_flip, _cut, _insert, _insert, _change_line, _change_line, _encode_anew)


def change_value(tree: Any, rng: random.Random) -> Any:
    """A copy of a tree of dicts and lists, with one place of it changed, removed or repeated."""
    copy = json.loads(json.dumps(tree))
    node = copy
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not places:
            return rng.choice(ODD_VALUES)
        place = rng.choice(places)
        if isinstance(node[place], dict | list) and rng.random() < 0.8:
            node = node[place]
            continue
        kind = rng.randrange(4)
        if kind == 0:
            del node[place]
        elif kind == 1 and isinstance(node, dict):
            node[rng.choice(ODD_TEXTS)] = node[place]
        elif kind == 1:
            node.append(node[place])
        else:
            node[place] = rng.choice(ODD_VALUES)
        return copy


def fuzz(name: str, attempt: Callable[[random.Random], None], seconds: float = SECONDS) -> None:
    """Try inputs until the time is up; each must succeed or be refused in one line.

    A busy machine goes on until some succeeded and some were refused.

    Args:
        attempt: draws an input, tries it, and checks what it left behind.
    """
    tried = refused = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end or (not tried > refused > 0 and tried < ENOUGH):
        generator = random.Random(tried)  # noqa: S311
        refused += is_refused(partial(attempt, generator), f"{name} {tried}")
        tried += 1
    print(f"\n{name}: {tried:,} inputs, {refused:,} refused in one line")
    assert tried > refused > 0


def is_refused(action: Callable[[], object], name: str) -> bool:
    """Whether an action raises an error of the user's. Any other error is raised, with the name."""
    started = time.monotonic()
    try:
        action()
        refused = False
    except (InputError, OSError, click.ClickException) as error:
        message = error.message if isinstance(error, click.ClickException) else str(error)
        assert message, name
        assert "\n" not in message, (name, message)
        assert len(message) < MAX_CHARACTERS, (name, message)
        refused = True
    except Exception as error:
        raise AssertionError(f"{name}: {error!r}") from error
    assert time.monotonic() - started < 20, name
    return refused
