import numpy as np

from recsys.serving.recommend.diversity import MAX_LOSS, find_diverse

LEAST = -np.inf
# The first two are the same film twice; the fourth is like no other.
SIMILAR = np.array([[1, 1, 0.5, 0], [1, 1, 0.5, 0], [0.5, 0.5, 1, 0], [0, 0, 0, 1]], np.float32)


def choose(scores: list[list[float]], count: int, diversity: float) -> list[list[int]]:
    return find_diverse(
        np.array(scores, np.float32), count, diversity, lambda columns: SIMILAR[columns]
    ).tolist()


def test_a_movie_loses_score_for_similar_ones_before_it() -> None:
    # At 0.5: half the score less half the loss. Second: 1.5 - 1.5, 1 - 0.75 or 0.3.
    assert MAX_LOSS == 3
    scores = [[4.0, 3.0, 2.0, 0.6]]
    assert choose(scores, 4, 0.5) == [[0, 3, 2, 1]]
    assert choose(scores, 2, 0.3) == [[0, 1]]
    # The similarity alone counts; equal ones follow in the order of columns.
    assert choose(scores, 4, 1) == [[0, 3, 2, 1]]


def test_each_person_has_an_own_list() -> None:
    scores = [[4.0, 3.0, 2.0, 0.6], [0.6, 2.0, 3.0, 4.0]]
    assert choose(scores, 4, 0.5) == [choose([row], 4, 0.5)[0] for row in scores]


def test_what_may_not_be_recommended_comes_last() -> None:
    for diversity in (0.1, 1.0):
        chosen = choose([[LEAST, 3.0, LEAST, -8.0]], 4, diversity)
        assert [sorted(chosen[0][:2]), chosen[0][2:]] == [[1, 3], [0, 2]]
