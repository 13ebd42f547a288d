"""The notebook runs from top to bottom, and is kept without outputs."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.imports import ROOT

FOLDER = ROOT / "notebooks"
CELLS: list[dict[str, Any]] = [
    cell
    for cell in json.loads((FOLDER / "first_look.ipynb").read_text())["cells"]
    if cell["cell_type"] == "code"
]


def test_it_is_kept_without_outputs() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CELLS)


@pytest.mark.real
def test_it_runs_from_top_to_bottom() -> None:
    """As a script: the cells are plain Python, so no kernel is needed."""
    script = "\n\n".join("".join(cell["source"]) for cell in CELLS)
    # The project may not be installed here; a notebook has it from the environment.
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=FOLDER, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "AUC 0.7" in done.stdout
    assert "NDCG@10 0.3" in done.stdout
