"""The evaluation of a part's scores: predictions, metrics and points of the plots."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from recsys.common.atomic import atomic_write
from recsys.dataloader.dataset import MovieLensDataset
from recsys.evaluation import curves
from recsys.evaluation.paired import weighted_metrics
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.slices import Mask, metrics_by_slice
from recsys.models.answers import Answers, read_answers
from recsys.models.checkpoint import Checkpoint, load_model, read_checkpoint
from recsys.scoring.metrics import (
    Array,
    Metrics,
    auc,
    classification_metrics,
    evaluate_all,
    rounded,
)
from recsys.scoring.predict import predict
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import require_same_run
from recsys.storage.parquet import read_column


@dataclass(frozen=True)
class Evaluation:
    """The content of `metrics/`.

    Attributes:
        metrics: the metrics of all rows.
        plots: the points of each plot, by name.
        slices: the records of `metrics_by_slice`.
    """

    metrics: Metrics
    plots: dict[str, pd.DataFrame]
    slices: list[dict[str, object]] = field(default_factory=list)

    def save(self, metrics: Path, plots: Path) -> None:
        """Write the metrics and slices to a JSON file, and each plot to a CSV file.

        Args:
            metrics: the JSON file.
            plots: the folder of the CSV files.
        """
        with atomic_write(plots) as folder:
            folder.mkdir()
            for name, points in self.plots.items():
                points.to_csv(folder / f"{name}.csv", index=False, float_format="%.5f")
        with atomic_write(metrics) as partial:
            # `dvc metrics diff` shows no lists, so the slices do not clutter it.
            content = self.metrics | ({"slices": self.slices} if self.slices else {})
            partial.write_text(json.dumps(content, indent=2) + "\n")


def predict_part(
    part: Path, features: Path, checkpoint: Path
) -> tuple[Checkpoint, MovieLensDataset, Answers]:
    """The checkpoint, the rows of the part, and the answers for the rows.

    Args:
        part: a file of the stage split.
        features: the folder that the stage features wrote.
        checkpoint: the folder that the stage train wrote.

    Raises:
        InputError: a file is missing, damaged or of another run.
    """
    trained = read_checkpoint(checkpoint)
    dimensions = trained.dimensions
    dataset = MovieLensDataset(part, dimensions, trained.features, features)
    require_same_run(checkpoint, trained.lineage, features, dataset.lineage)
    logits = predict(load_model(trained), dataset)
    return trained, dataset, read_answers(logits, trained.description.heads)


def tabulate_predictions(part: Path, dimensions: Dimensions, answers: Answers) -> pd.DataFrame:
    """The columns of `schemas.predictions`: the rows of a part, with raw ids and answers."""
    user, movie, rating, label = (
        read_column(part, schemas.PART, name) for name in ("user", "movie", "rating", "label")
    )
    return pd.DataFrame(
        {
            "raw_userid": dimensions.raw_ids("users")[user],
            "raw_movieid": dimensions.raw_ids("movies")[movie],
            "rating": rating,
            "label": label,
            "score": answers.likes,
        }
        | ({} if answers.stars is None else {"stars": answers.stars})
    )


def evaluate(
    predictions: pd.DataFrame,
    params: EvaluateParams,
    slices: dict[str, Mask] | None = None,
    ideal: Array | None = None,
) -> Evaluation:
    """Compute the metrics and plots of predictions.

    Args:
        predictions: a table with the columns of `schemas.predictions`.
        slices: from `find_slices`, [N] each.
        ideal: the best possible scores, if they are known; their AUC is reported too, [N]
    """
    labels = predictions["label"].to_numpy()
    scores = predictions["score"].to_numpy()
    metrics = classification_metrics(labels, scores, params.threshold)
    # The others, which need the users, the groups of the calibration and the stars.
    more = weighted_metrics(predictions, params)
    metrics |= evaluate_all({n: m for n, m in more.items() if n not in metrics}, len(labels))
    if ideal is not None:
        metrics["best_possible_auc"] = auc(labels, ideal)
    plots = {
        "roc": curves.roc_curve(labels, scores, params.curve_points),
        "precision_recall": curves.precision_recall_curve(labels, scores, params.curve_points),
        "calibration": curves.reliability_curve(labels, scores, params.calibration_bins),
        "confusion": curves.confusion_counts(labels, scores > params.threshold),
    }
    records = metrics_by_slice(predictions, slices or {}, params.bootstrap, params.seed)
    plots["slices"] = curves.slice_intervals(records)
    return Evaluation(rounded(metrics), plots, records)
