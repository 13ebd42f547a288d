"""Made predictions, and slices from masks."""

import numpy as np

from recsys.common.arrays import Mask
from recsys.evaluation.predictions import Predictions
from recsys.evaluation.slices import ALL, Slices
from recsys.scoring.auc import Cells


def draw_predictions(rows: int = 2_000, noise: float = 1.0) -> Predictions:
    """Predictions for 100 users; with more noise, they depend less on the labels."""
    random = np.random.default_rng(1)
    ratings = random.integers(1, 6, rows)
    logits = ratings - 3.5 + noise * random.normal(size=rows)
    score = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return Predictions(
        np.repeat(np.arange(100, dtype=np.int32), rows // 100),
        ratings.astype(np.float32),
        (ratings > 3).astype(np.int8),
        score,
        1 + 4 * score,
    )


def make_slices(rows: int, **masks: Mask) -> Slices:
    """The slice of all rows, and a slice for each mask; a cell is a row."""
    groups = np.full((rows, 1 + len(masks)), -1, np.int32)
    for slice_, mask in enumerate([np.ones(rows, bool), *masks.values()]):
        groups[mask, slice_] = slice_
    cells = Cells(np.arange(rows, dtype=np.int32), groups, groups.shape[1])
    return Slices([ALL, *masks], cells)
