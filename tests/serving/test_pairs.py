import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from recsys.common.errors import InputError
from recsys.dataloader.dataset import PLAIN
from recsys.serving.pairs import PairScorer
from recsys.storage.registry import FeatureParams
from recsys.training.loop import predict
from tests.runs import NEW_MOVIE, NEW_USER, SIDES, UNRATED_MOVIE, Run, save_model


def make_scorer(run: Run) -> PairScorer:
    return PairScorer(run.checkpoint, run.encoded, run.train_part)


@pytest.mark.parametrize("features", [PLAIN, SIDES], ids=["plain", "sides"])
@pytest.mark.parametrize(
    ("kind", "task"),
    [(kind, "classification") for kind in ("dlrm", "dcn", "deepfm", "fm", "lr")]
    + [("dlrm", "regression")],
)
def test_scores_are_those_of_evaluation(
    run: Run, kind: str, task: str, features: FeatureParams
) -> None:
    """Bit for bit, those of users and movies without a training row too."""
    save_model(run, kind, task, features)
    scorer = make_scorer(run)
    dataset = run.test_part(features)
    expected = predict(scorer.model, dataset, scorer.task)
    rows = dataset.user_row.long(), dataset.movie_row.long()
    assert np.array_equal(scorer.score(*rows), expected)
    assert (dataset.fields["userid"].values == 0).any()
    assert expected.std() > 0.01
    assert (expected.max() > 1) == (task == "regression")


def test_inputs_by_hand(run: Run) -> None:
    """A known pair, a newcomer with an unrated movie, and ids of nobody and nothing."""
    scorer = make_scorer(run)
    known = int(scorer.pairs.movieids[3])
    ids = torch.tensor([3, NEW_USER, 999]), torch.tensor([known, UNRATED_MOVIE, 999])
    rows = scorer.pairs.rows(*ids)
    assert [r.tolist() for r in rows] == [[0, 60, 61], [3, 41, 42]]
    dense, values, lengths = scorer.pairs.inputs(*rows)
    movie = pq.read_table(run.encoded / "movies.parquet").to_pylist()[3]
    user = pq.read_table(run.encoded / "users.parquet").to_pylist()[0]
    assert dense.tolist() == [[user["gender"]], [0], [0.5]]
    assert lengths.tolist() == [[1, 1, 1], [1, 1, 1], [len(movie["genres"]), 1, 0]]
    comedy = 1
    assert values.tolist() == [1, 0, 0, 4, 0, 0, *movie["genres"], comedy]


def test_whom_the_training_part_knows(run: Run) -> None:
    scorer = make_scorer(run)
    assert scorer.pairs.userids[~scorer.known_users].tolist() == [NEW_USER]
    assert scorer.pairs.movieids[~scorer.known_movies].tolist() == [NEW_MOVIE, UNRATED_MOVIE]


def test_features_of_rated_pairs_only_are_refused(run: Run) -> None:
    features = FeatureParams(
        sparse=("movieid", "liked"), dense=("gender", "user"), history_length=1
    )
    save_model(run, features=features)
    with pytest.raises(InputError, match="dlrm takes liked, user, which the stage features"):
        make_scorer(run)


def test_tables_of_another_run_are_told(run: Run) -> None:
    path = run.encoded / "vocabulary.json"
    path.write_text(path.read_text().replace("[3, 6,", "[6,"))
    with pytest.raises(InputError, match=r"62 embeddings of userid, \S+encoded asks for 61"):
        make_scorer(run)
