"""Two runs: each metric of both, and whether the difference is more than noise."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recsys.common.errors import InputError
from recsys.common.params import parse_section
from recsys.evaluation.paired import (
    Difference,
    compare_lists,
    compare_predictions,
    compare_slices,
    significant_by_holm,
)
from recsys.evaluation.params import EvaluateParams
from recsys.reporting.comparison.change import Change, average
from recsys.reporting.comparison.pairing import pair_lists, pair_predictions, pair_slices
from recsys.reporting.rendering.blocks import Interval, Verdict
from recsys.reporting.rendering.text import format_cell
from recsys.reporting.runs.lock import LOCK, recorded_params
from recsys.reporting.runs.metrics import Number, numbers, slice_scores
from recsys.reporting.runs.run import PREDICTIONS, Run, committed_run, gather_seeds, load_run
from recsys.reporting.runs.seeds import differ_in_seeds_alone

ONE_SEED = (
    'The intervals are over users alone. A verdict with "?" comes from one training seed, so the '
    "difference may be noise of the training."
)
MORE_SEEDS = (
    "Experiments of both runs with other training seeds settle it: `dvc exp run --queue -S "
    "train.seed=2,3`."
)
CORRECTED = "The verdicts of the slices are corrected for their number (Holm)."
WORSE = (Verdict.WORSE, Verdict.WORSE_WITH_ONE_SEED)
Differences = dict[str, Difference]


@dataclass
class Found:
    """The differences of paired runs, by the name of the metric or of the slice."""

    metrics: Differences = field(default_factory=dict)
    ranking: Differences = field(default_factory=dict)
    slices: Differences = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A run beside another.

    Attributes:
        metrics: the metrics of the test part.
        ranking: the metrics of the lists of recommendations.
        slices: AUC by the slice's name; "all" is the whole test part.
        notes: sentences about what was not compared, or has no interval, and why.
    """

    metrics: list[Change]
    ranking: list[Change]
    slices: dict[str, Change]
    notes: list[str]

    @property
    def all(self) -> list[Change]:
        return self.metrics + self.ranking

    def name_slices(self) -> str:
        """Sentences that name the slices that got worse; nothing without verdicts."""
        slices = {name: c for name, c in self.slices.items() if name != "all" and c.verdict}
        if not slices:
            return ""
        worse = {name: c for name, c in slices.items() if c.verdict in WORSE}
        if not worse:
            return f"No slice is worse beyond noise. {CORRECTED}"
        sure = all(c.several_seeds for c in worse.values())
        start = "Slices that got worse" if sure else "Slices that may be worse (one training seed)"
        named = [f"{name} ({format_cell(c.delta)} {c.name})" for name, c in worse.items()]
        return f"{start}: {', '.join(named)}. {CORRECTED}"


def compare_runs(base: str | None, project: Path = Path(), seeds: bool = True) -> Comparison:
    """Compare the run of a project with a commit's run, in the repository of the current folder.

    Args:
        base: the commit, by any name; None to compare with nothing.
        seeds: include the experiments that differ from a run in training seeds alone.

    Raises:
        InputError: the project has no metrics, or they are damaged. What is damaged or missing in
            the commit is in the notes.
    """
    new = load_run(project)
    if base is None:
        return _tabulate([Run()], [new], Found(), [])
    old, notes = committed_run(base)
    olds, news, found = [old], [new], Found()
    if seeds and differ_in_seeds_alone(new.lock, old.lock):
        notes.append("The runs differ in training seeds alone, so every difference is their noise.")
    else:
        if seeds:
            olds, news = gather_seeds(old, new, base, notes)
        found = _find_differences(olds, news, project, notes)
        if len(olds) == 1 and (found.metrics or found.ranking):
            notes.append(f"{ONE_SEED} {MORE_SEEDS}" if seeds else ONE_SEED)
    return _tabulate(olds, news, found, notes)


def _find_differences(olds: list[Run], news: list[Run], project: Path, notes: list[str]) -> Found:
    """The differences with their errors, as far as the runs can be paired."""
    found, old, new = Found(), olds[0], news[0]
    if old.metrics and old.metrics != new.metrics:
        try:
            before, after = pair_predictions(olds, news)
            sections = _read_params(old.lock), _read_params(new.lock)
            found.metrics = compare_predictions(before, after, sections)
            if alone := numbers(old.metrics).keys() ^ numbers(new.metrics).keys():
                notes.append(f"Only one of the runs has {' and '.join(sorted(alone))}.")
            slices = pair_slices(new.find(PREDICTIONS), sections[1], project)
            found.slices = compare_slices(before, after, slices)
        except InputError as error:
            notes.append(f"{'Slices' if found.metrics else 'Metrics'} without intervals: {error}.")
    if old.ranking and old.ranking != new.ranking:
        try:
            found.ranking = compare_lists(*pair_lists(olds, news))
        except InputError as error:
            notes.append(f"Ranking without intervals: {error}.")
    return found


def _read_params(lock: str) -> EvaluateParams:
    return parse_section(recorded_params(lock).get("evaluate", {}), EvaluateParams, LOCK)


def _tabulate(olds: list[Run], news: list[Run], found: Found, notes: list[str]) -> Comparison:
    """The means over the training seeds of both runs, with the intervals and verdicts."""
    several_seeds = min(len(olds), len(news)) > 1

    def compared(pick: Callable[[Run], dict[str, Number]], known: Differences) -> list[Change]:
        old, new = (average([pick(run) for run in runs]) for runs in (olds, news))
        significant = {name for name, difference in known.items() if difference.is_significant()}
        return [
            Change(
                name,
                old.get(name),
                new.get(name),
                _interval(known.get(name)),
                name in significant,
                several_seeds,
            )
            for name in {**new, **old}
        ]

    slices = {c.name: c for c in compared(lambda run: slice_scores(run.metrics), found.slices)}
    family = {name: found.slices[name] for name in found.slices if name != "all"}
    together = significant_by_holm(family) | {"all"}
    return Comparison(
        compared(lambda run: numbers(run.metrics), found.metrics),
        compared(lambda run: numbers(run.ranking), found.ranking),
        {
            name: change._replace(name="auc", significant=change.significant and name in together)
            for name, change in slices.items()
        },
        notes,
    )


def _interval(found: Difference | None) -> Interval | None:
    if found is None or np.isnan(found.value):
        return None
    return Interval(found.low, found.high)
