"""Fail if the AUC just reproduced is not the committed one."""

import json
import subprocess
import sys
from pathlib import Path

# Other processors round differently, and training carries that further.
TOLERANCE = 0.002
METRICS = "metrics/test.json"

committed = subprocess.run(
    ["git", "show", f"HEAD:{METRICS}"], capture_output=True, text=True, check=True
).stdout
expected = json.loads(committed)["auc"]
found = json.loads(Path(METRICS).read_text())["auc"]
print(f"AUC {found}, committed {expected}")
if not abs(found - expected) <= TOLERANCE:
    sys.exit(f"they differ by more than {TOLERANCE}")
lock_changed = subprocess.run(["git", "diff", "--quiet", "dvc.lock"]).returncode
print("dvc.lock: " + ("other hashes than the committed ones" if lock_changed else "same hashes"))
