import numpy as np
import pyarrow.parquet as pq
import pytest

from recsys.dataloader.dataset import DEFAULT_FEATURES
from recsys.models.checkpoint import load_model, read_checkpoint
from recsys.scoring.predict import predict
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.storage.registry import Feature
from tests.runs import NEW_USER, SIDES, UNRATED_MOVIE, Run, find_rows, save_model


@pytest.mark.parametrize("features", [DEFAULT_FEATURES, SIDES], ids=["plain", "sides"])
@pytest.mark.parametrize(
    ("kind", "thresholds"),
    [(kind, "all") for kind in ("dlrm", "dcn", "deepfm", "fm", "lr")] + [("dlrm", "label")],
)
def test_answers_equal_those_of_evaluation(
    run: Run, kind: str, thresholds: str, features: tuple[Feature, ...]
) -> None:
    """Also for users and movies without a training rating."""
    save_model(run, kind, thresholds, features)
    scorer = CheckpointModel(run.checkpoint)
    dataset = run.test_part(features)
    chances = predict(load_model(read_checkpoint(run.checkpoint)), dataset).sigmoid().numpy()
    likes, stars = scorer.score(dataset.user.long(), dataset.movie.long())
    # A like is a rating above 3 of 1 to 5 stars.
    expected = chances[:, 2 if thresholds == "all" else 0]
    np.testing.assert_allclose(likes, expected, atol=1e-6)
    if thresholds == "all":
        np.testing.assert_allclose(stars, 1 + chances.sum(1), atol=4e-6)
        assert stars.std() > 0.02
    else:
        assert stars is None
    batch = dataset.__getitems__(range(len(dataset)))
    assert (batch.sparse_features["userid"].values() == 0).any()
    assert expected.std() > 0.005


def test_inputs_by_hand(run: Run) -> None:
    """A known pair, a new user with an unrated movie, and ids that the tables do not have."""
    scorer = CheckpointModel(run.checkpoint)
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
