"""A replay of MovieLens 1M: at each rating, the features asked for equal the columns."""

import os
from pathlib import Path

import numpy as np
import pytest

from recsys.data.encoding import encode_dimensions
from recsys.data.params import EncodeParams, SplitParams
from recsys.data.presets import preset
from recsys.features.batch.build import Settings
from recsys.features.batch.catalogue import make_catalogue
from recsys.features.online import GP_TARGETS, Queries
from recsys.features.online_with_log import OnlineFeaturesWithLog
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.statistics import GROUPS, Catalogue
from recsys.features.visibility import RatingLog
from recsys.pipeline.params import load_params
from recsys.sources.archives import fetch_release
from recsys.sources.releases import RELEASES
from recsys.storage.registry import FeatureParams
from tests.conftest import PARAMS
from tests.logs import compute
from tests.pairs import assign_all, make_pairs
from tests.raw import read_raw

pytestmark = pytest.mark.real
SECTIONS = load_params(PARAMS)
SETTINGS = Settings(
    SECTIONS[FeatureParams],
    SECTIONS[StatisticsParams],
    SECTIONS[GaussianProcessParams].model_copy(update={"iterations": 3, "folds": 2}),
)
SAMPLE = 300


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, np.ndarray], Catalogue]:
    """The columns of the ratings, and the catalogue."""
    folder: Path = tmp_path_factory.mktemp("ml-1m") / "raw"
    fetch_release(RELEASES["ml-1m"], folder, os.environ["MOVIELENS_MIRROR"])
    tables = read_raw(folder, preset(RELEASES["ml-1m"]))
    dimensions, _ = encode_dimensions(tables.dataset, SECTIONS[EncodeParams])
    frame = tables.ratings.sort_values("timestamp", kind="stable")
    catalogue = make_catalogue(dimensions["movies"], SETTINGS.statistics)
    return {name: frame[name].to_numpy() for name in frame}, catalogue


def make_log(columns: dict[str, np.ndarray], method: str) -> RatingLog:
    params = SECTIONS[SplitParams].model_copy(update={"method": method})
    return RatingLog(
        user=columns["user"],
        movie=columns["movie"],
        stars=columns["rating"].astype(float),
        label=columns["label"],
        seconds=columns["timestamp"],
        part=assign_all(make_pairs(columns), params),
        past_only=method != "random",
    )


@pytest.mark.parametrize("method", ["random", "chronological"])
@pytest.mark.parametrize(
    ("groups", "every"),
    [(tuple(GROUPS), 1), ((*GROUPS, *GP_TARGETS), 10)],
    ids=["statistics of all users", "all features of a tenth of the users"],
)
def test_a_replay_gives_the_columns(
    ratings: tuple[dict[str, np.ndarray], Catalogue],
    groups: tuple[str, ...],
    every: int,
    method: str,
) -> None:
    """Replay the ratings of a sample of users that no fold's process has predicted."""
    columns, catalogue = ratings
    some = columns["user"] % every == 0
    log = make_log({name: values[some] for name, values in columns.items()}, method)
    computed = compute(log, groups, catalogue, SETTINGS)
    users = np.random.default_rng(1).choice(np.unique(log.user), SAMPLE, replace=False)
    known = log.past_only and not set(groups) & GP_TARGETS.keys()
    rows = np.flatnonzero(np.isin(log.user, users) & (known | ~log.training))
    assert len(rows) > 1000
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    queries = Queries(log.user[rows], log.movie[rows], log.seconds[rows])
    found = store.compute(store.ratings_of(np.sort(users)), queries).dense
    expected = np.column_stack([values[rows] for values in computed.dense.values()])
    np.testing.assert_allclose(found, expected, atol=1e-4)
