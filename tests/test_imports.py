"""Who may import whom, and what stays light."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.imports import ROOT, closure, direct_imports

MODULES = sorted((ROOT / "recsys").glob("*.py"))
# Below the torch line.
HEAVY = {
    "average",
    "checkpoint",
    "dataset",
    "distinct",
    "fields",
    "interactions",
    "launch",
    "lookup",
    "model",
    "resume",
    "sharding",
}
HEAVY |= {"tasks", "training", "world"}
# Of those who use a model.
HEAVY |= {"exporting", "pairs", "recommending", "scoring", "serving"}
STAGES = ("fetch", "encode", "split", "features", "train", "evaluate")
USES = ("recommend", "predict", "export", "card")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_package_knows_neither_click_nor_stages(path: Path) -> None:
    roots = {name.split(".")[0] for name in direct_imports(path)}
    assert not roots & {"click", "stages"}
    assert "ruamel" not in roots or path.name == "params.py"


@pytest.mark.parametrize("stage", STAGES + USES)
def test_a_stage_imports_no_other_stage(stage: str) -> None:
    others = {ROOT / "stages" / f"{other}.py" for other in STAGES + USES if other != stage}
    assert not closure(ROOT / "stages" / f"{stage}.py") & others


@pytest.mark.parametrize("stage", STAGES + USES)
def test_no_stage_waits_for_torch_to_tell_of_bad_params(stage: str) -> None:
    # fetch waits for pandas neither.
    heavy = ["torch", "torchrec", "sklearn.metrics"] + ["pandas"] * (stage == "fetch")
    code = f"import sys, stages.{stage}; print([m for m in {heavy} if m in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert output == "[]\n"


def test_above_the_torch_line_nothing_imports_torch() -> None:
    """Not even late."""
    for path in MODULES:
        if path.stem not in HEAVY:
            imported = {name for file in closure(path) for name in direct_imports(file)}
            assert not {name for name in imported if name.split(".")[0].startswith("torch")}


def test_what_serves_imports_nothing_of_ours() -> None:
    """A copy of it is in every artifact."""
    names = {name.split(".")[0] for name in direct_imports(ROOT / "recsys" / "serving.py")}
    assert names == {"collections", "fbgemm_gpu", "pathlib", "torch", "typing"}
