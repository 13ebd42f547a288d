from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from recsys.common.errors import InputError
from recsys.pipeline.params import load_params
from recsys.retrieval.model import RetrievalModel, to_dense
from recsys.retrieval.params import RetrievalParams
from recsys.retrieval.sequence.encoder import SequenceEncoder
from recsys.storage.lineage import Lineage
from tests.conftest import PARAMS
from tests.histories import make_histories
from tests.retrieval.sequence.small import PARAMS as PARAMS_OF_SEQUENCE

SECTION = load_params(PARAMS)[RetrievalParams]
# Movies 1, 2 and 4 of five have weights.
MOVIES = np.array([1, 2, 4], np.int32)
WEIGHTS = np.array([[0, 0.5, -0.25], [0.125, 0, 1], [0.75, 0.25, 0]], np.float16)
RATINGS = np.array([0, 6, 3, 0, 1], np.int32)
ONES = np.ones(5)
LINEAGE = Lineage("a", "b", past_only=True)


@pytest.fixture(params=["dense", "sparse"])
def retrieval(request: pytest.FixtureRequest) -> RetrievalModel:
    weights = WEIGHTS if request.param == "dense" else csr_matrix(WEIGHTS.astype(np.float32))
    return RetrievalModel(MOVIES, weights, RATINGS, ONES, SECTION, LINEAGE)


def test_a_score_is_the_sum_of_the_weights_of_the_persons_movies(retrieval: RetrievalModel) -> None:
    histories = make_histories([[1, 4], [0, 2]], 5)
    expected = [[0, 0.75, 0.75, 0, -0.25], [0, 0.125, 0, 0, 1]]
    assert retrieval.score_all(histories).tolist() == expected


def test_without_weighted_movies_scores_are_the_movies_fractions_of_the_ratings(
    retrieval: RetrievalModel,
) -> None:
    scores = retrieval.score_all(make_histories([[], [0], [3, 0]], 5))
    np.testing.assert_allclose(scores, [[0, 0.6, 0.3, 0, 0.1]] * 3, atol=1e-6)


def test_a_ratio_of_later_ratings_multiplies_all_scores() -> None:
    returning = np.array([1, 1, 2, 1, 0.5])
    retrieval = RetrievalModel(MOVIES, WEIGHTS, RATINGS, returning, SECTION, LINEAGE)
    scores = retrieval.score_all(make_histories([[1, 4], []], 5))
    np.testing.assert_allclose(scores, [[0, 0.75, 1.5, 0, -0.125], [0, 0.6, 0.6, 0, 0.05]])


def test_candidates_are_allowed_and_not_in_the_history(retrieval: RetrievalModel) -> None:
    histories = make_histories([[1, 4], [0, 2], []], 5)
    allowed = np.array([False, True, True, True, True])
    movies, scores = retrieval.find_candidates(histories, allowed, 3)
    # The last person gets popular movies. Of equal scores, the first row comes first.
    assert movies.tolist() == [[2, 3, 0], [4, 1, 3], [1, 2, 4]]
    least = -np.inf
    np.testing.assert_allclose(scores, [[0.75, 0, least], [1, 0.125, 0], [0.6, 0.3, 0.1]])


@pytest.mark.parametrize("count", [1, 10, 300])
def test_candidates_of_sparse_weights_are_the_best_of_all_scores(count: int) -> None:
    random = np.random.default_rng(count)
    rated = np.flatnonzero(random.random(300) < 0.8)
    # Halves, so that many scores are equal, and some are 0 as sums of others.
    weights = random.integers(-2, 4, (len(rated), len(rated))) / 2
    weights[random.random(weights.shape) < 0.95] = 0
    ratings = random.integers(1, 9, 300)
    returning = random.choice([0.5, 1, 2], 300)
    models = (
        RetrievalModel(rated, form, ratings, returning, SECTION, LINEAGE)
        for form in (weights.astype(np.float16), csr_matrix(weights.astype(np.float32)))
    )
    lists = [random.choice(300, n, replace=False) for n in (0, 1, 2, 5, 30, 30, 100, 300)]
    asked = make_histories(lists, 300), random.random(300) < 0.7, count
    expected, found = (model.find_candidates(*asked) for model in models)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_reasons_have_the_largest_positive_weights(retrieval: RetrievalModel) -> None:
    history = np.array([0, 1, 2])
    assert retrieval.find_reasons(history, 4, 2).tolist() == [2]
    assert retrieval.find_reasons(np.array([1, 4]), 2, 2).tolist() == [1, 4]
    assert retrieval.find_reasons(np.array([1, 4]), 2, 1).tolist() == [1]
    assert retrieval.find_reasons(history, 3, 2).tolist() == []
    # A movie says nothing about itself.
    assert retrieval.find_reasons(np.array([2, 4]), 4, 2).tolist() == [2]
    assert retrieval.find_reasons(np.array([0, 3]), 4, 2).tolist() == []


def test_similarity_is_the_mean_of_both_weights(retrieval: RetrievalModel) -> None:
    assert retrieval.find_similar(1).tolist() == [0, 0, 0.3125, 0, 0.25]
    assert retrieval.find_similar(0).tolist() == [0] * 5


def test_any_pairs_are_compared(retrieval: RetrievalModel) -> None:
    similar = np.array([retrieval.find_similar(movie) for movie in range(5)])
    movies = np.arange(5)
    assert retrieval.compare(movies[:, None], movies).tolist() == similar.tolist()


def test_a_saved_model_loads_unchanged(retrieval: RetrievalModel, tmp_path: Path) -> None:
    retrieval.save(tmp_path / "retrieval")
    loaded = RetrievalModel.load(tmp_path / "retrieval", Path("tables"), LINEAGE)
    assert (loaded.params, loaded.lineage) == (SECTION, LINEAGE)
    for name in ("movies", "weights", "ratings", "returning"):
        np.testing.assert_array_equal(*(to_dense(getattr(x, name)) for x in (loaded, retrieval)))


def test_a_model_of_another_run_is_refused(retrieval: RetrievalModel, tmp_path: Path) -> None:
    retrieval.save(tmp_path / "retrieval")
    with pytest.raises(InputError, match="of different runs: they differ in their split"):
        RetrievalModel.load(tmp_path / "retrieval", Path("tables"), replace(LINEAGE, split="c"))


@pytest.fixture
def sequence() -> RetrievalModel:
    """A model with an encoder that was not trained."""
    torch.manual_seed(1)
    encoder = SequenceEncoder(5, PARAMS_OF_SEQUENCE).eval()
    section = SECTION.model_copy(update={"ease_weight": 0.25})
    return RetrievalModel(MOVIES, WEIGHTS, RATINGS, ONES, section, LINEAGE, encoder)


def test_an_encoders_probability_counts_beside_the_weights(
    sequence: RetrievalModel, retrieval: RetrievalModel
) -> None:
    histories, seconds = make_histories([[1, 4], []], 5), np.array([9, 9])
    assert sequence.encoder is not None
    chance = np.exp(sequence.encoder.score_all(histories, seconds))
    expected = chance * np.maximum(retrieval.score_all(histories), 1e-4) ** 0.25
    # What the first person interacted with does not come again.
    expected[0, [1, 4]] = 0
    found = sequence.score_all(histories, seconds)
    np.testing.assert_allclose(found, expected / expected.max(axis=1, keepdims=True), rtol=1e-4)
    # The time of the question counts.
    later = sequence.score_all(histories, seconds + 10**6)
    assert not np.allclose(later[0], found[0])


def test_scores_are_0_after_an_interaction_with_every_movie(sequence: RetrievalModel) -> None:
    assert sequence.score_all(make_histories([[0, 1, 2, 3, 4]], 5)).tolist() == [[0] * 5]


def test_a_saved_encoder_loads_unchanged(sequence: RetrievalModel, tmp_path: Path) -> None:
    sequence.save(tmp_path / "retrieval")
    loaded = RetrievalModel.load(tmp_path / "retrieval", Path("tables"), LINEAGE)
    histories = make_histories([[1, 4], [2]], 5)
    np.testing.assert_array_equal(loaded.score_all(histories), sequence.score_all(histories))


@pytest.mark.parametrize("name", ["retrieval.json", "retrieval.safetensors", "encoder.safetensors"])
def test_a_changed_or_missing_file_is_refused(
    sequence: RetrievalModel, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "retrieval"
    sequence.save(folder)
    data = bytearray((folder / name).read_bytes())
    data[-5] ^= 1
    (folder / name).write_bytes(data)
    for _ in range(2):
        with pytest.raises(InputError, match=r"is no retrieval model.*dvc repro retrieve"):
            RetrievalModel.load(folder, Path("tables"), LINEAGE)
        (folder / name).unlink(missing_ok=True)
