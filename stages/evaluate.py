"""Stage evaluate: predictions, metrics and plots of the test part."""

from pathlib import Path

import click
import numpy as np

from recsys.common.command import PATH, stage
from recsys.common.params import load_params
from recsys.data.params import EncodeParams
from recsys.evaluation.params import EvaluateParams
from recsys.sources.params import FetchParams
from recsys.storage import schemas
from recsys.storage.parquet import write_parquet


@stage
@click.argument("encoded", type=PATH)
@click.argument("features", type=PATH)
@click.argument("part", type=PATH)
@click.argument("train_part", type=PATH)
@click.argument("checkpoint", type=PATH)
@click.argument("predictions", type=PATH)
@click.argument("metrics", type=PATH)
@click.argument("plots", type=PATH)
def main(
    params: Path,
    encoded: Path,
    features: Path,
    part: Path,
    train_part: Path,
    checkpoint: Path,
    predictions: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Score the ratings PART with the model in CHECKPOINT and judge the scores.

    Users and movies are in the folder ENCODED, statistics and histories of the ratings in the
    folder FEATURES. How many ratings TRAIN_PART has of each makes the
    slices. Scores go to the Parquet file PREDICTIONS, metrics to the JSON file METRICS and the
    points of the curves to CSV files in the folder PLOTS.
    """
    label_threshold = load_params(params, EncodeParams).label_threshold
    section = load_params(params, EvaluateParams)
    fetch = load_params(params, FetchParams)
    # Slow to import: wrong params are told before.
    import torch

    from recsys.common.memory import keep_freed
    from recsys.dataloader.dataset import MovieLensDataset
    from recsys.evaluation.evaluate import evaluate, tabulate_predictions
    from recsys.evaluation.slices import find_slices
    from recsys.models.checkpoint import load_checkpoint
    from recsys.sources.synthetic import plant
    from recsys.tasks.task import make_task
    from recsys.training.loop import predict

    torch.set_num_threads(section.threads)
    keep_freed()
    model, description = load_checkpoint(checkpoint)
    task = make_task(description.task, description.rating_scale)
    users, movies = encoded / "users.parquet", encoded / "movies.parquet"
    dataset = MovieLensDataset(part, users, movies, task.target, description.features, features)
    scores = predict(model, dataset, task, section.batch_size)

    table = tabulate_predictions(part, users, movies, scores)
    write_parquet(table, predictions, schemas.PREDICTIONS)
    ideal = None
    if fetch.dataset == "synthetic":
        ids = (table[name].to_numpy(np.int64) for name in ("raw_userid", "raw_movieid"))
        ideal = plant(fetch).probability(*ids)
    slices = find_slices(part, train_part, users)
    result = evaluate(description.task, table, label_threshold, section, slices, ideal)
    result.save(metrics, plots)
    for name, value in result.metrics.items():
        click.echo(f"{name:20} {value}")


if __name__ == "__main__":
    main()
