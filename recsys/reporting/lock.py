"""dvc.lock: what it records of a run, and whether code, params and files match it."""

import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.utils.flatten import flatten
from pydantic import BaseModel, ValidationError

from recsys.common.errors import InputError
from recsys.common.params import CONFLICT, parse_yaml, read_yaml, show, show_key
from recsys.reporting.metrics import PATH as METRICS
from recsys.reporting.metrics import load_metrics, load_ranking
from recsys.reporting.revisions import committed, git

LOCK, RAW = Path("dvc.lock"), "data/raw"
ABSENT = "absent"


class RecordedFile(BaseModel):
    """A file or a folder."""

    path: str
    # The outputs of a stage that failed have none.
    md5: str | None = None


class RecordedStage(BaseModel):
    deps: list[RecordedFile] = []
    outs: list[RecordedFile] = []
    # By file, then by section.
    params: dict[str, dict[str, Any] | None] = {}


class Lock(BaseModel):
    """What this project reads of a dvc.lock."""

    stages: dict[str, RecordedStage] = {}


# One text is often asked for several things, and a report may read those of many experiments.
@lru_cache(maxsize=1024)
def parse_lock(content: str | bytes) -> Lock:
    """Read the content of a dvc.lock.

    Raises:
        InputError: it has merge conflicts, or it is no dvc.lock.
    """
    content = content.encode() if isinstance(content, str) else content
    if CONFLICT.search(content.decode(errors="replace")):
        raise InputError(
            f"{LOCK} has merge conflicts; resolve those of params.yaml and the code, then "
            "`recsys resolve` makes it anew"
        )
    try:
        return Lock.model_validate(parse_yaml(content, LOCK))
    except ValidationError as error:
        first = error.errors()[0]
        key = ": ".join([str(LOCK), *map(show_key, first["loc"])])
        problem = re.sub(r" or instance of \w+", "", first["msg"])
        raise InputError(
            f"{key}: {problem}, found {show(first['input'])}; restore it (`git "
            f"restore {LOCK}`), or remove it and run `dvc repro`"
        ) from error


def check_lock(project: Path) -> None:
    """Check that a project's dvc.lock can be read, if there is one.

    Raises:
        InputError: it cannot.
    """
    path = project / LOCK
    if path.is_file():
        parse_lock(path.read_bytes())


def check_run(project: Path) -> None:
    """Check that the files in Git that describe a run can be read, as far as they are there.

    Raises:
        InputError: one has merge conflicts, or it is damaged.
    """
    for name in ("dvc.yaml", "params.yaml"):
        path = project / name
        if path.is_file() and not isinstance(content := read_yaml(path), dict):
            raise InputError(f"{path}: expected sections, found {show(content)}")
    check_lock(project)
    if (project / METRICS).is_file():
        load_metrics(project)
    load_ranking(project)


def recorded_outputs(lock: str) -> dict[str, str]:
    """Path and hash of every output in the text of a dvc.lock, in its order."""
    outs = (out for stage in parse_lock(lock).stages.values() for out in stage.outs)
    return {out.path: out.md5 for out in outs if out.md5 is not None}


def recorded_params(lock: str) -> dict[str, dict[str, Any]]:
    """The sections of params.yaml that the stages in the text of a dvc.lock ran with."""
    sections: dict[str, dict[str, Any]] = {}
    for stage in parse_lock(lock).stages.values():
        sections |= stage.params.get("params.yaml") or {}
    return sections


def recorded_sources(lock: str) -> dict[str, str | None]:
    """Path and hash of what the stages in the text of a dvc.lock read and none of them made.

    The hash of data/raw stands for the data, which fetch reads from outside of the project.
    """
    stages = parse_lock(lock).stages.values()
    made = {out.path: out.md5 for stage in stages for out in stage.outs}
    read = {dep.path: dep.md5 for stage in stages for dep in stage.deps}
    others = {path: md5 for path, md5 in read.items() if path not in made}
    return others | {RAW: made.get(RAW)}


def cached_output(path: str, revision: str) -> Path:
    """The file in DVC's cache that is an output of a commit's run.

    Raises:
        InputError: the cache does not have it, or the commit's dvc.lock does not record it.
    """
    md5 = recorded_outputs(committed(str(LOCK), revision) or "stages: {}").get(path)
    if md5 is None:
        raise InputError(f"the dvc.lock of {revision} does not record {path}")
    try:
        with Repo() as repo:
            file = Path(repo.cache.local.oid_to_path(md5))
    except DvcException as error:
        raise InputError(f"DVC does not say where its cache is ({error})") from error
    if not file.is_file():
        raise InputError(
            f"{path} of {revision} is not in DVC's cache; `dvc fetch --all-commits` brings it, if "
            "a remote has it"
        )
    return file


def check_output(path: str, project: Path) -> Path:
    """A file of a project that is what its dvc.lock records, or of a project without a lock.

    Raises:
        InputError: it is missing or another.
    """
    file, lock = project / path, project / LOCK
    if not file.is_file():
        raise InputError(f"{file} is missing; run `dvc repro` or `dvc pull`")
    if lock.is_file():
        recorded = recorded_outputs(lock.read_text()).get(path)
        found = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        if recorded not in (None, found):
            raise InputError(f"{file} is not what dvc.lock records; run `dvc checkout`")
    return file


def check_files(project: Path, needed: Collection[str]) -> None:
    """Compare the inputs and outputs of all stages with dvc.lock, as far as they are there.

    Args:
        needed: paths of those that have to be there.

    Raises:
        InputError: a file or folder differs, or a needed one is missing.
    """
    with _stages(project) as stages:
        for entry in (entry for stage in stages for entry in (*stage.deps, *stage.outs)):
            if isinstance(entry, ParamsDependency):
                continue
            path = project / entry.def_path
            if not path.exists():
                if entry.def_path in needed:
                    raise InputError(f"{path} is missing; run `dvc repro` or `dvc pull`")
            elif entry.workspace_status():
                raise InputError(f"{path} is not what dvc.lock records; run `dvc repro`")


def lock_differences(folder: str = ".") -> dict[str, list[str]]:
    """For each stage of a project what differs from dvc.lock; an empty list: nothing does.

    Data that is not here is no difference: of data that another stage makes, only the two hashes
    in dvc.lock are compared.
    """
    with _stages(Path(folder)) as stages:
        made = {out.fs_path: out for stage in stages for out in stage.outs}
        return {stage.name: list(_differences(stage, made)) for stage in stages}


@contextmanager
def _stages(project: Path) -> Iterator[list[PipelineStage]]:
    check_lock(project)
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
        # If Git is behind it, this says what to do.
        git("rev-parse", folder=project)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{project.absolute()}: {reason}; `git diff dvc.lock dvc.yaml` may say why, and "
            "`git restore` brings them back"
        ) from error


def _differences(stage: PipelineStage, made: dict[str, Output]) -> Iterator[str]:
    known = [entry for entry in (*stage.deps, *stage.outs) if entry.hash_info]
    if not known:
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
        # One in Git, so it has to be there.
        elif not out.use_cache:
            yield from (f"out {path}: {how}" for path, how in out.workspace_status().items())


def _changed_params(dep: ParamsDependency) -> Iterator[str]:
    recorded = flatten(dep.hash_info.value if dep.hash_info else {})
    current = flatten(dep.read_params())
    for key in sorted(recorded.keys() | current.keys()):
        old, new = recorded.get(key, ABSENT), current.get(key, ABSENT)
        if old != new:
            yield f"param {key}: {old} in dvc.lock, {new} in {dep}"
