"""Stage evaluate: predict the test part, and write its metrics and plots."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

from pathlib import Path

import click
import numpy as np

from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.evaluation.params import EvaluateParams
from recsys.pipeline.stage import stage
from recsys.sources.params import FetchParams


@stage
@click.argument("part", type=PATH)
@click.argument("features", type=PATH)
@click.argument("checkpoint", type=PATH)
@click.argument("predictions", type=PATH)
@click.argument("metrics", type=PATH)
@click.argument("plots", type=PATH)
def main(
    params: Params,
    part: Path,
    features: Path,
    checkpoint: Path,
    predictions: Path,
    metrics: Path,
    plots: Path,
) -> None:
    """Score the ratings in the file PART with the model in CHECKPOINT, and evaluate the scores.

    The folder FEATURES holds the statistics and histories of the ratings, and the checkpoint holds
    the users and movies. The scores go to the Parquet file PREDICTIONS, the metrics to the JSON
    file METRICS, and the points of the curves to CSV files in the folder PLOTS.
    """
    section, fetch = params[EvaluateParams], params[FetchParams]
    # These imports are slow. Here they come after the check of the params, which is quick.
    import torch

    from recsys.common.memory import keep_freed_memory
    from recsys.evaluation.evaluate import evaluate, predict_part
    from recsys.evaluation.slices import find_slices
    from recsys.sources.synthetic import plant_model
    from recsys.storage.parquet import ROWS_AT_ONCE

    torch.set_num_threads(section.threads)
    keep_freed_memory()
    trained, dataset, rows = predict_part(part, features, checkpoint, predictions)
    dimensions = trained.dimensions
    ideal = None
    if fetch.dataset == "synthetic":
        planted = plant_model(fetch)
        userids, movieids = (dimensions.raw_ids(n).astype(np.int64) for n in ("users", "movies"))
        pieces = (column.split(ROWS_AT_ONCE) for column in (dataset.user, dataset.movie))
        ideal = np.concatenate(
            [
                planted.probability(userids[user], movieids[movie]).astype(np.float32)
                for user, movie in zip(*pieces, strict=True)
            ]
        )
    slices = find_slices(dataset.user.numpy(), dataset.movie.numpy(), dimensions, section)
    result = evaluate(rows, section, slices, ideal)
    result.save(metrics, plots)
    for name, value in result.metrics.items():
        click.echo(f"{name:20} {value}")


if __name__ == "__main__":
    main()
