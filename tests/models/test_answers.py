"""Answers from logits, by hand."""

import numpy as np
import pytest
import torch

from recsys.common.rating_scale import HALF_STARS, WHOLE_STARS, RatingScale
from recsys.models.answers import Answers, read_answers
from recsys.models.description import Heads


def make_heads(scale: RatingScale, label: float) -> Heads:
    cut = scale.cut_above(label)
    thresholds = scale.thresholds(cut)
    return Heads(thresholds, thresholds.index(cut), scale.stars_between(thresholds))


def logit(chances: list[float]) -> torch.Tensor:
    return torch.tensor(chances).logit()


def test_stars_are_the_sum_of_the_chances() -> None:
    """1 + .9 + .7 + .5 + .2 stars; more than 3 are likely by .5."""
    logits = torch.stack([logit([0.9, 0.7, 0.5, 0.2]), logit([0.5, 0.25, 0.125, 0.125])])
    likes, stars = read_answers(logits, make_heads(WHOLE_STARS, 3))
    np.testing.assert_allclose(likes, [0.5, 0.125], rtol=1e-6)
    np.testing.assert_allclose(stars, [3.3, 2.0], rtol=1e-6)
    assert (likes.dtype, stars.dtype) == (np.float32, np.float32)


def test_half_stars_count_half() -> None:
    chances = [0.9, 0.9, 0.8, 0.8, 0.6, 0.6, 0.4, 0.2, 0.2]
    likes, stars = read_answers(logit(chances)[None], make_heads(HALF_STARS, 3.5))
    np.testing.assert_allclose(likes, [0.4], rtol=1e-6)
    np.testing.assert_allclose(stars, [0.5 + 5.4 / 2], rtol=1e-6)


def test_an_uneven_part_counts_by_its_distance() -> None:
    """0, 1 or 2 stars, and a threshold at 55.5 between parts of ten."""
    heads = make_heads(RatingScale(0, 100, 1), 55)
    chances = [1 - 1e-7] * 5 + [0.5] + [1e-7] * 4
    likes, stars = read_answers(logit(chances)[None], heads)
    np.testing.assert_allclose(likes, [0.5], rtol=1e-6)
    # Between the middle of 51 to 55 and that of 56 to 60.
    np.testing.assert_allclose(stars, [(53 + 58) / 2], rtol=1e-4)


@pytest.mark.parametrize("scale", [WHOLE_STARS, HALF_STARS, RatingScale(-10, 10, 0.01)], ids=str)
def test_sure_logits_give_the_ends_of_the_scale(scale: RatingScale) -> None:
    heads = make_heads(scale, scale.lowest)
    logits = torch.tensor([[-99.0], [99.0]]).expand(2, len(heads.thresholds))
    likes, stars = read_answers(logits, heads)
    np.testing.assert_allclose(likes, [0, 1], atol=1e-9)
    assert stars.tolist() == pytest.approx([heads.stars[0], heads.stars[-1]])


def test_the_label_alone_gives_no_stars() -> None:
    likes, stars = read_answers(logit([0.25, 0.5])[:, None], Heads((3.5,)))
    np.testing.assert_allclose(likes, [0.25, 0.5], rtol=1e-6)
    assert stars is None


@pytest.mark.parametrize("stars", [None, np.arange(6.0)])
def test_some_answers_in_the_shape_of_their_places(stars: np.ndarray | None) -> None:
    answers = Answers(np.arange(6) / 10, stars)
    some = answers.take(np.array([[5, 0], [1, 1]]))
    assert some.likes.tolist() == [[0.5, 0.0], [0.1, 0.1]]
    assert (some.stars is None) == (stars is None)
    if stars is not None:
        assert some.stars.tolist() == [[5, 0], [1, 1]]
