"""Runs that differ in training seeds alone: DVC experiments with the same code, data and params."""

from contextlib import suppress
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo

from recsys.common.errors import InputError
from recsys.reporting.runs.git import committed
from recsys.reporting.runs.lock import LOCK, recorded_params, recorded_sources

# The sections of params.yaml with the seed of a training.
TRAINED, SEED = ("train", "sequence"), "seed"
SEEDS = {(section, SEED) for section in TRAINED}
Seeds = tuple[Any, ...]
Inputs = tuple[dict[str, dict[str, Any]], dict[str, str | None]]


def read_recipe(lock: str) -> tuple[Inputs, Seeds]:
    """The inputs of the run in the text of a dvc.lock, apart from its training seeds, and these.

    Returns:
        the sections of params.yaml and the hashes of code and data; the seed of each section of
        `TRAINED`

    Raises:
        InputError: the text is no dvc.lock.
    """
    params = recorded_params(lock)
    seeds = tuple(params.get(section, {}).get(SEED) for section in TRAINED)
    others = {
        name: {key: value for key, value in section.items() if (name, key) not in SEEDS}
        for name, section in params.items()
    }
    return (others, recorded_sources(lock)), seeds


def differ_in_seeds_alone(lock: str, base: str) -> bool:
    """Whether the runs in the texts of two dvc.lock differ, but only in training seeds."""
    try:
        (recipe, seeds), (other, others) = read_recipe(lock), read_recipe(base)
    # A damaged dvc.lock.
    except InputError:
        return False
    return recipe == other and seeds != others


def find_seeds(lock: str) -> dict[Seeds, str]:
    """The experiments with the recipe of a run and other training seeds.

    Args:
        lock: the text of the dvc.lock of the run.

    Returns:
        the commit of an experiment, by its seeds
    """
    recipe, own = read_recipe(lock)
    found: dict[Seeds, str] = {}
    for commit in _experiments():
        # An experiment that failed, or of an older version, may have another lock.
        with suppress(InputError):
            other, seeds = read_recipe(committed(str(LOCK), commit) or "")
            if other == recipe and seeds != own:
                found.setdefault(seeds, commit)
    # An edited lock may have seeds of several types.
    return dict(sorted(found.items(), key=str))


def name_seeds(locks: list[str]) -> str:
    """The training seeds of runs with one recipe, such as `train.seed 1, 2`."""
    seeds = [read_recipe(lock)[1] for lock in locks]
    named = {
        section: list(dict.fromkeys(run[place] for run in seeds))
        for place, section in enumerate(TRAINED)
    }
    varied = [section for section in TRAINED if len(named[section]) > 1] or TRAINED[:1]
    return " and ".join(f"{name}.{SEED} {', '.join(map(str, named[name]))}" for name in varied)


def _experiments() -> list[str]:
    """The commits of all experiments of the repository."""
    try:
        with Repo() as repo:
            by_commit = repo.experiments.ls(all_commits=True)
    # A repository without DVC, or without Git, has none.
    except DvcException:
        return []
    return [rev for experiments in by_commit.values() for _, rev in experiments if rev]
