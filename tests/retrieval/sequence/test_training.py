from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recsys.common.errors import InputError
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.sequence import training as module
from recsys.retrieval.sequence.encoder import SequenceEncoder
from recsys.retrieval.sequence.training import find_interacted, fit_encoder
from recsys.storage.resume import ResumeFile
from tests.histories import make_histories
from tests.retrieval.sequence import textbook
from tests.retrieval.sequence.small import PARAMS

MOVIES = 12


@pytest.fixture(scope="module")
def rounds() -> UserHistories:
    """People who go on from a movie to the next one, and from the last one to the first."""
    random = np.random.default_rng(1)
    lists = [
        [int(movie) % MOVIES for movie in range(start, start + length)]
        for start, length in random.integers([0, 2], [MOVIES, 8], (60, 2))
    ]
    # And a user without a rating.
    return make_histories([*lists, []], MOVIES)


def weights_of(encoder: SequenceEncoder) -> torch.Tensor:
    return torch.cat([weight.ravel() for weight in encoder.state_dict().values()])


def test_the_losses_equal_the_textbooks(
    rounds: UserHistories, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"epochs": 2, "learning_rate": 2.0, "weight_decay": 2.0, "batch_size": 40}
    params = PARAMS.model_copy(update=changes)
    take_step, losses = module._take_step, []

    def record(*arguments: Any) -> float:
        losses.append(take_step(*arguments))
        return losses[-1]

    monkeypatch.setattr(module, "_take_step", record)
    fit_encoder(rounds, params)
    np.testing.assert_allclose(losses, textbook.train(rounds, params), rtol=1e-4)


def test_the_rate_rises_then_falls() -> None:
    rates = [module._scale_rate(step, 400) for step in (0, 49, 200, 400)]
    assert rates[0] == 0.01
    assert rates[1] == pytest.approx(0.5 * (0.03 + 0.97 * (1 + np.cos(np.pi * 49 / 400)) / 2))
    assert rates[2:] == pytest.approx([0.03 + 0.97 / 2, 0.03])


def test_the_encoder_learns_the_next_movie(rounds: UserHistories) -> None:
    encoder = fit_encoder(rounds, PARAMS)
    assert not encoder.training
    asked = make_histories([[3, 4], [9, 10, 11], [6]], MOVIES)
    scores = encoder.score_all(asked)
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-5)
    # A user's own movies were no negatives, so they may have any score.
    scores[asked.matrix().nonzero()] = -np.inf
    assert scores.argmax(axis=1).tolist() == [5, 0, 7]


def test_the_same_params_give_the_same_bits(rounds: UserHistories) -> None:
    once, again, other = (
        weights_of(fit_encoder(rounds, PARAMS.model_copy(update={"epochs": 2, "seed": seed})))
        for seed in (1, 1, 2)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("steps", [3, 4, 7])
def test_a_killed_training_resumes_and_ends_with_the_same_bits(
    rounds: UserHistories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    params = PARAMS.model_copy(update={"epochs": 2, "batch_size": 64, "dropout": 0.2})
    expected = weights_of(fit_encoder(rounds, params))
    resume = ResumeFile(tmp_path / "state", [params], [], [])
    take_step, taken = module._take_step, []

    def take_some(*arguments: Any) -> float:
        taken.append(arguments[-1])
        if len(taken) == steps + 1:
            raise KilledError
        return take_step(*arguments)

    monkeypatch.setattr(module, "_take_step", take_some)
    with pytest.raises(KilledError):
        fit_encoder(rounds, params, resume, save_every=2)
    assert torch.equal(weights_of(fit_encoder(rounds, params, resume)), expected)
    # It went on after the last step that was saved, not from the start.
    assert taken[steps + 1] == steps // 2 * 2


def test_earlier_interactions_by_hand() -> None:
    """A movie counts from its own rating on; another user's ratings do not count."""
    histories = make_histories([[2, 0], [1, 2]], 4)
    interacted = find_interacted(histories, torch.tensor([0, 2, 3]))
    assert interacted.tolist() == [
        [False, True, False],
        [True, True, False],
        [False, False, False],
        [False, True, False],
    ]


def test_more_negatives_than_movies_are_all_movies(rounds: UserHistories) -> None:
    some = PARAMS.model_copy(update={"epochs": 1, "negatives": MOVIES})
    many = PARAMS.model_copy(update={"epochs": 1, "negatives": 10 * MOVIES})
    assert torch.equal(*(weights_of(fit_encoder(rounds, params)) for params in (some, many)))


def test_ratings_without_an_order_are_refused() -> None:
    with pytest.raises(InputError, match="all ratings have the same time, so they have no order"):
        fit_encoder(make_histories([[0, 1], [2]], MOVIES, [7, 7, 7]), PARAMS)


def test_divergence_raises_an_error_that_names_the_remedy(rounds: UserHistories) -> None:
    params = PARAMS.model_copy(update={"learning_rate": 1e6, "epochs": 50})
    with pytest.raises(InputError, match=r"lower sequence.learning_rate \(now 1e\+06\)"):
        fit_encoder(rounds, params)
