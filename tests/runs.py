"""Runs of the pipeline up to an untrained checkpoint, on the toy data with a new user."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from recsys.dataloader.dataset import DEFAULT_FEATURES, MovieLensDataset
from recsys.engine.engine import choose_engine
from recsys.features.batch.build import Settings, build_features
from recsys.features.batch.catalogue import make_catalogue
from recsys.features.batch.partition_files import PartitionFiles
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.models.checkpoint import Checkpoint, build_model, save_checkpoint
from recsys.models.description import Description
from recsys.models.params import ModelParams
from recsys.pipeline.params import load_params
from recsys.retrieval.fit import fit_retrieval_model
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.params import RetrievalParams
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import Lineage, read_lineage
from recsys.storage.parquet import read_parquet
from recsys.storage.registry import STATISTICS, Feature, FeatureParams, select_features
from recsys.storage.vocabulary import Vocabulary
from recsys.training.fit import make_heads
from recsys.training.params import TrainParams
from tests.conftest import PARAMS
from tests.prepared import prepare, split_encoded
from tests.toy import Toy

# A user and a movie that only the last ratings have, and a movie that nobody rated.
NEW_USER, NEW_MOVIE, UNRATED_MOVIE = 200, 100, 102
SIDES = select_features(
    ("userid", "movieid", "genres", "age", "occupation", "zip", "period", "gender")
)
GROUPS = tuple(feature.name for feature in STATISTICS)
# Features of every kind that come from ratings, and some that do not.
COMPUTED = select_features(("movieid", "genres", "age", "gender", "liked", "disliked", *GROUPS))


class Run(NamedTuple):
    """The folders of a run."""

    encoded: Path
    split: Path
    checkpoint: Path

    @property
    def ratings(self) -> Path:
        return self.encoded / "ratings"

    @property
    def retrieval(self) -> Path:
        return self.checkpoint.parent / "retrieval"

    @property
    def features(self) -> Path:
        return self.encoded.parent / "features"

    def dimensions(self) -> Dimensions:
        return Dimensions.load(self.encoded, self.split / "counts")

    def test_part(self, features: tuple[Feature, ...] = DEFAULT_FEATURES) -> MovieLensDataset:
        part = self.split / "test.parquet"
        return MovieLensDataset(part, self.dimensions(), features, self.features)


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
    save_retrieval_model(run_in(folder))


def save_model(
    run: Run,
    kind: str = "dlrm",
    thresholds: str = "all",
    features: tuple[Feature, ...] = DEFAULT_FEATURES,
    dimension: int = 8,
) -> None:
    """Save a checkpoint with random weights, large enough that scores differ widely."""
    dimensions = run.dimensions()
    changes = {"kind": kind, "embedding_dimension": dimension, "embedding_std": 1.0}
    tables = {f.name: f.embedding_table_name for f in features if f.kind != "dense"}
    section = load_params(PARAMS)[TrainParams].model_copy(update={"thresholds": thresholds})
    description = Description(
        heads=make_heads(section, dimensions.vocabulary),
        architecture=load_params(PARAMS)[ModelParams].model_copy(update=changes).architecture(),
        features=tuple(feature.name for feature in features),
        tables=tables,
        embedding_rows={name: dimensions.count_embeddings(name) for name in tables.values()},
        dense_features=run.test_part(features).dense_names,
    )
    torch.manual_seed(1)
    weights = build_model(description).state_dict()
    save_checkpoint(
        Checkpoint(description, read_lineage_of(run, features), dimensions, weights), run.checkpoint
    )


def save_retrieval_model(run: Run, exact_movies: int = 10_000) -> None:
    """Fit the retrieval model to the training part."""
    dimensions, part = run.dimensions(), run.split / "train"
    users, movies = (len(dimensions.raw_ids(table)) for table in ("users", "movies"))
    everybody = np.ones(users, bool)
    histories = UserHistories.read([part], everybody, movies, dimensions.vocabulary.implicit)
    counts = dimensions.training_ratings["movies"]
    changes = {"damping": 10.0, "exact_movies": exact_movies, "neighbors": 5}
    section = load_params(PARAMS)[RetrievalParams].model_copy(update=changes)
    lineage = read_lineage(part, "split")
    fit_retrieval_model(histories, counts, section, lineage).save(run.retrieval)


def find_rows(scorer: CheckpointModel, table: str, ids: Sequence[int]) -> torch.Tensor:
    """The rows of published ids; the table's length for an unknown one."""
    return torch.from_numpy(scorer.dimensions.ids[table].find(ids))


def read_lineage_of(run: Run, features: tuple[Feature, ...]) -> Lineage:
    """The lineage of a model with some features."""
    if any(feature.table == "ratings" for feature in features):
        return read_lineage(run.features / "test.parquet", "features")
    return read_lineage(run.split / "test.parquet", "split")


def compute_run(run: Run, method: str, groups: tuple[str, ...] = GROUPS) -> None:
    """Split the ratings anew, compute features that come from ratings, and save a model.

    Args:
        groups: the statistics among them.
    """
    split_encoded(run.encoded, run.split, method=method)
    vocabulary = Vocabulary.load(run.encoded / "vocabulary.json")
    partitions = PartitionFiles.open(run.encoded, run.split, vocabulary.implicit)
    params = load_params(PARAMS)
    section = params[FeatureParams].model_copy(
        update={"sparse": ("movieid", "liked", "disliked"), "history_length": 5}
    )
    settings = Settings(section, params[StatisticsParams], params[GaussianProcessParams])
    movies = read_parquet(run.encoded / "movies.parquet", vocabulary.schema("movies"))
    catalogue = make_catalogue(movies, settings.statistics)
    run.features.mkdir()
    engine = choose_engine(run.features / "engine")
    build_features(partitions, catalogue, groups, settings, 3, run.features, engine)
    others = (feature for feature in COMPUTED if feature.name not in GROUPS)
    save_model(run, features=(*others, *select_features(groups)))
    save_retrieval_model(run)
