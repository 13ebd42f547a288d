"""A report on the run in the workspace, beside the last other run and simple baselines."""

import math
from pathlib import Path

import pandas as pd

from recsys.common.errors import InputError
from recsys.reporting.baselines import baselines
from recsys.reporting.blocks import Delta, Report, Section, Share, Table
from recsys.reporting.census import census
from recsys.reporting.examples import tabulate_examples
from recsys.reporting.metrics import (
    RANKING,
    Change,
    Content,
    changes,
    committed_metrics,
    committed_ranking,
    load_metrics,
    load_ranking,
    numbers,
    slice_metric,
    slices,
)
from recsys.reporting.params import changed_params, flat_params
from recsys.reporting.plots import load_charts
from recsys.reporting.provenance import provenance
from recsys.reporting.revisions import find_commit, git, unless_damaged

CALIBRATION = Path("metrics/plots/calibration.csv")
# The files that tell one run from another.
RUN = ("params.yaml", "dvc.lock", "metrics")
GROUP = ["predicted", "actual", "rows"]
WORST = 5


def make_report() -> Report:
    """The report of the project in the current folder.

    Raises:
        InputError: there are no metrics yet, or DVC cannot load the plots.
    """
    metrics = load_metrics()
    base = find_base()
    before, damage = unless_damaged(lambda: committed_metrics(base) if base else {})
    dataset = flat_params(Path("params.yaml").read_bytes()).get("fetch.dataset", "Run")
    changed = " with changes" if _run_is_changed() else ""
    return Report(
        title=f"{dataset} at {find_commit('HEAD')}{changed}",
        text=f"The run in the workspace, beside {base or 'nothing: it is the first'}.",
        sections=[
            _metrics(metrics, before or {}, base, damage),
            _ranking(base),
            _params(base),
            _recommendations(),
            _plots(base),
            _slices(metrics, before or {}, base),
            _calibration(),
            _data(),
            Section("Provenance", blocks=provenance()),
        ],
    )


def find_base() -> str | None:
    """The short hash of the commit with the last other run; None where there is none.

    HEAD, if the workspace has another run; else the commit before the last one that has a run.
    """
    if _run_is_changed():
        return find_commit("HEAD")
    last = git("log", "-1", "--format=%H", "--", *RUN).strip()
    parents = git("log", "-1", "--format=%P", last).split() if last else []
    return find_commit(parents[0]) if parents else None


def _run_is_changed() -> bool:
    return bool(git("status", "--porcelain", "--", *RUN))


def _metrics(new: Content, old: Content, base: str | None, damage: str) -> Section:
    task = "regression" if "rmse" in numbers(new) else "classification"
    try:
        simple, note = baselines(Path("data/split"), task), ""
    except InputError as error:
        simple, note = {}, f"Without baselines: {error}."
    rows = [
        [c.name, c.new, c.old, c.delta, *(metrics.get(c.name) for metrics in simple.values())]
        for c in changes(old, new)
    ]
    header = ["metric", "workspace", base or "before", "difference", *simple]
    return Section("Metrics", f"{damage} {note}".strip(), [Table("Test part", header, rows)])


def _ranking(base: str | None) -> Section:
    ranking = load_ranking()
    if not ranking:
        return Section("Ranking", f"{RANKING} is not there.")
    before, damage = unless_damaged(lambda: committed_ranking(base) if base else {})
    intervals, popular = ranking.get("intervals", {}), ranking.get("popular", {})
    rows = [
        [c.name, c.new, *intervals.get(c.name, (None, None)), popular.get(c.name), c.old, c.delta]
        for c in changes(before or {}, ranking)
    ]
    header = ["metric", "workspace", "low", "high", "popular", base or "before", "difference"]
    return Section("Ranking", damage, [Table("Lists of recommendations", header, rows)])


def _recommendations() -> Section:
    try:
        return Section("Recommendations", blocks=tabulate_examples())
    except InputError as error:
        return Section("Recommendations", f"Without examples: {error}.")


def _params(base: str | None) -> Section:
    rows, damage = unless_damaged(lambda: changed_params(base) if base else [])
    if not base or not rows:
        return Section("Params", damage or "No change.")
    return Section("Params", blocks=[Table("Changed", ["param", base, "workspace"], rows)])


def _plots(base: str | None) -> Section:
    colors = f"purple is the workspace{f', teal {base}' if base else ''}"
    references = "what they are compared with is dashed, or grey in Markdown"
    charts, left_out = load_charts(base)
    return Section("Plots", f"Colours: {colors}; {references}. {left_out}".strip(), charts)


def _slices(new: Content, old: Content, base: str | None) -> Section:
    records = slices(new)
    if not records:
        return Section("Slices", "This run has none.")
    metric = slice_metric(records[0])
    before = {record["slice"]: record.get(metric) for record in slices(old)}
    rows = [
        [
            record["slice"],
            record["rows"],
            Share(record["positive_rate"]),
            *(record.get(key) for key in (metric, "low", "high")),
            Change(metric, before.get(record["slice"]), record.get(metric)).delta,
        ]
        for record in records
    ]
    header = ["slice", "rows", "liked", metric, "low", "high", f"since {base or 'before'}"]
    return Section("Slices", blocks=[Table("With 95 % intervals", header, rows)])


def _calibration() -> Section:
    if not CALIBRATION.is_file():
        return Section("Calibration", f"{CALIBRATION} is not there.")
    try:
        groups = pd.read_csv(CALIBRATION, usecols=GROUP, dtype=float)
    # What pandas raises for a damaged file, or one without the columns.
    except ValueError:
        return Section("Calibration", f"{CALIBRATION} is damaged; run `dvc repro`.")
    groups["group"] = [f"{i} of {len(groups)}" for i in range(1, len(groups) + 1)]
    groups["gap"] = groups["actual"] - groups["predicted"]
    worst = groups.sort_values("gap", key=abs, ascending=False, kind="stable").head(WORST)
    rows = [
        [group, predicted, actual, Delta(gap), _two_errors(actual, count)]
        for group, predicted, actual, gap, count in worst[
            ["group", "predicted", "actual", "gap", "rows"]
        ].itertuples(index=False)
        if count > 0
    ]
    header = ["group", "mean prediction", "outcome", "gap", "two standard errors"]
    return Section("Calibration", blocks=[Table("The groups furthest off", header, rows)])


def _two_errors(share: float, rows: float) -> float | None:
    """Of a share; None for stars, whose spread is not known here."""
    return 2 * math.sqrt(share * (1 - share) / rows) if 0 <= share <= 1 else None


def _data() -> Section:
    try:
        return Section("Data", blocks=census(Path("data/encoded")))
    except InputError as error:
        return Section("Data", f"Not described: {error}.")
