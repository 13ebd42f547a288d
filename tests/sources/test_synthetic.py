from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recsys.common.errors import InputError
from recsys.data.presets import preset
from recsys.pipeline.params import load_params
from recsys.sources.params import FetchParams
from recsys.sources.releases import RELEASES
from recsys.sources.synthetic import draw_ratings, plant_model, write_synthetic
from tests.conftest import PARAMS
from tests.raw import read_raw


def make_params(users: int = 300, movies: int = 200, ratings: int = 9000) -> FetchParams:
    size = {"synthetic_users": users, "synthetic_movies": movies, "synthetic_ratings": ratings}
    return load_params(PARAMS)[FetchParams].model_copy(update={"dataset": "synthetic", **size})


@pytest.mark.parametrize(
    ("users", "movies", "ratings"), [(300, 200, 9000), (50, 40, 50), (50, 40, 500), (2, 400, 200)]
)
def test_files_are_valid_and_have_the_requested_number_of_ratings(
    tmp_path: Path, users: int, movies: int, ratings: int
) -> None:
    write_synthetic(plant_model(make_params(users, movies, ratings)), tmp_path / "raw", seed=1)
    tables = read_raw(tmp_path / "raw", preset(RELEASES["synthetic"]))
    assert (len(tables.users), len(tables.movies)) == (users, movies)
    assert len(tables.ratings) == ratings
    assert tables.ratings["user"].nunique() == users
    assert set(tables.ratings["rating"]) <= {1, 2, 3, 4, 5}


def test_the_seed_determines_the_result(tmp_path: Path) -> None:
    content = []
    for seed in (1, 1, 2):
        write_synthetic(plant_model(make_params()), tmp_path / "raw", seed)
        content.append((tmp_path / "raw" / "u.data").read_bytes())
    assert content[0] == content[1] != content[2]


def test_likes_follow_the_planted_probabilities_and_counts_have_long_tails() -> None:
    planted = plant_model(make_params(2000, 1000, 200_000))
    columns = zip(*draw_ratings(planted, np.random.default_rng(0)), strict=True)
    users, movies, stars, _ = (np.concatenate(column) for column in columns)
    probability = planted.probability(users, movies)
    for low in (0.1, 0.4, 0.7):
        group = (probability > low) & (probability < low + 0.1)
        liked = np.mean(stars[group] > 3)
        assert liked == pytest.approx(probability[group].mean(), abs=0.02)
    assert 0.75 < roc_auc_score(stars > 3, probability) < 0.85
    for ids in (users, movies):
        counts = np.sort(np.bincount(ids)[1:])
        assert counts[-len(counts) // 10 :].sum() > 0.25 * counts.sum()


@pytest.mark.parametrize("ratings", [299, 300 * 200 // 4 + 1])
def test_a_wrong_number_of_ratings_is_reported(ratings: int) -> None:
    with pytest.raises(InputError, match=f"fetch.synthetic_ratings = {ratings}: must be from 300"):
        plant_model(make_params(ratings=ratings))
