"""The metrics of an epoch on the validation part, and the one that chooses the epoch.

Shapes: N rows, T thresholds.
"""

import numpy as np
from torch import Tensor

from recsys.models.answers import read_answers
from recsys.models.description import Heads
from recsys.scoring.metrics import Metrics, classification_metrics, regression_metrics

# The metrics of an epoch, by `train.thresholds`.
VALIDATED = {"label": ("auc", "log_loss"), "all": ("auc", "log_loss", "rmse", "mae")}


def validate(labels: Tensor, logits: Tensor, heads: Heads) -> Metrics:
    """auc and log_loss of the label's threshold; with the others rmse and mae, in stars.

    The stars of a row are those between its thresholds. On a scale of more steps than thresholds,
    they are near the row's rating.

    Args:
        labels, logits: [N, T]
    """
    answers = read_answers(logits, heads)
    liked = labels[:, heads.label].numpy()
    metrics = classification_metrics(liked, answers.likes, threshold=0.5)
    if answers.stars is None:
        return {name: metrics[name] for name in VALIDATED["label"]}
    stars = np.array(heads.stars)[labels.sum(1).numpy()]
    metrics |= regression_metrics(stars, answers.stars)
    return {name: metrics[name] for name in VALIDATED["all"]}


def quality(validation: Metrics) -> float:
    """AUC or, if all labels are equal, minus log loss: it is highest for the best epoch."""
    if validation["auc"] is not None:
        return validation["auc"]
    assert validation["log_loss"] is not None
    return -validation["log_loss"]
