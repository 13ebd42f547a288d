"""The content of metrics/test.json next to another."""

import json
from typing import NamedTuple

Number = float | int | None


class Change(NamedTuple):
    """Of a metric; None: there was or is none."""

    name: str
    old: Number
    new: Number

    @property
    def delta(self) -> float | None:
        return None if self.old is None or self.new is None else self.new - self.old


def numbers(text: str | None) -> dict[str, Number]:
    """The metrics of a file's text, without the slices."""
    content = json.loads(text or "{}")
    return {name: value for name, value in content.items() if not isinstance(value, list)}


def changes(old: str | None, new: str | None) -> list[Change]:
    """All metrics of two files' texts, in the order of the new one."""
    before, after = numbers(old), numbers(new)
    return [Change(name, before.get(name), after.get(name)) for name in {**after, **before}]
