"""Run the stages one after the other through click, on archives that the tests write."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from recsys.models.checkpoint import save_checkpoint
from recsys.sources.releases import RELEASES
from recsys.storage.registry import REGISTRY
from tests.conftest import PARAMS, pin
from tests.params import set_params
from tests.stages import STAGES, refuse, run, run_all
from tests.toy import Toy, write_csv, zip_release

pytestmark = pytest.mark.usefixtures("mirror", "project")


def test_from_archive_to_metrics(toy: Toy) -> None:
    output = run_all()
    assert "ml-1m: 1,500 ratings of 40 movies by 60 users" in output
    assert "random: 1,200 train, 155 validation, 145 test" in output
    metrics = json.loads(Path("metrics/test.json").read_text())
    assert list(metrics) == [
        "auc", "accuracy", "log_loss", "normalized_entropy", "positive_rate", "rows",
        "grouped_auc", "calibration_error", "rmse", "mae", "slices",
    ]  # fmt: skip
    assert metrics["rows"] == 145
    assert metrics["slices"][0] | {"auc": metrics["auc"]} == metrics["slices"][0]
    assert 0.5 < metrics["auc"] <= 1
    predictions = pd.read_parquet("data/predictions.parquet")
    raw = {(user, movie): rating for user, movie, rating, _ in toy.ratings}
    for row in predictions.itertuples():
        assert raw[row.raw_userid, row.raw_movieid] == row.rating
        assert row.label == (row.rating > 3)
    assert (
        round(float(np.abs(predictions["stars"] - predictions["rating"]).mean()), 5)
        == (metrics["mae"])
    )
    ranking = json.loads(Path("metrics/ranking.json").read_text())
    lists = pd.read_parquet("data/recommendations.parquet")
    assert len(lists) == ranking["people"]
    assert lists["user"].is_monotonic_increasing
    assert round(lists["ndcg"].mean(), 5) == ranking["ndcg"]
    assert all(len(movies) == 10 for movies in lists["movies"])
    metadata = pq.read_metadata("data/recommendations.parquet").metadata
    assert (metadata[b"top"], metadata[b"relevant"]) == (b"10", b"likes")
    assert pd.read_csv("models/history.csv")["epoch"].tolist() == [1, 2]
    assert "weights of 40 movies from 1,200 ratings" in output
    set_params(**{"retrieval.refit": True})
    assert "from 1,355 ratings" in run("retrieve").output
    assert run("rank").exit_code == 0


SEQUENCE = {
    "split.method": "leave_last",
    "retrieval.model": "sequence",
    "ranking.relevant": "all",
    "sequence.dimension": 8,
    "sequence.epochs": 2,
    "sequence.batch_size": 128,
}


def test_the_sequence_encoder_recommends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_SAVE_EVERY", "3")
    set_params(**SEQUENCE)
    run_all()
    files = {path.name: path.read_bytes() for path in Path("models/retrieval").iterdir()}
    assert set(files) == {"retrieval.json", "retrieval.safetensors", "encoder.safetensors"}
    ranking = json.loads(Path("metrics/ranking.json").read_text())
    assert sum(part["people"] for part in ranking["gaps"].values()) == ranking["people"] == 60
    # The state of an unfinished training is gone.
    assert not Path("models/retrieval.state").exists()
    assert run("retrieve").exit_code == 0
    assert files == {path.name: path.read_bytes() for path in Path("models/retrieval").iterdir()}
    assert run("rank").exit_code == 0
    assert json.loads(Path("metrics/ranking.json").read_text()) == ranking


def test_two_runs_give_the_same_bytes() -> None:
    """Run all stages twice, each time from nothing."""

    def content() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}

    run_all()
    first = content()
    for path in first.keys() - {"params.yaml"}:
        Path(path).unlink()
    run_all()
    assert content() == first


def test_the_live_file_has_the_last_epoch_while_train_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    records = []

    def save(*arguments: Any) -> None:
        records.append(json.loads(Path("live/epoch.json").read_text()))
        save_checkpoint(*arguments)

    monkeypatch.setattr("recsys.training.fit.save_checkpoint", save)
    run_all("train")
    history = pd.read_csv("models/history.csv")
    assert records == [pytest.approx(history.iloc[-1].to_dict(), abs=1e-5)]
    assert not list(Path("live").iterdir())


def test_a_release_without_users_has_a_constant_gender() -> None:
    set_params(**{"fetch.dataset": "ml-latest-small"})
    output = run_all("evaluate")
    message = "ml-latest-small: no genders are published: the dense feature is 0.5 for everyone"
    assert output.count(message) == 1
    assert set(pd.read_parquet("data/encoded/users.parquet")["gender"]) == {0.5}


def test_synthetic_ratings_need_no_archive_and_have_a_best_possible_score(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MOVIELENS_MIRROR")
    sizes = {"users": 100, "movies": 80, "ratings": 2000}
    set_params(**{"fetch.dataset": "synthetic"})
    set_params(**{f"fetch.synthetic_{name}": size for name, size in sizes.items()})
    assert "2,000 ratings of 80 movies by 100 users" in run_all("evaluate")
    metrics = json.loads(Path("metrics/test.json").read_text())
    assert 0.7 < metrics["best_possible_auc"] < 0.9


@pytest.mark.parametrize(
    ("stage", "key", "value"),
    [
        ("fetch", "fetch.dataset", "ml-2m"),
        ("encode", "encode.label_threshold", "three"),
        ("split", "split.test", 1.2),
        ("train", "train.batch_size", 0),
        ("train", "model.poolin", "sum"),
        ("evaluate", "evaluate.threshold", 2),
        # The first stage that runs refuses bad params of later stages too.
        ("fetch", "train.learning_rate", -1),
        ("fetch", "gaussian_process.lasting", 1.5),
        ("split", "evaluate.user_steps", [9]),
    ],
)
def test_bad_params_stop_a_stage_before_any_work(stage: str, key: str, value: object) -> None:
    set_params(**{key: value})
    assert refuse(stage).startswith(f"Error: params.yaml: {key}")
    assert {str(path) for path in Path().iterdir()} == {"params.yaml"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_reported() -> None:
    set_params(**{"train.device": "cuda"})
    assert "Error: train.device = 'cuda': torch sees no CUDA device" in refuse("train")


@pytest.mark.parametrize("stage", ["encode", "split", "train", "evaluate"])
def test_a_missing_input_is_reported_in_one_line(stage: str) -> None:
    message = r"Error: data/\S+ .*(missing|cannot be read|not a vocab)|Error: models/dlrm"
    assert re.match(message, refuse(stage))


def test_a_bad_row_stops_encode_and_keeps_the_old_output(
    mirror: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_params(**{"fetch.dataset": "ml-latest-small"})
    run_all("encode")
    before = Path("data/encoded/ratings/00000.parquet").read_bytes()
    bad = Toy(toy.users, toy.movies, [*toy.ratings, (3, 2, 9, 10**9)])
    archive = zip_release("ml-latest-small", write_csv(bad, mirror / "csv"), mirror)
    assert re.search("ml-latest-small.zip from .* get it again", refuse("fetch"))
    monkeypatch.setitem(RELEASES, "ml-latest-small", pin(archive))
    assert "changed since stage source ran; run `dvc repro` again" in refuse("fetch")
    run_all("fetch")
    message = "ratings.csv line 1502: rating = '9.0' is not on the scale of 0.5"
    assert message in refuse("encode")
    assert Path("data/encoded/ratings/00000.parquet").read_bytes() == before


def test_labels_of_one_class_give_a_null_auc_and_libraries_print_nothing() -> None:
    """train and evaluate run in a fresh process, and print only our messages, each once."""
    set_params(**{"encode.label_threshold": 5, "train.epochs": 1})
    run_all("features")
    code = "from tests.stages import command\n" + "".join(
        f"command({stage!r}).main({['--params', 'params.yaml', *STAGES[stage].split()]}, "
        "standalone_mode=False)\n"
        for stage in ("train", "evaluate")
    )
    environment = os.environ | {"PYTHONPATH": str(PARAMS.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr == "".join(
        f"all {rows} labels are 0: AUC is not defined\n" for rows in (155, 145)
    )
    metrics = json.loads(Path("metrics/test.json").read_text())
    assert (metrics["auc"], metrics["accuracy"]) == (None, 1)


def test_all_features_reach_the_model() -> None:
    """Select every feature that a split can have, on a random split and on a split by time."""
    sparse = [name for name, feature in REGISTRY.items() if feature.kind != "dense"]
    dense = [name for name, feature in REGISTRY.items() if feature.kind == "dense"]
    for method in ("random", "chronological"):
        set_params(
            **{
                "split.method": method,
                "features.sparse": sparse[::-1],
                "features.dense": [n for n in dense if n != "recent" or method == "random"],
                "features.history_length": 3,
            }
        )
        run_all("train")
        described = json.loads(Path("models/dlrm/model.json").read_text())
        assert list(described["model"]["tables"]) == sparse
        assert len(described["model"]["dense_features"]) >= 20
        columns = pd.read_parquet("data/features/train")
        assert len(columns) == len(pd.read_parquet("data/split/train"))
        assert columns.notna().all().all()
        numbers = columns.select_dtypes("float32")
        assert numbers.abs().max().max() <= 5
        assert (numbers.mean().abs() < 0.1).all()


def test_threes_can_be_dropped() -> None:
    set_params(**{"encode.drop_ratings": [3]})
    run_all("encode")
    ratings = pd.read_parquet("data/encoded/ratings")
    assert len(ratings) > 0
    assert not (ratings["rating"] == 3).any()


@pytest.mark.parametrize(
    ("stage", "key", "message"),
    [
        ("split", "split.seed", "data/split/test.parquet and models/dlrm/tables .* split;"),
        ("features", "statistics.user_damping", "models/dlrm and data/features .* fitted features"),
    ],
)
def test_evaluate_refuses_a_model_of_another_run(stage: str, key: str, message: str) -> None:
    set_params(**{"features.dense": ["gender", "user"], "features.sparse": ["movieid"]})
    run_all("train")
    set_params(**{key: 7})
    assert run(stage).exit_code == 0
    assert re.match(f"Error: {message}", refuse("evaluate"))


def test_shuffled_ratings_are_refused() -> None:
    set_params(**{"features.dense": ["gender", "user"], "features.sparse": ["movieid"]})
    run_all("split")
    path = Path("data/encoded/ratings/00000.parquet")
    table = pq.read_table(path)
    pq.write_table(table.take(np.random.default_rng(1).permutation(len(table))), path)
    expected = "data/split/assignment is of other ratings than data/encoded/ratings"
    assert expected in refuse("features")
