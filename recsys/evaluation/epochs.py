"""The epochs of a training, from models/history.csv."""

from typing import Any

import pandas as pd

from recsys.common.errors import InputError
from recsys.scoring.validation import quality

HISTORY = "models/history.csv"


def best_epoch(epochs: pd.DataFrame) -> dict[str, Any]:
    """The record of the epoch that training kept.

    Args:
        epochs: the columns of models/history.csv.

    Raises:
        InputError: the file is not of this version, or it has no epochs.
    """
    records: list[dict[str, Any]] = [
        {str(name): None if pd.isna(value) else value for name, value in record.items()}
        for record in epochs.to_dict("records")
    ]
    try:
        return max(
            records,
            key=lambda r: quality({k.removeprefix("validation_"): v for k, v in r.items()}),
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"{HISTORY} has no epochs with an AUC; run `dvc repro`") from error
