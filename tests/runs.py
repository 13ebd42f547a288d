"""Runs of the pipeline up to an untrained checkpoint, on the toy data with a new user."""

from pathlib import Path
from typing import NamedTuple

import torch

from recsys.dataloader.dataset import DEFAULT_FEATURES, MovieLensDataset
from recsys.models.checkpoint import Description, save_checkpoint
from recsys.models.params import ModelParams
from recsys.pipeline.params import load_params
from recsys.storage.dimensions import Dimensions
from recsys.storage.registry import Feature, select_features
from tests.conftest import PARAMS
from tests.prepared import prepare
from tests.toy import Toy

# A user and a movie that only the last ratings have, and a movie that nobody rated.
NEW_USER, NEW_MOVIE, UNRATED_MOVIE = 200, 100, 102
SIDES = select_features(
    ("userid", "movieid", "genres", "age", "occupation", "zip", "period", "gender")
)


class Run(NamedTuple):
    """The folders of a run."""

    encoded: Path
    split: Path
    checkpoint: Path

    @property
    def ratings(self) -> Path:
        return self.encoded / "ratings.parquet"

    def dimensions(self) -> Dimensions:
        return Dimensions.load(self.encoded, self.split / "counts")

    def test_part(self, features: tuple[Feature, ...] = DEFAULT_FEATURES) -> MovieLensDataset:
        return MovieLensDataset(self.split / "test.parquet", self.dimensions(), "label", features)


def run_in(folder: Path) -> Run:
    return Run(folder / "data/encoded", folder / "data/split", folder / "models/dlrm")


def make_run(folder: Path, toy: Toy) -> None:
    """Encode the toy data, split it by time, and save a default checkpoint."""
    late = [(NEW_USER, movie, 4, 10**9 + 10**8 + movie) for movie in (NEW_MOVIE, 2, 4)]
    toy = Toy(
        [*toy.users, (NEW_USER, "F", 99, "artist", "999")],
        [
            *toy.movies,
            (NEW_MOVIE, "New (2020)", ["Drama"]),
            (UNRATED_MOVIE, "Unrated (2020)", ["Comedy"]),
        ],
        [*toy.ratings, *late],
    )
    prepare(toy, folder / "data", method="chronological")
    save_model(run_in(folder))


def save_model(
    run: Run,
    kind: str = "dlrm",
    task: str = "classification",
    features: tuple[Feature, ...] = DEFAULT_FEATURES,
    dimension: int = 8,
) -> None:
    """Save a checkpoint with random weights, large enough that scores differ widely."""
    dimensions = run.dimensions()
    changes = {"kind": kind, "embedding_dimension": dimension, "embedding_std": 1.0}
    sparse = [feature for feature in features if feature.kind != "dense"]
    description = Description(
        task=task,
        architecture=load_params(PARAMS)[ModelParams].model_copy(update=changes),
        features=features,
        embedding_rows={f.name: dimensions.count_embeddings(f.lookup) for f in sparse},
        dense_features=tuple(f.name for f in features if f.kind == "dense"),
        origin=dimensions.origin,
    )
    torch.manual_seed(1)
    save_checkpoint(description.build().state_dict(), description, dimensions, run.checkpoint)
