"""The logits of all rows of a dataset."""

import torch
from torch import Tensor, nn

from recsys.dataloader.dataset import MovieLensDataset, batches

# Rows in a batch. Scoring keeps no gradients, so batches can be larger than in training.
SCORING_BATCH = 16_384


@torch.no_grad()
def predict(model: nn.Module, dataset: MovieLensDataset, batch_size: int = SCORING_BATCH) -> Tensor:
    """The logits of every row that the dataset holds, in order, on the CPU, [N, T].

    Args:
        batch_size: rows of the whole part in a batch; has no effect on the logits.
    """
    model.eval()
    device = next(model.parameters()).device
    return torch.cat(
        [
            model(batch.dense_features, batch.sparse_features, batch.dense_index).cpu()
            for batch in (rows.to(device) for rows in batches(dataset, batch_size))
        ]
    )
