"""The epochs of a training, from models/history.csv."""

from typing import Any

import pandas as pd

from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale
from recsys.scoring.task import make_task

HISTORY = "models/history.csv"


def best_epoch(epochs: pd.DataFrame, task: str, rating_scale: RatingScale) -> dict[str, Any]:
    """The record of the epoch that training kept.

    Args:
        epochs: the columns of models/history.csv.

    Raises:
        InputError: the epochs are of another task, or there are none.
    """
    select = make_task(task, rating_scale).selection_metric
    records: list[dict[str, Any]] = [
        {str(name): None if pd.isna(value) else value for name, value in record.items()}
        for record in epochs.to_dict("records")
    ]
    try:
        return max(
            records,
            key=lambda r: select({k.removeprefix("validation_"): v for k, v in r.items()}),
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"{HISTORY} has no epochs of a {task}; run `dvc repro`") from error
