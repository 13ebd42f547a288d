import numpy as np
import pytest

from recsys.common.arrays import find_best


@pytest.mark.parametrize("count", [1, 7, 150, 200])
@pytest.mark.parametrize("values", [2, 10, 10**6])
def test_equal_scores_are_in_the_order_of_columns(count: int, values: int) -> None:
    random = np.random.default_rng(0)
    scores = random.integers(0, values, (20, 200)).astype(np.float32)
    # As the filter leaves them.
    scores[random.random(scores.shape) < 0.4] = -np.inf
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(find_best(scores, count), expected)
