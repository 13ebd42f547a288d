"""dvc.lock: the params, the code, the data and the outputs of a run."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import parse_yaml

from recsys.common.errors import InputError
from recsys.reporting.runs.git import committed

LOCK, RAW = Path("dvc.lock"), "data/raw"


# A report reads the same text several times, and the dvc.lock of every experiment.
@lru_cache(maxsize=1024)
def read_stages(lock: str) -> dict[str, dict[str, Any]]:
    """The stages in the text of a dvc.lock, by name; none in an empty text.

    Raises:
        InputError: DVC cannot read the text.
    """
    try:
        content = parse_yaml(lock, LOCK)
        stages: dict[str, dict[str, Any]] = (
            COMPILED_LOCKFILE_SCHEMA(content).get("stages", {}) if content else {}
        )
    # Damaged YAML raises many kinds of errors.
    except Exception as error:
        raise InputError(
            f"{LOCK} has merge conflicts or is damaged; `recsys resolve` after a merge, else "
            f"`git restore {LOCK}`, or remove it and run `dvc repro`"
        ) from error
    return stages


def read_lock(project: Path) -> str:
    """The text of a project's dvc.lock; empty where there is none."""
    path = project / LOCK
    return path.read_text(errors="replace") if path.is_file() else ""


def recorded_outputs(lock: str) -> dict[str, str]:
    """Path and hash of every output in the text of a dvc.lock.

    A stage that failed has outputs without a hash, which are left out.
    """
    outs = (out for stage in read_stages(lock).values() for out in stage.get("outs", []))
    return {out["path"]: out["md5"] for out in outs if out.get("md5")}


def recorded_params(lock: str) -> dict[str, dict[str, Any]]:
    """The sections of params.yaml with which the stages in the text of a dvc.lock ran."""
    sections: dict[str, dict[str, Any]] = {}
    for stage in read_stages(lock).values():
        sections |= stage.get("params", {}).get("params.yaml", {})
    return sections


def recorded_sources(lock: str) -> dict[str, str | None]:
    """Path and hash of the code, and of the data, with which the stages of a dvc.lock ran.

    The data is `RAW`, because fetch reads it from outside of the project.
    """
    made = recorded_outputs(lock)
    deps = (dep for stage in read_stages(lock).values() for dep in stage.get("deps", []))
    code = {dep["path"]: dep.get("md5") for dep in deps if dep["path"] not in made}
    return code | {RAW: made.get(RAW)}


def cached_output(path: str, revision: str) -> Path:
    """The file in DVC's cache with an output of a commit's run.

    Raises:
        InputError: the cache does not have it, or the commit's dvc.lock does not record it.
    """
    md5 = recorded_outputs(committed(str(LOCK), revision) or "").get(path)
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
    """The file of an output, which must have the hash in the project's dvc.lock, if there is one.

    Raises:
        InputError: the file is missing, or has another hash.
    """
    file = project / path
    if not file.is_file():
        raise InputError(f"{file} is missing; run `dvc repro` or `dvc pull`")
    recorded = recorded_outputs(read_lock(project)).get(path)
    found = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    if recorded not in (None, found):
        raise InputError(f"{file} is not what dvc.lock records; run `dvc checkout`")
    return file
