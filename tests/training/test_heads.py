"""What a model with several thresholds is taught."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchrec import KeyedJaggedTensor

from recsys.common.rating_scale import RatingScale
from recsys.dataloader.batch import Batch
from recsys.dataloader.dataset import MovieLensDataset
from recsys.training import loop
from recsys.training.fit import make_heads
from tests.tables import PART, make_dimensions, write_part
from tests.training.small import LABEL, STARS, make_train_params


def test_the_label_is_one_of_the_thresholds() -> None:
    vocabulary = make_dimensions().vocabulary
    every, label = (make_train_params({"thresholds": name}) for name in ("all", "label"))
    assert make_heads(every, vocabulary) == STARS
    assert make_heads(label, vocabulary) == LABEL
    # A 0/1 label is its only threshold.
    labels = replace(vocabulary, rating_scale=RatingScale(0, 1, 1), label_threshold=0)
    assert make_heads(every, labels) == make_heads(label, labels)
    assert make_heads(every, labels).stars == ()


def test_a_row_has_a_label_for_each_threshold(tmp_path: Path) -> None:
    """The ratings are 5, 4, 3, 2 and 1 stars."""
    path, dimensions = write_part(tmp_path), make_dimensions()
    part = MovieLensDataset(path, dimensions, thresholds=STARS.thresholds)
    assert part.labels.tolist() == [
        [1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0],
    ]  # fmt: skip
    assert part.labels[:, STARS.label].tolist() == PART["label"].to_pylist()
    for one in (
        MovieLensDataset(path, dimensions),
        MovieLensDataset(path, dimensions, thresholds=LABEL.thresholds),
    ):
        assert one.labels.tolist() == [[1], [1], [0], [0], [0]]


class Constant(nn.Module):
    """A model with the same logits for each row."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, dense: Tensor, *_: object) -> Tensor:
        return self.logits.expand(len(dense), -1)


def test_the_loss_is_the_mean_over_rows_and_thresholds() -> None:
    """Probabilities of 1/2 and 3/4, for the labels 1 and 0 of a row, 1 and 1 of another."""
    model = Constant(0.0, math.log(3))
    sparse = KeyedJaggedTensor([], torch.empty(0), torch.empty(0))
    batch = Batch(torch.zeros(2, 1), sparse, torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    params = make_train_params({})
    loss = loop._step(loop._begin(model, params, 1, torch.empty(0)), batch, 1.0, params)
    assert loss == pytest.approx(-math.log(0.5 * 0.25 * 0.5 * 0.75) / 4)
    assert model.logits.grad is not None
    assert model.logits.grad.tolist() == pytest.approx([-0.25, 0.125])
