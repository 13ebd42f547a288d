"""Predictions for the rows of a dataset."""

import numpy as np
import torch
from torch import nn

from recsys.common.rating_scale import Floats
from recsys.dataloader.dataset import MovieLensDataset, batches
from recsys.tasks.task import Task

# Without gradients a batch can be larger than in training; its size has no effect on the scores.
SCORING_BATCH = 16_384


@torch.no_grad()
def predict(
    model: nn.Module, dataset: MovieLensDataset, task: Task, batch_size: int = SCORING_BATCH
) -> Floats:
    """Predictions for every row that is here, in order and in the task's unit, [N].

    Args:
        batch_size: of the part's rows.
    """
    model.eval()
    device = next(model.parameters()).device
    return np.concatenate(
        [
            task.predictions(model(batch.dense_features, batch.sparse_features))
            for batch in (rows.to(device) for rows in batches(dataset, batch_size))
        ]
    )
