import numpy as np
import pytest
import torch

from recsys.retrieval.histories import UserHistories
from recsys.retrieval.sequence.encoder import INTERVALS, SequenceEncoder, make_rows
from tests.histories import make_histories
from tests.retrieval.sequence import textbook
from tests.retrieval.sequence.small import PARAMS


def draw_histories(lengths: list[int], movies: int = 9, seed: int = 1) -> UserHistories:
    """Random ratings, a day apart on average."""
    random = np.random.default_rng(seed)
    user = np.repeat(np.arange(len(lengths)), lengths)
    movie = np.concatenate([random.permutation(movies)[:n] for n in lengths] or [[]]).astype(int)
    rating = random.random(len(user)).astype(np.float32)
    seconds = random.integers(0, 86_400 * 9, len(user))
    return UserHistories.group(len(lengths), movies, user, movie, rating, seconds)


@pytest.fixture
def encoder() -> SequenceEncoder:
    torch.manual_seed(1)
    encoder = SequenceEncoder(9, PARAMS.model_copy(update={"blocks": 2})).eval()
    for weight in encoder.parameters():
        # So that no part is without an effect.
        torch.nn.init.normal_(weight, std=0.5)
    return encoder


def test_rows_by_hand() -> None:
    """Person 0 rated movie 4, and movie 2 seven seconds later; person 1 nothing; person 2 movies 1
    and 3 in one second, and is asked in the second before.
    """
    rating = np.array([0.5, 1, 0.25, 0.75], np.float32)
    seconds = np.array([100, 107, 50, 50])
    histories = UserHistories(np.array([0, 2, 2, 4]), np.array([4, 2, 1, 3]), rating, seconds, 9)
    rows = make_rows(histories, np.array([107 + 31, 0, 49]))
    assert rows.starts.tolist() == [0, 3, 4, 7]
    assert rows.place.tolist() == [0, 1, 2, 0, 0, 1, 2]
    assert rows.movie.tolist() == [9, 4, 2, 9, 9, 1, 3]
    assert rows.rating.tolist() == [0, 0.5, 1, 0, 0, 0.25, 0.75]
    # 7 + 1 = 2^3 and 31 + 1 = 2^5 seconds; the interval 0 is none, and so all others are one more.
    assert rows.before.tolist() == [0, 0, 4, 0, 0, 0, 1]
    assert rows.after.tolist() == [0, 4, 6, 0, 0, 1, 1]
    # Without a time, a question comes a second after the last rating.
    assert make_rows(histories).after.tolist() == [0, 4, 2, 0, 0, 1, 2]
    # The longest interval is 2^40 seconds, 34,865 years.
    longest = make_rows(make_histories([[0]], 9), np.array([2**40]))
    assert longest.after.tolist() == [0, INTERVALS - 1]


def test_the_first_weights() -> None:
    torch.manual_seed(1)
    encoder = SequenceEncoder(2000, PARAMS)
    for table, deviation in ((encoder.movie, 1 / 4), (encoder.before, 0.02), (encoder.after, 0.02)):
        assert table.weight.std().item() == pytest.approx(deviation, rel=0.05)
        assert abs(table.weight.mean().item()) < deviation / 10
    assert not encoder.bias.any()
    (block,) = encoder.blocks
    # A row sees itself alone, and the states forget at rates that differ.
    assert block.window.tolist() == [[1.0] * 16] + [[0.0] * 16] * 3
    keep = block.in_projection.bias[:16].tolist()
    assert (keep[0], keep[5], keep[15]) == pytest.approx((-1, 1, 5))


@pytest.mark.parametrize("asked", [False, True])
def test_answers_and_scores_equal_the_textbooks(encoder: SequenceEncoder, asked: bool) -> None:
    histories = draw_histories([8, 0, 2, 1])
    seconds = np.arange(4) * 10**6 if asked else None
    expected = textbook.encode(encoder, histories, seconds)
    answers = encoder(make_rows(histories, seconds)).detach().numpy()
    np.testing.assert_allclose(answers, np.concatenate(expected), rtol=1e-3, atol=1e-4)
    numbers = encoder.to_numbers()
    logits = np.array([last[-1] for last in expected]) @ numbers["movie.weight"][:9].T
    logits += numbers["bias"]
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(encoder.score_all(histories, seconds), logits, rtol=1e-3, atol=1e-3)


def test_a_row_depends_on_those_before_it_and_on_the_time_after_it(
    encoder: SequenceEncoder,
) -> None:
    histories = draw_histories([6])
    whole = encoder(make_rows(histories))
    start = UserHistories(
        np.array([0, 4]),
        *(column[:4] for column in (histories.movie, histories.rating, histories.seconds)),
        9,
    )
    asked = make_rows(start, histories.seconds[4:5])
    torch.testing.assert_close(encoder(asked), whole[:5])
    later = make_rows(start, histories.seconds[4:5] + 10**8)
    assert not torch.allclose(encoder(later)[4], whole[4])
    torch.testing.assert_close(encoder(later)[:4], whole[:4])
