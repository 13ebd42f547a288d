import numpy as np
import pyarrow as pa
import torch

from recsys.common.rating_scale import RatingScale
from recsys.retrieval.sequence.content import MovieContent, no_content, read_content
from recsys.retrieval.sequence.encoder import SequenceEncoder
from recsys.storage.registry import Feature
from recsys.storage.vocabulary import Vocabulary
from tests.retrieval.sequence.small import PARAMS

FEATURES = (
    Feature("genres", "list", "movies", "genres"),
    Feature("age", "sparse", "users", "age_code"),
    Feature("period", "sparse", "movies", "period_code"),
)
# Movie 1 has no genre.
MOVIES = pa.table({"genres": [[0, 2], [], [1]], "period_code": [1, 0, 1]})


def make_vocabulary(features: tuple[Feature, ...]) -> Vocabulary:
    names = {"genres": ("a", "b", "c"), "age": ("x",), "period": ("old", "new")}
    return Vocabulary("", names, RatingScale(1, 5, 1), 3, features, {})


def test_the_codes_of_all_features_of_movies_follow_each_other() -> None:
    content = read_content(MOVIES, make_vocabulary(FEATURES))
    assert content.codes.tolist() == [0, 2, 4, 3, 1, 4]
    assert content.starts.tolist() == [0, 3, 4, 6]
    np.testing.assert_allclose(content.weights, [0.5**0.5, 0.5**0.5, 1, 1, 1, 1])
    assert content.size == 5


def test_movies_without_features_have_no_content() -> None:
    content = read_content(MOVIES, make_vocabulary(FEATURES[1:2]))
    assert [len(x) for x in content[:3]] == [0, 4, 0]


def test_an_embedding_is_the_movies_own_plus_those_of_its_features() -> None:
    content = read_content(MOVIES, make_vocabulary(FEATURES))
    encoder = SequenceEncoder(3, PARAMS, content)
    own, features = encoder.movie.weight, encoder.content.weight
    expected = own.clone()
    expected[0] += 0.5**0.5 * (features[0] + features[2]) + features[4]
    expected[1] += features[3]
    expected[2] += features[1] + features[4]
    torch.testing.assert_close(encoder.embed(torch.arange(4)), expected)


def test_saved_content_loads_unchanged() -> None:
    content = read_content(MOVIES, make_vocabulary(FEATURES))
    for some in (content, no_content(3)):
        encoder = SequenceEncoder(3, PARAMS, MovieContent(*some))
        loaded = SequenceEncoder.from_numbers(encoder.to_numbers(), PARAMS)
        assert torch.equal(loaded.embed(torch.arange(4)), encoder.embed(torch.arange(4)))
