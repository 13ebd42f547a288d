"""Who may import whom, and what stays light."""

import subprocess
import sys

import pytest

from tests.imports import ROOT, closure, direct_imports

STAGES = ("fetch", "encode", "split", "features", "train", "evaluate")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_other_stage(stage: str) -> None:
    others = {ROOT / "stages" / f"{other}.py" for other in STAGES if other != stage}
    assert not closure(ROOT / "stages" / f"{stage}.py") & others


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_waits_for_torch_to_tell_of_bad_params(stage: str) -> None:
    # fetch waits for pandas neither.
    heavy = ["torch", "torchrec", "sklearn.metrics"] + ["pandas"] * (stage == "fetch")
    code = f"import sys, stages.{stage}; print([m for m in {heavy} if m in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert output == "[]\n"


def test_what_serves_imports_nothing_of_ours() -> None:
    """A copy of it is in every artifact."""
    names = {name.split(".")[0] for name in direct_imports(ROOT / "recsys/serving/scorer.py")}
    assert names == {"collections", "fbgemm_gpu", "pathlib", "torch", "typing"}
