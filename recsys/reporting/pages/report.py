"""A report on the run in the workspace, beside the last other run and simple baselines."""

from pathlib import Path
from typing import Any

import pandas as pd

from recsys.common.errors import InputError
from recsys.evaluation.baselines import baselines
from recsys.reporting.comparison.change import Change
from recsys.reporting.comparison.compare import Comparison, compare_runs
from recsys.reporting.comparison.summary import summarise
from recsys.reporting.pages.data_summary import summarise_data
from recsys.reporting.pages.examples import tabulate_examples
from recsys.reporting.pages.provenance import provenance
from recsys.reporting.rendering.blocks import Delta, Fraction, Report, Section, Table
from recsys.reporting.rendering.plots import load_charts
from recsys.reporting.runs.git import (
    RUN,
    find_commit,
    git,
    name_workspace,
    run_is_changed,
    unless_damaged,
)
from recsys.reporting.runs.metrics import (
    RANKING,
    Content,
    Number,
    load_metrics,
    load_ranking,
    slices,
)
from recsys.reporting.runs.params import changed_params, flat_params

CALIBRATION = Path("metrics/plots/calibration.csv")
COLUMNS = ["predicted", "actual", "error", "rows"]
# The number of groups in the table of the calibration.
WORST = 5


def make_report(base: str | None = None) -> Report:
    """The report of the project in the current folder.

    Args:
        base: a name of the commit to compare with; None for the commit of the last other run.

    Raises:
        InputError: there are no metrics yet, there is no such commit, or DVC cannot load the plots.
    """
    metrics = load_metrics()
    base = find_commit(base) if base else find_base()
    runs = compare_runs(base)
    dataset = flat_params(Path("params.yaml").read_bytes()).get("fetch.dataset", "Run")
    return Report(
        title=f"{dataset} at {name_workspace()}",
        text=summarise(base, runs) if base else "The first run: there is none to compare it with.",
        sections=[
            _metrics(runs, base),
            _ranking(runs, base),
            _params(base),
            _recommendations(),
            _plots(base),
            _slices(slices(metrics), runs, base),
            _calibration(),
            _data(),
            Section("Provenance", blocks=provenance()),
        ],
    )


def find_base() -> str | None:
    """The short hash of the commit with the last other run; None where there is none.

    That is HEAD, if the workspace has another run; else the commit before the last change of a run.
    """
    if run_is_changed():
        return find_commit("HEAD")
    last = git("log", "-1", "--format=%H", "--", *RUN).strip()
    parents = git("log", "-1", "--format=%P", last).split() if last else []
    return find_commit(parents[0]) if parents else None


def _metrics(runs: Comparison, base: str | None) -> Section:
    try:
        simple, note = baselines(Path("data/split")), ""
    except InputError as error:
        simple, note = {}, f"Without baselines: {error}."
    rows = [
        [c.name, c.new, *_beside(c), *(metrics.get(c.name) for metrics in simple.values())]
        for c in runs.metrics
    ]
    header = ["metric", "workspace", *_beside_header(base), *simple]
    return Section(
        "Metrics", " ".join([*runs.notes, note]).strip(), [Table("Test part", header, rows)]
    )


def _beside(change: Change) -> list[object]:
    return [change.delta, change.verdict, change.interval, change.old]


def _beside_header(base: str | None) -> list[str]:
    return ["difference", "verdict", "95 % interval", base or "before"]


def _ranking(runs: Comparison, base: str | None) -> Section:
    ranking = load_ranking()
    if not ranking:
        return Section("Ranking", f"{RANKING} is not there.")
    intervals, popular = ranking.get("intervals", {}), ranking.get("popular", {})
    rows = [
        [c.name, c.new, *_beside(c), *intervals.get(c.name, (None, None)), popular.get(c.name)]
        for c in runs.ranking
    ]
    header = ["metric", "workspace", *_beside_header(base), "low", "high", "most popular"]
    tables = [Table("Lists of recommendations", header, rows), *_gaps(ranking)]
    return Section("Ranking", _describe_people(ranking), tables)


def _describe_people(ranking: Content) -> str:
    """How many people are judged, and which interval that buys; empty for older runs."""
    if "eligible_people" not in ranking:
        return ""
    judged = (
        f"{ranking['people']:,} of {ranking['eligible_people']:,} people with a relevant movie are "
        "judged (ranking.people)"
    )
    low, high = ranking.get("intervals", {}).get("ndcg", (None, None))
    if low is None:
        return f"{judged}."
    return f"{judged}: that makes the 95 % interval of NDCG {high - low:.4f} wide."


def _gaps(ranking: Content) -> list[Table]:
    """The metrics by the time since a person's last rating, where the run has them."""
    gaps: dict[str, dict[str, Number]] = ranking.get("gaps", {})
    if not gaps:
        return []
    names = list(dict.fromkeys(name for metrics in gaps.values() for name in metrics))
    rows = [
        [gap.replace("_", " "), *(metrics.get(name) for name in names)]
        for gap, metrics in gaps.items()
    ]
    return [Table("By the time since the last rating", ["last rating", *names], rows)]


def _recommendations() -> Section:
    try:
        examples = tabulate_examples()
    except InputError as error:
        return Section("Recommendations", f"Without examples: {error}.")
    nobody = "" if examples else "Nobody has a relevant movie in the test part."
    return Section("Recommendations", nobody, examples)


def _params(base: str | None) -> Section:
    rows, damage = unless_damaged(lambda: changed_params(base) if base else [])
    if not base or not rows:
        return Section("Params", damage or "No change.")
    return Section("Params", blocks=[Table("Changed", ["param", base, "workspace"], rows)])


def _plots(base: str | None) -> Section:
    colors = f"purple is the workspace{f', teal {base}' if base else ''}"
    reference = "a dashed line is a model that guesses, or perfect calibration"
    charts, left_out = load_charts(base)
    return Section("Plots", f"Colours: {colors}; {reference}. {left_out}".strip(), charts)


def _slices(records: list[dict[str, Any]], runs: Comparison, base: str | None) -> Section:
    if not records:
        return Section("Slices", "This run has none.")
    # A run without stars has no RMSE.
    names = [name for name in ("low", "high", "rmse", "rows") if name in records[0]]
    rows = [
        [
            record["slice"],
            runs.slices[record["slice"]].new,
            *_beside(runs.slices[record["slice"]]),
            *(record.get(name) for name in names),
            Fraction(record["positive_rate"]),
        ]
        for record in records
    ]
    header = ["slice", "auc", *_beside_header(base), *names, "liked"]
    text = runs.name_slices()
    return Section("Slices", text, [Table("With 95 % intervals", header, rows)])


def _calibration() -> Section:
    if not CALIBRATION.is_file():
        return Section("Calibration", f"{CALIBRATION} is not there.")
    try:
        groups = pd.read_csv(CALIBRATION, usecols=COLUMNS, dtype=float)
    # What pandas raises for a damaged file, or one without the columns.
    except ValueError:
        return Section("Calibration", f"{CALIBRATION} is damaged; run `dvc repro`.")
    groups["group"] = [f"{i} of {len(groups)}" for i in range(1, len(groups) + 1)]
    groups["gap"] = groups["actual"] - groups["predicted"]
    worst = groups.sort_values("gap", key=abs, ascending=False, kind="stable").head(WORST)
    rows = [
        [group, predicted, actual, Delta(gap), 2 * error]
        for group, predicted, actual, gap, error in worst[
            ["group", "predicted", "actual", "gap", "error"]
        ].itertuples(index=False)
    ]
    header = ["group", "mean prediction", "outcome", "gap", "two standard errors"]
    return Section("Calibration", blocks=[Table("The groups furthest off", header, rows)])


def _data() -> Section:
    try:
        return Section("Data", blocks=summarise_data(Path("data/encoded")))
    except InputError as error:
        return Section("Data", f"Not described: {error}.")
