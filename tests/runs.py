"""A run of the pipeline up to a checkpoint that learnt nothing, on a toy with a newcomer."""

from pathlib import Path
from typing import NamedTuple

import torch

from recsys.common.params import load_params
from recsys.data.encoding import encode_ratings, encode_tables
from recsys.data.params import SplitParams
from recsys.data.readers import read_tables
from recsys.data.splitting import split_file
from recsys.dataloader.dataset import PLAIN, MovieLensDataset
from recsys.models.checkpoint import Description, save_checkpoint
from recsys.models.params import ModelParams
from recsys.storage import schemas
from recsys.storage.parquet import write_parquet
from recsys.storage.registry import FeatureParams
from recsys.storage.vocabulary import Vocabulary
from tests.conftest import PARAMS, unpinned
from tests.toy import Toy, write_dat

# Who and what only the last ratings are of, and a movie that nobody rated.
NEW_USER, NEW_MOVIE, UNRATED_MOVIE = 200, 100, 102
SIDES = FeatureParams(
    sparse=("userid", "movieid", "genres", "age", "occupation", "zip", "period"),
    dense=("gender",),
    history_length=1,
)


class Run(NamedTuple):
    """Folders as the pipeline has them."""

    encoded: Path
    split: Path
    checkpoint: Path

    @property
    def train_part(self) -> Path:
        return self.split / "train.parquet"

    def test_part(self, features: FeatureParams = PLAIN) -> MovieLensDataset:
        tables = (self.encoded / "users.parquet", self.encoded / "movies.parquet")
        return MovieLensDataset(self.split / "test.parquet", *tables, "label", features)


def run_in(folder: Path) -> Run:
    return Run(folder / "data/encoded", folder / "data/split", folder / "models/dlrm")


def make_run(folder: Path, toy: Toy) -> None:
    """Encoded, and split by time; a plain checkpoint."""
    late = [(NEW_USER, movie, 4, 2 * 10**9 + movie) for movie in (NEW_MOVIE, 2, 4)]
    toy = Toy(
        [*toy.users, (NEW_USER, "F", 99, "artist", "999")],
        [
            *toy.movies,
            (NEW_MOVIE, "New (2020)", ["Drama"]),
            (UNRATED_MOVIE, "Unrated (2020)", ["Comedy"]),
        ],
        [*toy.ratings, *late],
    )
    release = unpinned("ml-1m")
    tables = read_tables(write_dat(toy, folder / "raw"), release)
    encoded = encode_tables(tables, release)
    run = run_in(folder)
    write_parquet(encoded.users, run.encoded / "users.parquet", schemas.USERS)
    write_parquet(encoded.movies, run.encoded / "movies.parquet", schemas.MOVIES)
    ratings = encode_ratings(tables.ratings, encoded.vocabulary, 3)
    write_parquet(ratings, run.encoded / "ratings.parquet", schemas.RATINGS)
    encoded.vocabulary.save(run.encoded / "vocabulary.json")
    split = load_params(PARAMS, SplitParams).model_copy(update={"method": "chronological"})
    split_file(run.encoded / "ratings.parquet", split, run.split)
    save_model(run)


def save_model(
    run: Run,
    kind: str = "dlrm",
    task: str = "classification",
    features: FeatureParams = PLAIN,
    dimension: int = 8,
) -> None:
    """A checkpoint of weights as drawn, whose scores differ widely."""
    vocabulary = Vocabulary.load(run.encoded / "vocabulary.json")
    changes = {"kind": kind, "embedding_dimension": dimension, "embedding_std": 1.0}
    description = Description(
        task=task,
        architecture=load_params(PARAMS, ModelParams).model_copy(update=changes),
        features=features,
        vocabulary_sizes={name: vocabulary.sizes[name] for name in features.ordered},
        dense_features=features.dense,
        rating_scale=vocabulary.rating_scale,
    )
    torch.manual_seed(1)
    save_checkpoint(description.build().state_dict(), description, run.checkpoint)
