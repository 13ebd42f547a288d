"""What the model predicts: the probability of a like, or the stars."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from recsys.common.rating_scale import Floats, RatingScale
from recsys.tasks.metrics import Metrics, auc, log_loss, regression_metrics


class Task(ABC):
    """The meaning of a logit: its loss, its unit, and how models are compared.

    Attributes:
        target: the column of a part that the model learns to predict.
    """

    target: ClassVar[str]

    @abstractmethod
    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of the batch, []."""

    @abstractmethod
    def predictions(self, logits: Tensor) -> Floats:
        """The logits, converted to the unit that users read, [B]."""

    @abstractmethod
    def validate(self, targets: Floats, predictions: Floats) -> Metrics:
        """The metrics that are reported after each epoch."""

    @abstractmethod
    def quality(self, validation: Metrics) -> float:
        """How good these metrics are as one number; higher is better."""


class Classification(Task):
    """Predicts the probability that the label is 1."""

    target = "label"

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, targets)

    def predictions(self, logits: Tensor) -> Floats:
        return torch.sigmoid(logits).cpu().numpy()

    def validate(self, targets: Floats, predictions: Floats) -> Metrics:
        return {"auc": auc(targets, predictions), "log_loss": log_loss(targets, predictions)}

    def quality(self, validation: Metrics) -> float:
        if validation["auc"] is not None:
            return validation["auc"]
        assert validation["log_loss"] is not None
        return -validation["log_loss"]


class Regression(Task):
    """Predicts stars. The sigmoid of a logit is the normalised rating, which stays on the scale."""

    target = "rating_norm"

    def __init__(self, rating_scale: RatingScale) -> None:
        self.rating_scale = rating_scale

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.mse_loss(torch.sigmoid(logits), targets)

    def predictions(self, logits: Tensor) -> Floats:
        return self.rating_scale.denormalise(torch.sigmoid(logits).cpu().numpy())

    def validate(self, targets: Floats, predictions: Floats) -> Metrics:
        metrics = regression_metrics(self.rating_scale.denormalise(targets), predictions)
        return {"rmse": metrics["rmse"], "mae": metrics["mae"]}

    def quality(self, validation: Metrics) -> float:
        assert validation["rmse"] is not None
        return -validation["rmse"]


def make_task(name: str, rating_scale: RatingScale) -> Task:
    """The task that `train.task` of params.yaml names."""
    return {"classification": Classification(), "regression": Regression(rating_scale)}[name]
