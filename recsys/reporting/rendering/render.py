"""Pages from the templates: a report as HTML, and anything in Markdown."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import markupsafe
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from recsys.reporting.rendering.blocks import Chart, Delta, Interval, Report, Table, Verdict
from recsys.reporting.rendering.plots import render_svg
from recsys.reporting.rendering.text import escape, format_cell, markdown


def html(report: Report) -> str:
    """One page that opens from disk: it holds its styles and drawings and loads nothing."""
    environment = _environment()
    environment.filters |= {
        "cell": _breakable,
        "kind": _cell_class,
        "numeric": _numeric,
        "svg": _svg,
    }
    return environment.get_template("report.html").render(report=report)


def as_markdown(report: Report) -> str:
    """The report without its charts, for a pull request."""
    return render_markdown("report.md", report=report)


def render_markdown(template: str, **values: object) -> str:
    """A Markdown template with its values, whose text is escaped.

    The filter `table` renders rows under a header.
    """
    environment = _environment(finalize=_escape_value)
    environment.filters["table"] = _table
    return environment.get_template(template).render(values)


def _environment(**options: Any) -> Environment:
    environment = Environment(
        # Of .html templates alone.
        autoescape=select_autoescape(),
        loader=PackageLoader("recsys.reporting.rendering"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.tests["table"] = lambda block: isinstance(block, Table)
    return environment


def _cell_class(value: object) -> str:
    """The CSS classes of a cell: number or text, and good or bad."""
    kind = "number" if _is_number(value) else "text"
    verdict = value.verdict if isinstance(value, Delta) else value
    colors = {Verdict.BETTER: " good", Verdict.WORSE: " bad"}
    return kind + (colors.get(verdict, "") if isinstance(verdict, Verdict) else "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Delta | Interval)


def _numeric(table: Table) -> list[bool]:
    """Whether each column has a number in some row."""
    columns = zip(*table.rows, strict=True)
    return [any(map(_is_number, column)) for column in columns] or [False] * len(table.header)


def _escape_value(value: object) -> str:
    return value if isinstance(value, Markup) else escape(format_cell(value))


# These filters escape their text themselves.


def _breakable(value: object) -> Markup:
    """A cell whose text may wrap behind an underscore or a dot, for a phone."""
    text = str(markupsafe.escape(format_cell(value)))
    named = isinstance(value, str)
    return Markup(re.sub(r"[_.](?=[a-z])", r"\g<0><wbr>", text) if named else text)  # noqa: S704


def _svg(chart: Chart) -> Markup:
    return Markup(render_svg(chart))  # noqa: S704


def _table(rows: Iterable[Sequence[object]], *header: str) -> Markup:
    return Markup(markdown(header, rows))  # noqa: S704
