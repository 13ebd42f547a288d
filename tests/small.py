"""A Git and DVC repository of two quick stages, for what is done with any pipeline."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from tests.imports import ROOT
from tests.repository import Repository

PIPELINE = """
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py]
    outs: [data]
  judge:
    cmd: python judge.py
    params: [model]
    deps: [judge.py, data]
    metrics:
      - metrics/test.json:
          cache: false
    plots:
      - metrics/plots/roc.csv:
          cache: false
          title: ROC
          template: curve
          x: false_positive_rate
          y: true_positive_rate
"""
PREPARE = """
from pathlib import Path
Path("data").mkdir()
Path("data/file").write_text("one")
"""
JUDGE = """
import json
from pathlib import Path
width = int(Path("params.yaml").read_text().split()[-1])
Path("metrics/plots").mkdir(parents=True, exist_ok=True)
Path("metrics/test.json").write_text(json.dumps({"auc": width / 100, "rows": 10, "slices": []}))
points = "false_positive_rate,true_positive_rate,uninformed\\n0,0,0\\n0.5,%s,0.5\\n1,1,1\\n"
Path("metrics/plots/roc.csv").write_text(points % (width / 100))
"""


class SmallProject(Repository):
    """`prepare` makes data, `judge` the metrics out of the param model.width."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, PYTHONPATH=str(ROOT))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def set_width(self, width: int) -> None:
        self.write("params.yaml", f"model:\n  width: {width}\n")

    def record(self, params: dict[str, Any], *paths: str) -> None:
        """Put outputs into DVC's cache and into dvc.lock, as DVC does after a stage."""
        outs = []
        for path in paths:
            content = (self.folder / path).read_bytes()
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            cached = self.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
            cached.parent.mkdir(parents=True, exist_ok=True)
            cached.write_bytes(content)
            outs.append({"path": path, "hash": "md5", "md5": md5, "size": len(content)})
        stage = {"cmd": "judge", "params": {"params.yaml": params}, "outs": outs}
        # JSON is YAML.
        self.write("dvc.lock", json.dumps({"schema": "2.0", "stages": {"evaluate": stage}}))

    def repro(self) -> None:
        self.dvc("repro", "--quiet")


def make_small_project(folder: Path) -> SmallProject:
    """Reproduced and committed with a width of 80."""
    folder.mkdir(parents=True)
    project = SmallProject(folder)
    project.init()
    project.dvc("init", "--quiet")
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    project.write(".gitignore", "/data/\n")
    project.write("dvc.yaml", PIPELINE)
    project.write("prepare.py", PREPARE)
    project.write("judge.py", JUDGE)
    project.set_width(80)
    project.repro()
    project.commit()
    return project
