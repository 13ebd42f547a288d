"""dvc.lock next to the code, the params and what is in Git."""

from collections.abc import Iterator
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage
from ruamel.yaml import YAML

ABSENT = "absent"


def recorded_outputs(lock: str) -> dict[str, str]:
    """Path and hash of every output in the text of a dvc.lock, in its order."""
    stages = YAML(typ="safe").load(lock)["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}


def flat_params(text: str | None) -> dict[str, Any]:
    """The text of a params file as `{"train.epochs": 20}`."""
    return flat(YAML(typ="safe", pure=True).load(text or "{}"))


def lock_differences(folder: str = ".") -> dict[str, list[str]]:
    """For each stage of a project what is not as dvc.lock has it; nothing: the two match.

    Data that is not here is no difference: of data that another stage makes, only the two hashes
    in dvc.lock are compared.
    """
    with Repo(folder) as repo:
        stages = [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
        made = {out.fs_path: out for stage in stages for out in stage.outs}
        return {stage.name: list(_differences(stage, made)) for stage in stages}


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
    recorded = flat(dep.hash_info.value if dep.hash_info else None)
    current = flat(dep.read_params())
    for key in sorted(recorded.keys() | current.keys()):
        old, new = recorded.get(key, ABSENT), current.get(key, ABSENT)
        if old != new:
            yield f"param {key}: {old} in dvc.lock, {new} in {dep}"


def flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested sections as `{"train.epochs": 20}`."""
    params: dict[str, Any] = {}
    for key, value in (values or {}).items():
        if isinstance(value, dict):
            params |= flat(value, f"{prefix}{key}.")
        else:
            params[f"{prefix}{key}"] = value
    return params
