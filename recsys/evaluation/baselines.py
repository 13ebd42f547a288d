"""The simplest answers to the test part, which take no model, for the metrics to beat."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.scoring.metrics import Metrics, classification_metrics, regression_metrics, rounded
from recsys.storage import schemas
from recsys.storage.parquet import read_column
from recsys.storage.parts import part_path

# Ratings of the mean that a user or a movie starts with: few ratings say little.
PRIOR = 10
# A mean of few likes may be 0 or 1, and one such answer that is wrong has an infinite log loss.
CERTAINTY = 0.99
COLUMNS = ("user", "movie", "rating", "label")
# From the training part, the test part and the name of the target to predictions, [N].
Answer = Callable[[pd.DataFrame, pd.DataFrame, str], np.ndarray]


def baselines(parts: Path) -> dict[str, Metrics]:
    """By name, the metrics of each baseline on the test part: of likes, and of stars.

    Args:
        parts: the folder of the parts.

    Raises:
        InputError: a part is missing.
    """
    training, test = (_read(part_path(parts, name)) for name in ("train", "test"))
    answers = {"base rate": _overall_mean, "user and movie means": _means}
    return {name: rounded(_evaluate(training, test, answer)) for name, answer in answers.items()}


def _evaluate(training: pd.DataFrame, test: pd.DataFrame, answer: Answer) -> Metrics:
    likes, stars = (answer(training, test, target) for target in ("label", "rating"))
    certain = np.clip(likes, 1 - CERTAINTY, CERTAINTY)
    found = classification_metrics(test["label"].to_numpy(), certain, 0.5)
    return found | regression_metrics(test["rating"].to_numpy(), stars)


def _overall_mean(training: pd.DataFrame, test: pd.DataFrame, target: str) -> np.ndarray:
    return np.full(len(test), float(training[target].mean()))


def _means(training: pd.DataFrame, test: pd.DataFrame, target: str) -> np.ndarray:
    """The overall mean, plus the movie's offset from it, plus the user's from both (Koren 2009)."""
    mean = float(training[target].mean())
    rest = training[target] - mean
    scores = np.full(len(test), mean)
    for column in ("movie", "user"):
        groups = rest.groupby(training[column])
        offset = groups.sum() / (groups.size() + PRIOR)
        rest = rest - training[column].map(offset)
        scores = scores + test[column].map(offset).fillna(0).to_numpy()
    return scores


def _read(part: Path) -> pd.DataFrame:
    return pd.DataFrame({name: read_column(part, schemas.PART, name) for name in COLUMNS})
