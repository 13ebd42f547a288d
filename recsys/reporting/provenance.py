"""Where results come from."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recsys.reporting.blocks import Table
from recsys.reporting.lock import lock_differences, recorded_outputs
from recsys.reporting.revisions import git

LOCK = Path("dvc.lock")
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
    # Not of the larger repository that the project may be a folder of.
    changed = git("status", "--porcelain", "--", ".").splitlines()
    origin = [
        ["commit", git("log", "-1", "--format=%H").strip()],
        ["date and subject", git("log", "-1", "--format=%cs, %s").strip()],
        ["not committed", ", ".join(line[3:] for line in changed[:10]) or "nothing"],
        ["Python", platform.python_version()],
    ]
    origin += [[name, found] for name in PACKAGES if (found := _version(name))]
    hashes = recorded_outputs(LOCK.read_text()) if LOCK.is_file() else {}
    stages = [[name, "; ".join(why) or "same"] for name, why in lock_differences().items()]
    return [
        Table("Made by", ["", "value"], origin),
        Table("Outputs in dvc.lock", ["output", "md5"], list(hashes.items())),
        Table("Stages beside dvc.lock", ["stage", "code, params, command"], stages),
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
