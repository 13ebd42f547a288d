"""Predictions for the ratings of a part, by a checkpoint."""

from pathlib import Path

from recsys.common.rating_scale import Floats
from recsys.dataloader.dataset import MovieLensDataset
from recsys.models.checkpoint import Checkpoint, load_model, read_checkpoint
from recsys.storage.lineage import require_same_run
from recsys.tasks.predict import predict
from recsys.tasks.task import make_task


def predict_part(
    part: Path, features: Path, checkpoint: Path
) -> tuple[Checkpoint, MovieLensDataset, Floats]:
    """The checkpoint, the rows of the part, and the prediction for each row, [N].

    Args:
        part: a file of the stage split.
        features: the folder that the stage features wrote.
        checkpoint: the folder that the stage train wrote.

    Raises:
        InputError: a file is missing, damaged or of another run.
    """
    trained = read_checkpoint(checkpoint)
    dimensions = trained.dimensions
    task = make_task(trained.description.task, dimensions.vocabulary.rating_scale)
    dataset = MovieLensDataset(part, dimensions, task.target, trained.features, features)
    require_same_run(checkpoint, trained.lineage, features, dataset.lineage)
    return trained, dataset, predict(load_model(trained), dataset, task)
