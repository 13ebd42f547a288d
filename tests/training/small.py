"""A small training run on the toy data, for the tests of this folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from recsys.models.description import Architecture, Heads
from recsys.models.dlrm import DLRMRecommender
from recsys.models.params import ModelParams
from recsys.pipeline.params import load_params
from recsys.training.params import TrainParams
from tests.conftest import PARAMS

LABEL = Heads((3.5,))
STARS = Heads((1.5, 2.5, 3.5, 4.5), 2, (1.0, 2.0, 3.0, 4.0, 5.0))
# Of 80 users, 60 movies and 4 genres; the users and the movies have a row for unknown ones.
EMBEDDING_ROWS = {"userid": 81, "movieid": 61, "genres": 4}
MODEL_PARAMS = load_params(PARAMS)[ModelParams]


def make_train_params(changes: Mapping[str, Any]) -> TrainParams:
    """The project's section of training params, with changes."""
    return TrainParams.model_validate(load_params(PARAMS)[TrainParams].model_dump() | changes)


def make_model(
    folder: Path | None = None, architecture: Architecture | None = None, heads: Heads = LABEL
) -> DLRMRecommender:
    """A model with its first weights; with a folder, its tables are mapped from there."""
    torch.manual_seed(1)
    architecture = architecture or MODEL_PARAMS.architecture()
    thresholds = len(heads.thresholds)
    return DLRMRecommender(EMBEDDING_ROWS, 1, architecture, folder=folder, thresholds=thresholds)
