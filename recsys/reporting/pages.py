"""A report as one HTML page, and as Markdown."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from recsys.reporting.blocks import Bars, Block, Delta, Intervals, Plot, Report, Table
from recsys.reporting.charts import bars_svg, intervals_svg, line_class, plot_svg
from recsys.reporting.mermaid import mermaid
from recsys.reporting.text import markdown, shown


def html(report: Report) -> str:
    """Opens from disk: styles and drawings are in it, and it asks for nothing else."""
    environment = Environment(
        loader=PackageLoader("recsys.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "kind": cell_class, "drawing": drawing}
    environment.globals |= {"line_class": line_class}
    environment.tests |= {
        "table": lambda block: isinstance(block, Table),
        "plot": lambda block: isinstance(block, Plot),
    }
    return environment.get_template("report.html").render(report=report)


def cell_class(value: object) -> str:
    """number, good, bad or text."""
    if isinstance(value, Delta):
        return {True: "good", False: "bad", None: "number"}[value.better]
    return "number" if isinstance(value, int | float) else "text"


def drawing(block: Block) -> Markup:
    if isinstance(block, Plot):
        svg = plot_svg(block)
    elif isinstance(block, Bars):
        svg = bars_svg(block)
    else:
        assert isinstance(block, Intervals)
        svg = intervals_svg(block)
    # All text in it is escaped.
    return Markup(svg)  # noqa: S704


def as_markdown(report: Report) -> str:
    """The same for a pull request: tables, and Mermaid for the plots."""
    parts = [f"# {report.title}", report.text]
    for section in report.sections:
        parts += [f"## {section.title}", section.text]
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(filter(None, parts)) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Plot):
        return mermaid(block)
    if isinstance(block, Table):
        return f"**{block.title}**\n\n{markdown(block.header, block.rows)}"
    if isinstance(block, Bars):
        return f"**{block.title}**\n\n{markdown(['', block.unit], block.bars)}"
    # The table of the slices has the same numbers.
    return ""
