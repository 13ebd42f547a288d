"""Where results come from."""

import platform
from importlib.metadata import PackageNotFoundError, version

from recsys.reporting.blocks import Table
from recsys.reporting.lock import lock_differences, recorded_outputs
from recsys.reporting.revisions import content, git

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
    """The commit and the packages, each stage next to dvc.lock, the hash of each output."""
    changed = git("status", "--porcelain").splitlines()
    origin: list[list[object]] = [
        ["commit", git("log", "-1", "--format=%H").strip()],
        ["of", git("log", "-1", "--format=%cs, %s").strip()],
        ["not committed", ", ".join(line[3:] for line in changed[:10]) or "nothing"],
        ["Python", platform.python_version()],
    ]
    origin += [[name, found] for name in PACKAGES if (found := _version(name))]
    stages = [[name, "; ".join(why) or "same"] for name, why in lock_differences().items()]
    hashes = list(map(list, recorded_outputs(content("dvc.lock", None) or "stages: {}").items()))
    return [
        Table("Made by", ["", "value"], origin),
        Table("Outputs in dvc.lock", ["output", "md5"], hashes),
        Table("Stages next to dvc.lock", ["stage", "code, params, command"], stages),
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
