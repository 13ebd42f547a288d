"""Predictions for all rows of a dataset."""

import numpy as np
import torch
from torch import nn

from recsys.common.arrays import Singles
from recsys.dataloader.dataset import MovieLensDataset, batches
from recsys.tasks.task import Task

# Rows in a batch. Scoring keeps no gradients, so batches can be larger than in training.
SCORING_BATCH = 16_384


@torch.no_grad()
def predict(
    model: nn.Module, dataset: MovieLensDataset, task: Task, batch_size: int = SCORING_BATCH
) -> Singles:
    """Predictions for every row that the dataset holds, in order and in the task's unit, [N].

    Args:
        batch_size: rows of the whole part in a batch; has no effect on the predictions.
    """
    model.eval()
    device = next(model.parameters()).device
    return np.concatenate(
        [
            task.predictions(model(batch.dense_features, batch.sparse_features, batch.dense_index))
            for batch in (rows.to(device) for rows in batches(dataset, batch_size))
        ]
    )
