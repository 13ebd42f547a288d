"""The model that is trained: TorchRec's embedding tables and the network behind them."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from torchrec import KeyedJaggedTensor

from recsys.models.description import Architecture
from recsys.models.embeddings import fuse_optimizer, look_up, make_tables
from recsys.models.network import Network


class DLRMRecommender(nn.Module):
    """A DLRM with TorchRec's tables, or its parts with another interaction.

    Args:
        embedding_rows: the number of rows of each embedding table.
        dense_features: the number of dense features, d
        architecture: the layers.
        tables: for each of the F sparse features, its table; None if each has its own.
        folder: for files that the tables are mapped from; None keeps them in memory.
        thresholds: the number of logits of a row, T
    """

    def __init__(
        self,
        embedding_rows: Mapping[str, int],
        dense_features: int,
        architecture: Architecture,
        tables: Mapping[str, str] | None = None,
        folder: Path | None = None,
        thresholds: int = 1,
    ) -> None:
        super().__init__()
        if tables is None:
            tables = {name: name for name in embedding_rows}
        self.tables = make_tables(embedding_rows, tables, architecture, folder)
        self.network = Network(architecture, len(tables), dense_features, thresholds)

    def fuse_optimizer(self, learning_rate: float) -> None:
        """Let the tables learn by row-wise Adagrad in the backward pass from now on.

        Call this when training begins, with the model on the device of the training.
        """
        self.tables = fuse_optimizer(self.tables, learning_rate)

    def forward(
        self, dense: Tensor, sparse: KeyedJaggedTensor, dense_index: Tensor | None = None
    ) -> Tensor:
        """
        Args:
            dense: rows of dense features, [V, d]
            sparse: F features of B bags each
            dense_index: for each row of the batch, its row in `dense`, [B]; None for the same one

        Returns:
            logits, [B, T]
        """
        return self.network(dense, look_up(self.tables, sparse), dense_index)
