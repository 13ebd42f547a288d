import numpy as np
import pytest

from recsys.pipeline.params import load_params
from recsys.retrieval.fit import draw_ratings, fit_retrieval_model, weigh_ratings
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.params import RetrievalParams
from recsys.storage.lineage import Lineage
from tests.conftest import PARAMS

SECTION = load_params(PARAMS)[RetrievalParams]
# Person 0 rated four movies, person 1 nothing, and person 2 one; the mean of the two is 2.5.
HISTORIES = UserHistories.group(
    3,
    5,
    np.array([0, 0, 0, 0, 2]),
    np.array([0, 1, 2, 3, 1]),
    np.array([1, 0.5, 0, 1, 0.5], np.float32),
    np.arange(5),
)


def test_ratings_count_by_their_stars_and_the_persons_number_of_ratings() -> None:
    section = SECTION.model_copy(update={"star_weight": 0.5, "user_power": 0.5})
    stars = np.array([1, 0.75, 0.5, 1, 0.75])
    persons = np.sqrt(2.5) / np.array([2, 2, 2, 2, 1])
    np.testing.assert_allclose(weigh_ratings(HISTORIES, section), stars * persons, rtol=1e-6)


def test_all_ratings_count_alike_without_both_params() -> None:
    section = SECTION.model_copy(update={"star_weight": 0.0, "user_power": 0.0})
    assert weigh_ratings(HISTORIES, section).tolist() == [1] * 5


@pytest.mark.parametrize("exact_movies", [1, 100])
def test_lowest_stars_that_count_nothing_give_no_weights(exact_movies: int) -> None:
    """Movie 2 has the lowest stars alone. Movie 4 has no rating."""
    section = SECTION.model_copy(update={"star_weight": 1.0, "exact_movies": exact_movies})
    counts = np.array([9, 8, 7, 6, 5])
    model = fit_retrieval_model(HISTORIES, counts, section, Lineage("a", "b"))
    assert model.movies.tolist() == [0, 1, 2, 3]
    assert model.ratings.tolist() == counts.tolist()
    similar = [model.find_similar(movie) for movie in (0, 2, 4)]
    assert [bool(values.max() > 0) for values in similar] == [True, False, False]
    assert np.isfinite(similar).all()


def test_at_most_so_many_ratings_of_a_person_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert draw_ratings(HISTORIES).all()
    monkeypatch.setattr("recsys.retrieval.fit.MAX_RATINGS", 2)
    assert np.bincount(HISTORIES.person, draw_ratings(HISTORIES)).tolist() == [2, 0, 1]
