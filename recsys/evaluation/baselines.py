"""The simplest answers to the test part, which take no model, for the metrics to beat."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.common.arrays import Floats
from recsys.scoring.metrics import Metrics, classification_metrics, regression_metrics, rounded
from recsys.storage import schemas
from recsys.storage.parquet import read_batches
from recsys.storage.parts import part_path

# Ratings of the mean that a user or a movie starts with: few ratings say little.
PRIOR = 10
# A mean of few likes may be 0 or 1, and one such answer that is wrong has an infinite log loss.
CERTAINTY = 0.99
TARGETS = ("label", "rating")
Rows = Mapping[str, npt.NDArray[Any]]


@dataclass
class Means:
    """The answer for a row: a mean, plus the offsets of its movie and its user from it.

    Attributes:
        offsets: by the name of the column, the offset of each of its values; may be empty.
    """

    mean: float
    offsets: dict[str, Floats] = field(default_factory=dict)

    def answer(self, rows: Rows) -> Floats:
        scores = np.full(len(rows["user"]), self.mean)
        for column, offset in self.offsets.items():
            scores += offset[rows[column]]
        return scores


def baselines(parts: Path) -> dict[str, Metrics]:
    """By name, the metrics of each baseline on the test part: of likes, and of stars.

    Args:
        parts: the folder of the parts.

    Raises:
        InputError: a part is missing.
    """
    training, test = (part_path(parts, name) for name in ("train", "test"))
    base = {target: Means(_mean(training, target)) for target in TARGETS}
    answers = {"base rate": base, "user and movie means": _learn(training, test, base)}
    return {name: rounded(_evaluate(test, answer)) for name, answer in answers.items()}


def _mean(training: Path, target: str) -> float:
    sums = [(len(rows["user"]), rows[target].sum(dtype=np.float64)) for rows in _read(training)]
    rows, total = np.sum(sums, axis=0)
    return float(total / rows)


def _learn(training: Path, test: Path, base: Mapping[str, Means]) -> dict[str, Means]:
    """The movie's offset from the mean, then the user's from both (Koren 2009), of each target."""
    found = {target: Means(means.mean) for target, means in base.items()}
    columns = ("movie", "user")
    last = [[rows[c].max() for c in columns] for part in (training, test) for rows in _read(part)]
    for column, size in zip(columns, np.max(last, axis=0) + 1, strict=True):
        number, sums = np.zeros(size), {target: np.zeros(size) for target in found}
        for rows in _read(training):
            np.add.at(number, rows[column], 1)
            for target, means in found.items():
                np.add.at(sums[target], rows[column], rows[target] - means.answer(rows))
        for target, means in found.items():
            means.offsets[column] = sums[target] / (number + PRIOR)
    return found


def _evaluate(test: Path, means: Mapping[str, Means]) -> Metrics:
    truths: dict[str, list[npt.NDArray[Any]]] = {target: [] for target in TARGETS}
    answers: dict[str, list[Floats]] = {target: [] for target in TARGETS}
    for rows in _read(test):
        for target in TARGETS:
            truths[target].append(rows[target])
            answers[target].append(means[target].answer(rows))
    labels, ratings = (np.concatenate(truths[target]) for target in TARGETS)
    likes, stars = (np.concatenate(answers[target]) for target in TARGETS)
    found = classification_metrics(labels, np.clip(likes, 1 - CERTAINTY, CERTAINTY), 0.5)
    return found | regression_metrics(ratings, stars)


def _read(part: Path) -> Iterator[Rows]:
    """Some rows at a time of the columns that the baselines need."""
    names = ["user", "movie", *TARGETS]
    for batch in read_batches(part, schemas.PART, names):
        yield {name: np.asarray(batch[name]) for name in names}
