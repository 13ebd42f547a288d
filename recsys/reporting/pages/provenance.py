"""The provenance of a run: its commit, packages, outputs and stages."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recsys.reporting.rendering.blocks import Table
from recsys.reporting.runs.git import git
from recsys.reporting.runs.lock import read_lock, recorded_outputs
from recsys.reporting.runs.stages import lock_differences

PACKAGES = (
    "torch",
    "torchrec",
    "fbgemm-gpu-cpu",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "dvc",
)


def provenance() -> list[Table]:
    """The commit and the packages, the hash of each output, each stage beside dvc.lock."""
    # In the project's folder only: the repository may be larger.
    changed = git("status", "--porcelain", "--", ".").splitlines()
    made_by = [
        ["commit", git("log", "-1", "--format=%H").strip()],
        ["date and subject", git("log", "-1", "--format=%cs, %s").strip()],
        ["not committed", ", ".join(line[3:] for line in changed[:10]) or "nothing"],
        ["Python", platform.python_version()],
    ]
    made_by += [[name, found] for name in PACKAGES if (found := _version(name))]
    hashes = recorded_outputs(read_lock(Path()))
    stages = [[name, "; ".join(why) or "same"] for name, why in lock_differences().items()]
    return [
        Table("Made by", ["", "value"], made_by),
        Table("Outputs in dvc.lock", ["output", "md5"], list(hashes.items())),
        Table("Stages beside dvc.lock", ["stage", "code, params, command"], stages),
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
