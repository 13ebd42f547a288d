"""The plots of dvc.yaml, of several revisions."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from recsys.reporting.blocks import Line, Plot, Table
from recsys.reporting.revisions import content


def load_plots(revisions: dict[str, str | None]) -> list[Plot | Table]:
    """What dvc.yaml plots, of each revision that has it.

    Args:
        revisions: by the name that is shown, of Git, or None for the workspace; the last one is
            that which is judged, and the references are its own.
    """
    definitions = YAML(typ="safe").load(Path("dvc.yaml")).get("plots", [])
    plots: list[Plot | Table] = []
    for (name, definition), *_ in (list(entry.items()) for entry in definitions):
        (path, columns), *_ = definition["y"].items()
        frames = {
            label: pd.read_csv(io.StringIO(text))
            for label, revision in revisions.items()
            if (text := content(path, revision))
        }
        if frames:
            columns = [columns] if isinstance(columns, str) else columns
            plots += _plots({"title": name, **definition}, columns, frames)
    return plots


def _plots(
    definition: dict[str, Any], columns: list[str], frames: dict[str, pd.DataFrame]
) -> list[Plot | Table]:
    x = definition["x"]
    x_label = definition.get("x_label", x)
    newest = list(frames.values())[-1]
    if definition.get("template") == "confusion_counts":
        return [Table(definition["title"], [*map(spaced, newest)], newest.to_numpy().tolist())]
    if definition.get("template") == "learning_curves":
        # One of each column, whatever the task has.
        names = [str(column) for column in newest if column != x]
        return [
            Plot(spaced(name), x_label, spaced(name), _lines(frames, x, name), counts=True)
            for name in names
        ]
    first, *references = columns
    lines = [
        Line(spaced(column), newest[x].to_numpy(), newest[column].to_numpy(), reference=True)
        for column in references
    ]
    y_label = definition.get("y_label", spaced(first))
    return [Plot(definition["title"], x_label, y_label, lines + _lines(frames, x, first))]


def _lines(frames: dict[str, pd.DataFrame], x: str, y: str) -> list[Line]:
    return [
        Line(label, frame[x].to_numpy(float), frame[y].to_numpy(float))
        for label, frame in frames.items()
        if y in frame
    ]


def spaced(name: object) -> str:
    return str(name).replace("_", " ")
