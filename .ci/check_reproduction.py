"""Fail if what was just reproduced is not what is committed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

# Other processors round differently, and training carries that further.
TOLERANCE = 0.002


def committed(path: str) -> str:
    return subprocess.run(
        ["git", "show", f"HEAD:{path}"], capture_output=True, text=True, check=True
    ).stdout


def inputs(lock: str) -> dict[str, Any]:
    """The code and the params that each stage of a dvc.lock was run with."""
    stages = YAML(typ="safe").load(lock)["stages"]
    return {
        name: (
            {dep["path"]: dep["md5"] for dep in stage["deps"] if dep["path"].endswith(".py")},
            stage["params"],
        )
        for name, stage in stages.items()
    }


lock = Path("dvc.lock").read_text()
if inputs(lock) != inputs(committed("dvc.lock")):
    sys.exit("dvc.lock is not of this code and these params: run `dvc repro` and commit it")
print("outputs: " + ("same bytes" if lock == committed("dvc.lock") else "other bytes"))

expected = json.loads(committed("metrics/test.json"))["auc"]
found = json.loads(Path("metrics/test.json").read_text())["auc"]
print(f"AUC {found}, committed {expected}")
if not abs(found - expected) <= TOLERANCE:
    sys.exit(f"they differ by more than {TOLERANCE}")
