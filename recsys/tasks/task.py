"""The prediction task: the probability of a like (classification), or the stars (regression)."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from recsys.common.arrays import Singles
from recsys.common.rating_scale import RatingScale
from recsys.tasks.metrics import Metrics, classification_metrics, regression_metrics


class Task(ABC):
    """The loss of a logit, its unit for users, and the metric that selects the best epoch.

    Attributes:
        target: the column of a part that the model learns to predict.
    """

    target: ClassVar[str]

    @abstractmethod
    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of the batch, []."""

    @abstractmethod
    def predictions(self, logits: Tensor) -> Singles:
        """Convert logits to probabilities or to stars, [B]."""

    @abstractmethod
    def validate(self, targets: Singles, predictions: Singles) -> Metrics:
        """The metrics that are reported after each epoch."""

    @abstractmethod
    def selection_metric(self, validation: Metrics) -> float:
        """One number of the validation metrics; training keeps the epoch where it is highest."""


class Classification(Task):
    """Predicts the probability that the label is 1."""

    target = "label"

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, targets)

    def predictions(self, logits: Tensor) -> Singles:
        return torch.sigmoid(logits).cpu().numpy()

    def validate(self, targets: Singles, predictions: Singles) -> Metrics:
        metrics = classification_metrics(targets, predictions, threshold=0.5)
        return {name: metrics[name] for name in ("auc", "log_loss")}

    def selection_metric(self, validation: Metrics) -> float:
        if validation["auc"] is not None:
            return validation["auc"]
        assert validation["log_loss"] is not None
        return -validation["log_loss"]


class Regression(Task):
    """Predicts stars. The sigmoid of a logit is the rating, normalised to [0, 1]."""

    target = "rating_norm"

    def __init__(self, rating_scale: RatingScale) -> None:
        self.rating_scale = rating_scale

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.mse_loss(torch.sigmoid(logits), targets)

    def predictions(self, logits: Tensor) -> Singles:
        return self.rating_scale.denormalise(torch.sigmoid(logits).cpu().numpy())

    def validate(self, targets: Singles, predictions: Singles) -> Metrics:
        metrics = regression_metrics(self.rating_scale.denormalise(targets), predictions)
        return {name: metrics[name] for name in ("rmse", "mae")}

    def selection_metric(self, validation: Metrics) -> float:
        assert validation["rmse"] is not None
        return -validation["rmse"]


def make_task(name: str, rating_scale: RatingScale) -> Task:
    """The task of `train.task` in params.yaml."""
    return {"classification": Classification(), "regression": Regression(rating_scale)}[name]
