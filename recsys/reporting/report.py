"""All that there is to tell of the workspace's run."""

import math
from pathlib import Path

import pandas as pd

from recsys.common.errors import InputError
from recsys.reporting.baselines import baselines
from recsys.reporting.blocks import Block, Delta, Interval, Intervals, Report, Section, Share, Table
from recsys.reporting.census import census
from recsys.reporting.lock import flat_params
from recsys.reporting.metrics import Change, changes, numbers, slices
from recsys.reporting.plots import load_plots
from recsys.reporting.provenance import provenance
from recsys.reporting.revisions import content, git

METRICS = Path("metrics/test.json")
CALIBRATION = Path("metrics/plots/calibration.csv")
# What a run is known by.
RUN = ("params.yaml", "dvc.lock", "metrics")
WORST = 5


def make_report() -> Report:
    """Of the project in the current folder.

    Raises:
        InputError: there are no metrics yet.
    """
    if not METRICS.is_file():
        raise InputError(f"{METRICS} is not there; run `dvc repro` first")
    base = find_base()
    base_name = git("rev-parse", "--short", base).strip() if base else "nothing before"
    params = flat_params(content("params.yaml", None))
    head = git("rev-parse", "--short", "HEAD").strip()
    run = f"{head} with changes" if git("status", "--porcelain", "--", *RUN) else head
    return Report(
        title=f"{params.get('fetch.dataset', 'Run')} at {run}",
        text=f"“This” is the run in the workspace, next to {base_name}.",
        sections=[
            _metrics(base, base_name),
            _params(base, base_name),
            Section("Plots", blocks=_plots(base, base_name)),
            _slices(base, base_name),
            _calibration(),
            _data(),
            Section("Provenance", blocks=list(provenance())),
        ],
    )


def find_base() -> str | None:
    """The commit of the last other run; None where there is none.

    HEAD, if the workspace has another run than it; else the one before the last commit of a run.
    """
    if git("status", "--porcelain", "--", *RUN):
        return git("rev-parse", "HEAD").strip()
    last = git("log", "-1", "--format=%H", "--", *RUN).strip()
    parents = git("log", "-1", "--format=%P", last).split() if last else []
    return parents[0] if parents else None


def _metrics(base: str | None, base_name: str) -> Section:
    text = METRICS.read_text()
    old = content(str(METRICS), base) if base else None
    task = "regression" if "rmse" in numbers(text) else "classification"
    try:
        simple = baselines(Path("data/split"), task)
        note = ""
    except InputError as error:
        simple, note = {}, f"Without baselines: {error}."
    rows = [
        [c.name, c.new, c.old, c.delta, *(simple[name].get(c.name) for name in simple)]
        for c in changes(old, text)
    ]
    header = ["metric", "this", base_name, "difference", *simple]
    return Section("Metrics", note, [Table("Test part", header, rows)])


def _params(base: str | None, base_name: str) -> Section:
    new = flat_params(content("params.yaml", None))
    old = flat_params(content("params.yaml", base)) if base else {}
    rows = [
        [key, str(new.get(key, "")), str(old.get(key, ""))]
        for key in {**new, **old}
        if new.get(key) != old.get(key)
    ]
    if not base or not rows:
        return Section("Params", "None changed.")
    return Section("Params", blocks=[Table("Changed", ["param", "this", base_name], rows)])


def _plots(base: str | None, base_name: str) -> list[Block]:
    revisions: dict[str, str | None] = {base_name: base} if base else {}
    return list(load_plots(revisions | {"this": None}))


def _slices(base: str | None, base_name: str) -> Section:
    records = slices(METRICS.read_text())
    if not records:
        return Section("Slices", "This run has none.")
    title = "auc" if "auc" in records[0] else "rmse"
    before = {r["slice"]: r for r in slices(content(str(METRICS), base) if base else None)}
    rows, intervals = [], []
    for record in records:
        name, value, low, high = (record[key] for key in ("slice", title, "low", "high"))
        old = before.get(name, {}).get(title)
        delta: Delta | None = Change(title, old, value).delta  # type: ignore[arg-type]
        liked = Share(record["positive_rate"])  # type: ignore[arg-type]
        rows.append([name, record["rows"], liked, value, low, high, delta])
        if low is not None and high is not None:
            intervals.append(Interval(str(name), *map(float, (low, value, high))))  # type: ignore[arg-type]
    header = ["slice", "rows", "liked", title, "low", "high", f"since {base_name}"]
    blocks: list[Block] = [Table("Values", header, rows)]
    if intervals:
        blocks.insert(0, Intervals("95 % intervals over redrawn users", title, intervals))
    return Section("Slices", blocks=blocks)


def _calibration() -> Section:
    if not CALIBRATION.is_file():
        return Section("Calibration", f"{CALIBRATION} is not there.")
    groups = pd.read_csv(CALIBRATION)
    groups["gap"] = groups["actual"] - groups["predicted"]
    order = groups["gap"].abs().sort_values(ascending=False).index.to_numpy()
    rows = [
        [f"{i + 1} of {len(groups)}", row["predicted"], row["actual"], gap, _error(row)]
        for i in order[:WORST]
        for row in [groups.loc[i]]
        for gap in [Delta(float(row["gap"]))]
    ]
    header = ["group", "mean prediction", "came true", "gap", "two standard errors"]
    return Section("Calibration", blocks=[Table("The groups furthest off", header, rows)])


def _error(group: pd.Series) -> float | None:
    """Of a share; the spread of stars is not known here."""
    rate = float(group["actual"])
    return 2 * math.sqrt(rate * (1 - rate) / group["rows"]) if 0 <= rate <= 1 else None


def _data() -> Section:
    try:
        return Section("Data", blocks=census(Path("data/encoded")))
    except InputError as error:
        return Section("Data", f"Not told: {error}.")
