"""Cells and tables as text, for a terminal or for Markdown."""

import re
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from recsys.reporting.rendering.blocks import Delta, Fraction, Interval, Verdict

# Characters with a meaning in Markdown, in its tables, or in HTML.
MARKUP = re.compile(r"[\\|<&*]|(?<=])\(")


def columns(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines of aligned columns."""
    cells = [[format_cell(cell) for cell in row] for row in rows]
    text = tabulate(cells, tablefmt="plain", disable_numparse=True)
    return "\n".join(line.rstrip() for line in text.splitlines())


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of GitHub's Markdown."""
    names, *cells = ([escape(format_cell(cell)) for cell in row] for row in (header, *rows))
    return tabulate(cells, names, tablefmt="github", disable_numparse=True)


def format_cell(value: object) -> str:
    """Five digits of a fraction, thousands of a count; a difference with its sign; "" for None."""
    if value is None:
        return ""
    if isinstance(value, Delta):
        change = value.value
        signed = f"{change:+,}" if isinstance(change, int) else f"{change:+.5f}"
        return signed if change else "="
    if isinstance(value, Interval):
        return f"[{value.low:+.5f}, {value.high:+.5f}]"
    if isinstance(value, Verdict):
        return value.value
    if isinstance(value, Fraction):
        return f"{value:.1%}"
    if isinstance(value, float):
        return f"{value:.5f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def escape(text: str) -> str:
    """Text for Markdown, on one line."""
    return MARKUP.sub(r"\\\g<0>", re.sub(r"\s+", " ", text))
