"""What starts without its heavy imports; `lint-imports` checks who imports whom."""

import subprocess
import sys

import pytest

from tests.imports import ROOT, direct_imports

HEAVY = ("torch", "torchrec", "sklearn.metrics", "optuna", "dvc")
MODULES = {
    # Neither fetch nor the commands wait for pandas.
    "stages.fetch": (*HEAVY, "pandas"),
    "stages.encode": HEAVY,
    "stages.split": HEAVY,
    "stages.features": HEAVY,
    "stages.train": HEAVY,
    "stages.evaluate": HEAVY,
    "recsys.cli.main": (*HEAVY, "pandas", "numpy", "pydantic"),
}


@pytest.mark.parametrize("module", MODULES)
def test_a_bad_value_is_refused_before_the_slow_imports(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {MODULES[module]} if m in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert output == "[]\n"


def test_no_test_imports_another() -> None:
    """So each file runs alone, and what two of them need is in a module without tests."""
    for path in (ROOT / "tests").rglob("*.py"):
        names = {part for name in direct_imports(path) for part in name.split(".")}
        assert not [name for name in names if name.startswith("test_")], path
