"""Parse JSON strictly: no unknown or missing keys."""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from recsys.common.params import show, show_key

T = TypeVar("T")


def parse_json(content: str | bytes, adapter: TypeAdapter[T]) -> T:
    """Read a file's content, in which no key may be missing or unknown.

    Raises:
        ValueError: the first problem, in one line: the key, what is wrong, and the value.
    """
    try:
        return adapter.validate_json(content, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(show_key, first["loc"]))
        problem = first["msg"].removeprefix("Value error, ")
        # These have no value, or name it.
        if first["type"] in ("value_error", "json_invalid", "missing"):
            raise ValueError(f"{key}: {problem}" if key else problem) from error
        raise ValueError(f"{key or 'content'}: {problem}, found {show(first['input'])}") from error
