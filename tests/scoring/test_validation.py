"""The metrics of an epoch, by hand."""

import math
from dataclasses import replace

import pytest
import torch

from recsys.models.description import Heads
from recsys.scoring.validation import VALIDATED, quality, validate

HEADS = Heads((1.5, 2.5), 1, (1.0, 2.0, 3.0))
# Log odds of 3 to 1.
THREE = math.log(3)
LIKES = {"auc": 1.0, "log_loss": pytest.approx(-math.log(0.5 * 0.75 * 0.75) / 3)}


def test_an_epoch_is_judged_in_likes_and_stars() -> None:
    """Of 2, 3 and 1 stars, 1 + .75 + .5, 1 + .75 + .75 and 1 + .5 + .25 are expected."""
    labels = torch.tensor([[1, 0], [1, 1], [0, 0]], dtype=torch.int8)
    logits = torch.tensor([[THREE, 0], [THREE, THREE], [0, -THREE]])
    stars = {"rmse": pytest.approx(math.sqrt((0.25**2 + 0.5**2 + 0.75**2) / 3)), "mae": 0.5}
    found = validate(labels, logits, HEADS)
    assert found == LIKES | stars
    assert tuple(found) == VALIDATED["all"]
    alone = validate(labels[:, 1:], logits[:, 1:], Heads((2.5,)))
    assert alone == LIKES
    assert tuple(alone) == VALIDATED["label"]
    # Of coarser thresholds, a row's stars are those between them: the errors double.
    coarse = validate(labels, logits, replace(HEADS, stars=(1.0, 3.0, 5.0)))
    assert coarse["mae"] == pytest.approx(1)


def test_the_best_epoch_has_the_highest_auc() -> None:
    assert quality({"auc": 0.8, "log_loss": 0.5, "rmse": 0.9}) == 0.8
    # Labels of one class have no AUC, and a lower loss is better.
    assert quality({"auc": None, "log_loss": 0.3}) > quality({"auc": None, "log_loss": 0.4})
