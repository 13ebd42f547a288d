"""Tables for a terminal and for Markdown."""

from collections.abc import Iterable, Sequence

from recsys.reporting.blocks import Delta, Share


def columns(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines of aligned columns."""
    table = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    cells = [[shown(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def shown(value: object) -> str:
    """A cell: five digits of a number, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Delta):
        return signed(value.value)
    if isinstance(value, Share):
        return f"{value:.1%}"
    if isinstance(value, float):
        return f"{value:.5f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def signed(value: float) -> str:
    """A difference, `=` where there is none."""
    if not value:
        return "="
    return f"{value:+,}" if isinstance(value, int) else f"{value:+.5f}"
