import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from recsys.common.errors import InputError
from recsys.dataloader.dataset import DEFAULT_FEATURES
from recsys.models.checkpoint import load_model, read_checkpoint
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.storage.registry import Feature
from recsys.tasks.predict import predict
from recsys.tasks.task import make_task
from tests.prepared import prepare
from tests.runs import NEW_USER, SIDES, UNRATED_MOVIE, Run, find_rows, save_model
from tests.toy import Toy


def make_scorer(run: Run) -> CheckpointModel:
    return CheckpointModel(run.checkpoint)


@pytest.mark.parametrize("features", [DEFAULT_FEATURES, SIDES], ids=["plain", "sides"])
@pytest.mark.parametrize(
    ("kind", "task"),
    [(kind, "classification") for kind in ("dlrm", "dcn", "deepfm", "fm", "lr")]
    + [("dlrm", "regression")],
)
def test_scores_equal_those_of_evaluation(
    run: Run, kind: str, task: str, features: tuple[Feature, ...]
) -> None:
    """Also for users and movies without a training rating."""
    save_model(run, kind, task, features)
    scorer = make_scorer(run)
    dataset = run.test_part(features)
    checkpoint = read_checkpoint(run.checkpoint)
    model, dimensions = load_model(checkpoint), checkpoint.dimensions
    expected = predict(model, dataset, make_task(task, dimensions.vocabulary.rating_scale))
    rows = dataset.user.long(), dataset.movie.long()
    np.testing.assert_allclose(scorer.score(*rows), expected, atol=1e-6)
    assert (dataset.__getitems__(range(len(dataset))).sparse["userid"].values == 0).any()
    assert expected.std() > 0.005
    assert (expected.max() > 1) == (task == "regression")


def test_inputs_by_hand(run: Run) -> None:
    """A known pair, a new user with an unrated movie, and ids that the tables do not have."""
    scorer = make_scorer(run)
    known = scorer.dimensions.ids["movies"].known[3]
    rows = (
        find_rows(scorer, "users", [3, NEW_USER, 999]),
        find_rows(scorer, "movies", [known, UNRATED_MOVIE, 999]),
    )
    assert [r.tolist() for r in rows] == [[0, 60, 61], [3, 41, 42]]
    features = scorer.pair_features
    bags, dense = features.bags(*rows).values(), features.dense(*rows)
    movie = pq.read_table(run.encoded / "movies.parquet").to_pylist()[3]
    user = pq.read_table(run.encoded / "users.parquet").to_pylist()[0]
    assert dense.tolist() == [[user["gender"]], [0], [0.5]]
    lengths = [bag.lengths if bag.lengths is None else bag.lengths.tolist() for bag in bags]
    assert lengths == [None, None, [len(movie["genres"]), 1, 0]]
    comedy = 1
    values = [bag.values.tolist() for bag in bags]
    assert values == [[1, 0, 0], [4, 0, 0], [*movie["genres"], comedy]]


@pytest.mark.parametrize(
    "file", ["tables/vocabulary.json", "tables/users.parquet", "counts/users.parquet"]
)
def test_tables_of_another_run_are_refused(run: Run, tmp_path: Path, toy: Toy, file: str) -> None:
    """The other run has as many users, but with other ids."""
    users = [(user + 1, *rest) for user, *rest in toy.users]
    ratings = [(user + 1, *rest) for user, *rest in toy.ratings]
    prepare(Toy(users, toy.movies, ratings), tmp_path / "other")
    other = {"tables": tmp_path / "other/encoded", "counts": tmp_path / "other/split/counts"}
    folder, name = file.split("/")
    shutil.copy(other[folder] / name, run.checkpoint / file)
    with pytest.raises(InputError, match=f"no checkpoint .{file}: not the original file"):
        make_scorer(run)
