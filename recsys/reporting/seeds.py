"""The runs that differ in `train.seed` alone: experiments of DVC with the same code and data."""

from contextlib import suppress
from typing import Any, NamedTuple

from dvc.exceptions import DvcException
from dvc.repo import Repo

from recsys.common.errors import InputError
from recsys.reporting.lock import LOCK, recorded_params, recorded_sources
from recsys.reporting.revisions import committed

SECTION, SEED = "train", "seed"


class Recipe(NamedTuple):
    """What a run is made of, but for the training seed.

    Attributes:
        params: the sections of params.yaml.
        sources: the hashes of code and data.
    """

    params: dict[str, dict[str, Any]]
    sources: dict[str, str | None]


def read_recipe(lock: str) -> tuple[Recipe, Any]:
    """The recipe and the training seed of the run in the text of a dvc.lock; the seed may be None.

    Raises:
        InputError: the text is no dvc.lock.
    """
    params = recorded_params(lock)
    section = dict(params.get(SECTION, {}))
    seed = section.pop(SEED, None)
    return Recipe(params | {SECTION: section}, recorded_sources(lock)), seed


def differ_beyond_seed(*locks: str) -> bool:
    """Whether the runs in the texts of two dvc.lock differ in more than the training seed.

    If they do not, the seeds of one are those of the other. A damaged text differs from nothing.
    """
    try:
        one, other = (read_recipe(lock)[0] for lock in locks)
    except InputError:
        return False
    return one != other


def find_seeds(lock: str) -> dict[Any, str]:
    """The experiments with the recipe of a run and another training seed.

    Args:
        lock: the text of the dvc.lock of the run.

    Returns:
        the commit of an experiment for each seed, in the order of the seeds
    """
    recipe, seed = read_recipe(lock)
    found: dict[Any, str] = {}
    for commit in _experiments():
        # One that failed, or one of another time, is no reason to stop.
        with suppress(InputError):
            other, its_seed = read_recipe(committed(str(LOCK), commit) or "stages: {}")
            if other == recipe and its_seed != seed:
                found.setdefault(its_seed, commit)
    return dict(sorted(found.items()))


def _experiments() -> list[str]:
    """The commits of all experiments of the repository."""
    try:
        with Repo() as repo:
            by_commit = repo.experiments.ls(all_commits=True)
    # A repository without DVC, or without Git, has none.
    except DvcException:
        return []
    return [rev for experiments in by_commit.values() for _, rev in experiments if rev]
