"""The logits of all rows of a dataset."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from recsys.dataloader.dataset import MovieLensDataset, batches

# Rows in a batch. Scoring keeps no gradients, so batches can be larger than in training.
SCORING_BATCH = 16_384


def predict(model: nn.Module, dataset: MovieLensDataset, batch_size: int = SCORING_BATCH) -> Tensor:
    """The logits of every row that the dataset holds, in order, on the CPU, [N, T].

    Args:
        batch_size: rows of the whole part in a batch; has no effect on the logits.
    """
    return torch.cat(list(predict_batches(model, dataset, batch_size)))


@torch.no_grad()
def predict_batches(
    model: nn.Module, dataset: MovieLensDataset, batch_size: int = SCORING_BATCH
) -> Iterator[Tensor]:
    """The logits of `predict`, batch by batch."""
    model.eval()
    device = next(model.parameters()).device
    for rows in batches(dataset, batch_size):
        batch = rows.to(device)
        yield model(batch.dense_features, batch.sparse_features, batch.dense_index).cpu()
