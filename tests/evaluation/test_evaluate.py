import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.evaluation.evaluate import Evaluation, evaluate, predict_part
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.predictions import Predictions
from recsys.models.answers import read_answers
from recsys.models.checkpoint import load_model
from recsys.scoring.predict import predict
from tests.evaluation.made import make_slices
from tests.runs import Run

PARAMS = EvaluateParams(
    threshold=0.6,
    calibration_bins=2,
    curve_points=100,
    bootstrap=10,
    seed=1,
    threads=1,
    user_steps=(20, 100),
    movie_steps=(50, 500),
)


def make_predictions(scores: list[float]) -> Predictions:
    return Predictions(
        np.array([0, 0, 1, 1], np.int32),
        np.array([5, 2, 4, 3], np.float32),
        np.array([1, 0, 1, 0], np.int8),
        np.array(scores, np.float32),
    )


def test_predictions_are_those_of_the_rows_however_many_are_scored_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, paths = run.split / "test.parquet", (run.features, run.checkpoint)
    trained, dataset, rows = predict_part(part, *paths, Path("whole.parquet"))
    answers = read_answers(predict(load_model(trained), dataset), trained.description.heads)
    table, ratings = pd.read_parquet("whole.parquet"), pd.read_parquet(part)
    for name, raw in (("users", "raw_userid"), ("movies", "raw_movieid")):
        ids = trained.dimensions.raw_ids(name)[ratings[name.removesuffix("s")]]
        assert table[raw].tolist() == ids.tolist()
    for name in ("user", "rating", "label"):
        assert getattr(rows, name).tolist() == ratings[name].tolist()
    for name, expected in (("score", answers.likes), ("stars", answers.stars)):
        assert table[name].tolist() == getattr(rows, name).tolist() == expected.tolist()
    for name, value in (("ROWS_AT_ONCE", 16), ("SCORING_BATCH", 8)):
        monkeypatch.setattr(f"recsys.evaluation.evaluate.{name}", value)
    predict_part(part, *paths, Path("pieces.parquet"))
    pd.testing.assert_frame_equal(pd.read_parquet("pieces.parquet"), table)
    assert len(table) > 2 * 16


def test_likes_are_judged_at_their_threshold() -> None:
    result = evaluate(make_predictions([0.9, 0.1, 0.55, 0.7]), PARAMS, make_slices(4))
    assert "rmse" not in result.metrics
    assert result.metrics["accuracy"] == 0.5
    assert result.metrics["auc"] == 0.75
    assert (result.metrics["positive_rate"], result.metrics["rows"]) == (0.5, 4)
    # The first user's two ratings are ranked right, the second user's are not.
    assert result.metrics["grouped_auc"] == 0.5
    assert result.metrics["calibration_error"] == pytest.approx((0.175 + 0.3) / 2)
    assert [record["slice"] for record in result.slices] == ["all"]
    assert result.plots["slices"][["slice", "value", "rows"]].to_numpy().tolist() == [
        ["all", 0.75, 4]
    ]
    assert result.plots["confusion"]["rows"].tolist() == [1, 1, 1, 1]
    calibration = result.plots["calibration"]
    assert calibration["actual"].tolist() == [0.5, 0.5]
    assert calibration["predicted"].tolist() == pytest.approx([0.325, 0.8])


def test_expected_stars_are_judged_beside_the_likes() -> None:
    predictions, slices = make_predictions([0.9, 0.1, 0.55, 0.7]), make_slices(4)
    likes = evaluate(predictions, PARAMS, slices)
    stars = np.float32([4.5, 2.5, 2.9, 3.2])
    result = evaluate(replace(predictions, stars=stars), PARAMS, slices)
    # The errors are 0.5, 0.5, 1.1 and 0.2 stars.
    assert result.metrics == likes.metrics | {"rmse": 0.66144, "mae": 0.575}
    assert result.slices == [likes.slices[0] | {"rmse": 0.66144}]
    for name, points in likes.plots.items():
        pd.testing.assert_frame_equal(result.plots[name], points)


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_have_neither_auc_nor_slices(
    label: int, caplog: pytest.LogCaptureFixture
) -> None:
    predictions = replace(make_predictions([0.9, 0.1, 0.55, 0.7]), label=np.full(4, label, np.int8))
    result = evaluate(predictions, PARAMS, make_slices(4))
    undefined = {name for name, value in result.metrics.items() if value is None}
    assert undefined == {"auc", "normalized_entropy", "grouped_auc"}
    assert result.slices == []
    assert caplog.messages == [f"all 4 labels are {label}: AUC is not defined"]


def test_an_evaluation_is_saved_as_json_and_a_csv_for_each_plot(tmp_path: Path) -> None:
    points = pd.DataFrame({"x": [0.123456], "rows": [7]})
    Evaluation({"auc": None, "rows": 7}, {"roc": points}).save(tmp_path / "m", tmp_path / "plots")
    assert json.loads((tmp_path / "m").read_text()) == {"auc": None, "rows": 7}
    assert (tmp_path / "plots" / "roc.csv").read_text() == "x,rows\n0.12346,7\n"
