"""The evaluation of a part's scores: predictions, metrics and points of the plots."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from recsys.common.atomic import atomic_write
from recsys.dataloader.dataset import MovieLensDataset
from recsys.evaluation import curves
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.predictions import Predictions, weighted_metrics
from recsys.evaluation.slices import Slices, metrics_by_slice
from recsys.models.answers import read_answers
from recsys.models.checkpoint import Checkpoint, load_model, read_checkpoint
from recsys.scoring.auc import Array, auc, warn_of_one_class
from recsys.scoring.metrics import Metrics, rounded, single
from recsys.scoring.predict import SCORING_BATCH, predict_batches
from recsys.storage import schemas
from recsys.storage.lineage import require_same_run
from recsys.storage.parquet import ROWS_AT_ONCE, read_column, write_parquet


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
    part: Path, features: Path, checkpoint: Path, predictions: Path
) -> tuple[Checkpoint, MovieLensDataset, Predictions]:
    """Score the rows of a part, and write the predictions in pieces.

    Args:
        part: a file of the stage split.
        features: the folder that the stage features wrote.
        checkpoint: the folder that the stage train wrote.
        predictions: the Parquet file to write, with the columns of `schemas.predictions`.

    Raises:
        InputError: a file is missing, damaged or of another run.
    """
    trained = read_checkpoint(checkpoint)
    dimensions, with_stars = trained.dimensions, bool(trained.description.heads.stars)
    dataset = MovieLensDataset(part, dimensions, trained.features, features)
    require_same_run(checkpoint, trained.lineage, features, dataset.lineage)
    rows = Predictions(
        dataset.user.numpy(),
        read_column(part, schemas.PART, "rating"),
        dataset.labels[:, 0].numpy(),
        np.empty(len(dataset), np.float32),
        np.empty(len(dataset), np.float32) if with_stars else None,
    )
    schema = schemas.predictions(dimensions.vocabulary.id_types, with_stars)
    write_parquet(_fill_predictions(rows, trained, dataset), predictions, schema)
    return trained, dataset, rows


def _fill_predictions(
    rows: Predictions, trained: Checkpoint, dataset: MovieLensDataset
) -> Iterator[pd.DataFrame]:
    """Fill the columns score and stars; yield the columns of `schemas.predictions` in pieces."""
    movies = dataset.movie.numpy()
    raw_users, raw_movies = (trained.dimensions.raw_ids(name) for name in ("users", "movies"))
    logits = predict_batches(load_model(trained), dataset, SCORING_BATCH)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        batches = list(islice(logits, ROWS_AT_ONCE // SCORING_BATCH))
        answers = read_answers(torch.cat(batches), trained.description.heads)
        rows.score[some] = answers.likes
        columns = {
            "raw_userid": raw_users[rows.user[some]],
            "raw_movieid": raw_movies[movies[some]],
            "rating": rows.rating[some],
            "label": rows.label[some],
            "score": answers.likes,
        }
        if rows.stars is not None and answers.stars is not None:
            rows.stars[some] = columns["stars"] = answers.stars
        yield pd.DataFrame(columns)


def evaluate(
    predictions: Predictions,
    params: EvaluateParams,
    slices: Slices,
    ideal: Array | None = None,
) -> Evaluation:
    """Compute the metrics and plots of predictions.

    Args:
        slices: of the rows, from `find_slices`.
        ideal: the best possible scores, if they are known; their AUC is reported too, [N]
    """
    data = np.ones((predictions.users, 1), np.uint8)
    metrics = single(weighted_metrics(predictions, params)(data))
    metrics["rows"] = len(predictions)
    if metrics["auc"] is None:
        warn_of_one_class(predictions.label)
    if ideal is not None:
        metrics["best_possible_auc"] = auc(predictions.label, ideal)
    ranked = predictions.ranked
    plots = {
        "roc": curves.roc_curve(ranked, params.curve_points),
        "precision_recall": curves.precision_recall_curve(ranked, params.curve_points),
        "calibration": curves.reliability_curve(ranked, params.calibration_bins),
        "confusion": curves.confusion_counts(ranked, params.threshold),
    }
    records = metrics_by_slice(predictions, slices, params)
    plots["slices"] = curves.slice_intervals(records)
    return Evaluation(rounded(metrics), plots, records)
