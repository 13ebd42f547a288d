"""The stages of a project beside its dvc.lock: code, params, commands and files."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from dvc.dependency import ParamsDependency
from dvc.exceptions import NotDvcRepoError
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.utils.flatten import flatten

from recsys.common.errors import InputError
from recsys.common.params import read_yaml, show
from recsys.reporting.runs.git import check_repository
from recsys.reporting.runs.lock import read_lock, read_stages
from recsys.reporting.runs.metrics import PATH, load_metrics, load_ranking

ABSENT = "absent"


def check_run(project: Path) -> None:
    """Check that the files in Git that describe a run can be read, as far as they are there.

    Raises:
        InputError: one has merge conflicts, or it is damaged.
    """
    for name in ("dvc.yaml", "params.yaml"):
        path = project / name
        if path.is_file() and not isinstance(content := read_yaml(path), dict):
            raise InputError(f"{path}: expected sections, found {show(content)}")
    read_stages(read_lock(project))
    if (project / PATH).is_file():
        load_metrics(project)
    load_ranking(project)


def check_files(project: Path, needed: Collection[str]) -> None:
    """Compare the inputs and outputs of all stages with dvc.lock, as far as they are there.

    Args:
        needed: the paths that must be there.

    Raises:
        InputError: a file or folder differs, or a needed one is missing.
    """
    with _open_stages(project) as stages:
        for entry in (entry for stage in stages for entry in (*stage.deps, *stage.outs)):
            if isinstance(entry, ParamsDependency):
                continue
            path = project / entry.def_path
            if not path.exists():
                if entry.def_path in needed:
                    raise InputError(f"{path} is missing; run `dvc repro` or `dvc pull`")
            elif entry.workspace_status():
                raise InputError(f"{path} is not what dvc.lock records; run `dvc repro`")


def lock_differences() -> dict[str, list[str]]:
    """What differs from dvc.lock, for each stage of the project; an empty list: nothing does.

    Unlike `dvc status`, this needs no data. For data that another stage makes, it compares the two
    hashes in dvc.lock.
    """
    with _open_stages(Path()) as stages:
        made = {out.fs_path: out for stage in stages for out in stage.outs}
        return {stage.name: list(_differences(stage, made)) for stage in stages}


@contextmanager
def _open_stages(project: Path) -> Iterator[list[PipelineStage]]:
    read_stages(read_lock(project))
    try:
        with Repo(str(project)) as repo:
            yield [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
    except NotDvcRepoError as error:
        raise InputError(
            f"{project.absolute()} has no folder .dvc; `git restore .dvc`, or clone the project"
        ) from error
    except InputError:
        raise
    # Besides its own errors, DVC raises whatever an odd value in dvc.yaml or dvc.lock leads to.
    except Exception as error:
        check_repository(project)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{project.absolute()}: {reason}; `git diff dvc.lock dvc.yaml` may say why, and "
            "`git restore` brings them back"
        ) from error


def _differences(stage: PipelineStage, made: dict[str, Output]) -> Iterator[str]:
    if not any(entry.hash_info for entry in (*stage.deps, *stage.outs)):
        yield "not in dvc.lock"
        return
    if stage.cmd_changed:
        yield "command"
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            yield from _changed_params(dep)
        elif dep.fs_path in made:
            if dep.hash_info != made[dep.fs_path].hash_info:
                yield f"dep {dep}: not what its stage made"
        elif not any(dep.fs_path.startswith(f"{path}/") for path in made):
            yield from (f"dep {path}: {how}" for path, how in dep.workspace_status().items())
    for out in stage.outs:
        if not out.hash_info:
            yield f"out {out}: new"
        # In Git, so it must be there.
        elif not out.use_cache:
            yield from (f"out {path}: {how}" for path, how in out.workspace_status().items())


def _changed_params(dep: ParamsDependency) -> Iterator[str]:
    recorded = flatten(dep.hash_info.value if dep.hash_info else {})
    current = flatten(dep.read_params())
    for key in sorted(recorded.keys() | current.keys()):
        old, new = recorded.get(key, ABSENT), current.get(key, ABSENT)
        if old != new:
            yield f"param {key}: {old} in dvc.lock, {new} in {dep}"
