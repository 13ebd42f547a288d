"""The recorded run of a project or of a commit, and the same run with other training seeds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from recsys.common.errors import InputError
from recsys.reporting.runs.git import committed, unless_damaged
from recsys.reporting.runs.lock import LOCK, cached_output, check_output, read_lock
from recsys.reporting.runs.metrics import (
    PATH,
    RANKING,
    Content,
    committed_metrics,
    load_metrics,
    load_ranking,
)
from recsys.reporting.runs.seeds import find_seeds, name_seeds, read_recipe

PREDICTIONS, RECOMMENDATIONS = "data/predictions.parquet", "data/recommendations.parquet"


@dataclass(frozen=True)
class Run:
    """A recorded run.

    Attributes:
        metrics, ranking: the content of metrics/test.json and of metrics/ranking.json.
        lock: the text of its dvc.lock, empty if there is none.
        find: returns the file of an output, given the output's path in the project.
    """

    metrics: Content = field(default_factory=dict)
    ranking: Content = field(default_factory=dict)
    lock: str = ""
    find: Callable[[str], Path] = Path


def load_run(project: Path) -> Run:
    """The run of a project.

    Raises:
        InputError: it has no metrics, or they are damaged.
    """
    return Run(
        load_metrics(project),
        load_ranking(project),
        read_lock(project),
        lambda path: check_output(path, project),
    )


def committed_run(commit: str) -> tuple[Run, list[str]]:
    """The run of a commit, and a sentence about each file that is damaged there."""
    metrics, damage = unless_damaged(lambda: committed_metrics(commit, PATH))
    ranking, ranking_damage = unless_damaged(lambda: committed_metrics(commit, RANKING))
    run = Run(
        metrics or {},
        ranking or {},
        committed(str(LOCK), commit) or "",
        lambda path: cached_output(path, commit),
    )
    return run, [note for note in (damage, ranking_damage) if note]


def gather_seeds(old: Run, new: Run, base: str, notes: list[str]) -> tuple[list[Run], list[Run]]:
    """Both runs with their other training seeds, if both have some."""
    try:
        if read_recipe(old.lock) == read_recipe(new.lock):
            return [old], [new]
        olds, news = (_add_seeds(run, notes) for run in (old, new))
    # A damaged dvc.lock.
    except InputError:
        return [old], [new]
    if min(len(olds), len(news)) == 1:
        return [old], [new]
    after, before = (name_seeds([run.lock for run in runs]) for runs in (news, olds))
    notes.append(
        f"Means over {after} of the workspace, and over {before} of {base}; the intervals are over "
        "users and these seeds."
    )
    return olds, news


def _add_seeds(run: Run, notes: list[str]) -> list[Run]:
    """A run, and the experiments with other training seeds whose outputs DVC's cache has."""
    runs = [run]
    for commit in find_seeds(run.lock).values():
        other, damage = committed_run(commit)
        try:
            for path in (PREDICTIONS, RECOMMENDATIONS) if run.ranking else (PREDICTIONS,):
                other.find(path)
        except InputError as error:
            damage.append(f"{error}.")
        if damage:
            notes.append(f"An experiment with another seed is left out: {' '.join(damage)}")
        else:
            runs.append(other)
    return runs
