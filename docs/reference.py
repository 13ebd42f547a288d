"""Write docs/reference.md: params and metrics, from params.yaml and the code."""

import inspect
import re
import sys
from pathlib import Path
from typing import get_args, get_origin

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from recsys.common.params import Section  # noqa: E402
from recsys.evaluation import bootstrap, predictions, ranking, slices  # noqa: E402
from recsys.pipeline.params import SECTIONS  # noqa: E402
from recsys.scoring import auc, metrics  # noqa: E402


def comments(section: type[Section]) -> dict[str, str]:
    """Each key's comment in params.yaml: the lines above it, or those from `# key: ...` on."""
    text = (ROOT / "params.yaml").read_text().split(f"\n{section.name}:\n")[1].split("\n# ---")[0]
    named = re.compile(rf"({'|'.join(section.model_fields)}): (.*)")
    found: dict[str, str] = {}
    name, lines = "", []
    for line in text.splitlines():
        if line.startswith("  #"):
            comment = line.strip(" #")
            if match := named.match(comment):
                name, comment = match.groups()
                found[name] = comment
            elif name:
                found[name] += f" {comment}"
            else:
                lines.append(comment)
        elif match := re.match(r"  (\w+):", line):
            if lines and not name:
                found[match[1]] = " ".join(lines)
            name, lines = "", []
    return found


def allowed(section: type[Section], key: str) -> str:
    field = section.model_fields[key]
    if get_origin(field.annotation) is not None and field.description is None:
        return ", ".join(map(str, get_args(field.annotation)))
    return str(field.description)


def params_table(section: type[Section]) -> str:
    described = comments(section)
    rows = [
        f"| `{section.name}.{key}` | {escape(described[key])} | {escape(allowed(section, key))} |"
        for key in section.model_fields
    ]
    return "\n".join(["| key | what | allowed |", "|---|---|---|", *rows])


def escape(text: str) -> str:
    return text.replace("|", "\\|")


def metric_entry(function: object) -> str:
    return f"```\n{function.__name__}\n\n{inspect.getdoc(function)}\n```"  # type: ignore[attr-defined]


def write() -> str:
    tables = [f"### {section.name}\n\n{params_table(section)}" for section in SECTIONS]
    functions = [
        metrics.classification_metrics,
        metrics.regression_metrics,
        predictions.weighted_metrics,
        auc.grouped_auc_sums,
        slices.metrics_by_slice,
        bootstrap.resample,
        bootstrap.interval,
    ]
    rankings = [ranking.per_user_metrics, ranking.catalogue_metrics]
    return "\n\n".join(
        [
            "# Reference",
            "Made by `python docs/reference.py` from params.yaml and the code.",
            "## Params",
            *tables,
            "## Metrics",
            "`metrics/test.json` holds what these functions give, of the test part.",
            *map(metric_entry, functions),
            "`metrics/ranking.json` holds the means of these over people, and the same of the most "
            "popular movies.",
            *map(metric_entry, rankings),
            "",
        ]
    )


if __name__ == "__main__":
    (ROOT / "docs/reference.md").write_text(write())
