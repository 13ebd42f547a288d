"""The metrics of a run: metrics/test.json and metrics/ranking.json."""

import json
from pathlib import Path
from typing import Any

from recsys.common.errors import InputError
from recsys.reporting.runs.git import committed

PATH, RANKING = Path("metrics/test.json"), Path("metrics/ranking.json")
Number = float | int | None
# Each metric by its name; besides, slices, intervals and other tables.
Content = dict[str, Any]


def load_metrics(project: Path = Path()) -> Content:
    """The content of a project's metrics/test.json.

    Raises:
        InputError: there is none yet, or it is damaged.
    """
    path = project / PATH
    if not path.is_file():
        raise InputError(f"{path} is not there; run `dvc repro` first")
    return _parse(path.read_bytes(), path)


def load_ranking(project: Path = Path()) -> Content:
    """The content of a project's metrics/ranking.json; empty where there is none.

    Raises:
        InputError: it is damaged.
    """
    path = project / RANKING
    return _parse(path.read_bytes(), path) if path.is_file() else {}


def committed_metrics(revision: str, path: Path = PATH) -> Content:
    """The content of a file of metrics in a commit; empty where the commit has none.

    Raises:
        InputError: the file is damaged.
    """
    return _parse(committed(str(path), revision) or "{}", f"{path} of {revision}")


def _parse(text: str | bytes, place: Path | str) -> Content:
    try:
        content = json.loads(text)
    # RecursionError: nested too deeply.
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{place} has merge conflicts or is damaged; run `dvc repro`")
    return content


def numbers(content: Content) -> dict[str, Number]:
    """The metrics of the whole run, without slices, intervals and other tables."""
    return {name: value for name, value in content.items() if not isinstance(value, list | dict)}


def slices(content: Content) -> list[dict[str, Any]]:
    """The records of the slices."""
    records: list[dict[str, Any]] = content.get("slices", [])
    return records


def slice_scores(content: Content) -> dict[str, Number]:
    """The AUC of each slice, by the slice's name."""
    return {record["slice"]: record.get("auc") for record in slices(content)}
