import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from recsys.dataloader.pairs import find_rows
from recsys.serving.export import PRECISIONS, export
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.scorer import Scorer
from tests.runs import SIDES, Run, save_model

# The errors allowed in probabilities, with embeddings from N(0, 1). They come from rounding to
# floats, to the 11 bits of halves, and to 8 bits over the range of a row.
TOLERANCES = {"fp32": 1e-6, "fp16": 2e-3, "int8": 2e-2}
# Loads the artifact's own copy of the scorer, in a process that cannot import the project.
STANDALONE = """
import json, sys
from pathlib import Path
sys.path.insert(0, "serving")
from recsys.serving.scorer import Scorer
scores = Scorer(Path("serving")).score([3, 6, 999], [2, 4, 2])
ours = [module.__file__ for name, module in sys.modules.items() if name.startswith("recsys")]
assert all(Path(file).is_relative_to(Path("serving").absolute()) for file in ours), ours
assert not {"torchrec", "pandas", "pyarrow"} & sys.modules.keys()
print(json.dumps(scores.tolist()))
"""


@pytest.fixture
def all_pairs(run: Run) -> tuple[torch.Tensor, torch.Tensor]:
    """The ids of all pairs of a user and a movie, with an unknown user and an unknown movie."""
    scorer = PairScorer(run.checkpoint)
    users = torch.cat([scorer.userids, torch.tensor([999])])
    movies = torch.cat([scorer.movieids, torch.tensor([999])])
    return users.repeat_interleave(len(movies)), movies.repeat(len(users))


@pytest.mark.parametrize(
    ("task", "precision"),
    [*(("classification", precision) for precision in PRECISIONS), ("regression", "int8")],
)
def test_scores_equal_those_of_the_checkpoint(
    run: Run, all_pairs: tuple[torch.Tensor, torch.Tensor], task: str, precision: str
) -> None:
    save_model(run, task=task)
    # Stars span four times the range of probabilities.
    assert_same_scores(run, all_pairs, precision, 4 if task == "regression" else 1)


@pytest.mark.parametrize("kind", ["dcn", "deepfm", "fm", "lr"])
def test_every_kind_of_model_with_side_features(
    run: Run, all_pairs: tuple[torch.Tensor, torch.Tensor], kind: str
) -> None:
    save_model(run, kind, features=SIDES)
    assert_same_scores(run, all_pairs, "fp32", 1)


def assert_same_scores(
    run: Run, ids: tuple[torch.Tensor, torch.Tensor], precision: str, span: float
) -> None:
    scorer = PairScorer(run.checkpoint)
    export(scorer, precision, Path("serving"))
    users, movies = find_rows(ids[0], scorer.userids), find_rows(ids[1], scorer.movieids)
    expected = scorer.score(users, movies)
    assert expected.std() > 0.01
    served = Scorer(Path("serving"))
    errors = np.abs(served.score(*ids).numpy() - expected)
    assert errors.max() <= span * TOLERANCES[precision]
    # A single pair works too, although a size of one is special to torch.export.
    assert served.score([3], [2]).shape == (1,)
    if precision != "fp32":
        assert errors.max() > 0


def test_the_artifact_scores_without_the_project(run: Run) -> None:
    export(PairScorer(run.checkpoint), "int8", Path("serving"))
    expected = Scorer(Path("serving")).score([3, 6, 999], [2, 4, 2])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", STANDALONE], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == pytest.approx(expected.tolist())


def test_exports_are_reproducible_and_smaller_with_less_precision(run: Run) -> None:
    save_model(run, dimension=64)
    scorer = PairScorer(run.checkpoint)
    for folder, precision in (("fp32", "fp32"), ("fp16", "fp16"), ("int8", "int8"), ("x", "int8")):
        export(scorer, precision, Path(folder))
    for path in filter(Path.is_file, Path("int8").rglob("*")):
        assert path.read_bytes() == (Path("x") / path.relative_to("int8")).read_bytes()
    sizes = [Path(name, "model.pt2").stat().st_size for name in PRECISIONS]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3
