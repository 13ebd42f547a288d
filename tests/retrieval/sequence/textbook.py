"""The sequence encoder and its training as in their docstrings, row by row."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from recsys.retrieval.histories import UserHistories
from recsys.retrieval.params import SequenceParams
from recsys.retrieval.sequence.encoder import SequenceEncoder, make_rows

Floats = npt.NDArray[np.float64]


def encode(encoder: SequenceEncoder, histories: UserHistories, seconds: Any = None) -> list[Floats]:
    """The encoded rows of each person, [rows, D]."""
    weights = {name: x.numpy().astype(float) for name, x in encoder.state_dict().items()}
    rows = make_rows(histories, seconds)
    answers = []
    for start, stop in zip(rows.starts[:-1], rows.starts[1:], strict=True):
        movie, rating, before, after = (
            column[start:stop].numpy()
            for column in (rows.movie, rows.rating, rows.before, rows.after)
        )
        x = weights["movie.weight"][movie] + _linear(weights, "rating", rating[:, None])
        x = x + weights["before.weight"][before]
        for block in range(len(encoder.blocks)):
            x = _mix(weights, f"blocks.{block}.", x)
        x = _norm(weights, "norm", x)
        timed = _linear(weights, "time_in", np.hstack([x, weights["after.weight"][after]]))
        answers.append(x + _linear(weights, "time_out", _silu(timed)))
    return answers


def _mix(weights: dict[str, Floats], block: str, x: Floats) -> Floats:
    normed, window = _norm(weights, f"{block}norm", x), weights[f"{block}window"]
    near = np.array(
        [sum(window[k] * normed[row - k] for k in range(min(4, row + 1))) for row in range(len(x))]
    )
    keep, new, gate = np.split(_linear(weights, f"{block}in_projection", near), 3, axis=1)
    keep = 1 / (1 + np.exp(-keep))
    states, state = [], np.zeros(x.shape[1])
    for row in range(len(x)):
        state = keep[row] * state + (1 - keep[row]) * new[row]
        states.append(state)
    x = x + _linear(weights, f"{block}out_projection", np.array(states) * _silu(gate))
    up = _linear(weights, f"{block}up", _norm(weights, f"{block}norm_rows", x))
    value, gate = np.split(up, 2, axis=1)
    return x + _linear(weights, f"{block}down", _silu(value) * gate)


def _linear(weights: dict[str, Floats], name: str, x: Floats) -> Floats:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _norm(weights: dict[str, Floats], name: str, x: Floats) -> Floats:
    size = np.sqrt((x**2).mean(1, keepdims=True) + np.finfo(np.float32).eps)
    return x / size * weights[f"{name}.weight"]


def _silu(x: Floats) -> Floats:
    return x / (1 + np.exp(-x))


def train(histories: UserHistories, params: SequenceParams) -> list[float]:
    """The loss of each step; without dropout."""
    torch.manual_seed(params.seed)
    encoder = SequenceEncoder(histories.movies, params)
    weights = list(encoder.parameters())
    moments = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in weights]
    batches = [
        batch for epoch in range(params.epochs) for batch in _batch(histories, params, epoch)
    ]
    losses = []
    for step, people in enumerate(batches):
        loss = _find_loss(encoder, histories, people, params, step)
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, weights)
        norm = math.sqrt(sum(float((x**2).sum()) for x in gradients))
        # The rate rises for 100 steps, and falls along half a cosine from 1 to 0.03.
        fall = 0.03 + 0.97 * (1 + math.cos(math.pi * step / len(batches))) / 2
        rate = params.learning_rate * min(1, (step + 1) / 100) * fall
        with torch.no_grad():
            for weight, gradient, (first, second) in zip(weights, gradients, moments, strict=True):
                gradient = gradient / max(1, norm)
                first += 0.1 * (gradient - first)
                second += 0.02 * (gradient**2 - second)
                if weight.ndim > 1:
                    weight *= 1 - rate * params.weight_decay
                deviation = (second / (1 - 0.98 ** (step + 1))).sqrt() + 1e-8
                weight -= rate * first / (1 - 0.9 ** (step + 1)) / deviation
    return losses


def _batch(histories: UserHistories, params: SequenceParams, epoch: int) -> list[list[int]]:
    """A batch ends at the person with whom the ratings so far reach a multiple of the size."""
    some = [person for person in range(len(histories)) if len(histories[person : person + 1].movie)]
    batches: dict[int, list[int]] = {}
    ratings = 0
    for person in np.random.default_rng([params.seed, epoch]).permutation(some):
        ratings += len(histories[person : person + 1].movie)
        batches.setdefault(ratings // params.batch_size, []).append(int(person))
    return list(batches.values())


def _find_loss(
    encoder: SequenceEncoder,
    histories: UserHistories,
    people: list[int],
    params: SequenceParams,
    step: int,
) -> torch.Tensor:
    """The mean over all ratings of -log softmax, among the movie and its negatives."""
    (seed,) = np.random.SeedSequence([params.seed, step]).generate_state(1, np.uint64)
    torch.manual_seed(int(seed))
    negatives = torch.randperm(histories.movies)[: params.negatives].tolist()
    losses = []
    for person in people:
        history = histories[person : person + 1]
        answers = encoder(make_rows(history))
        for place, movie in enumerate(history.movie):
            others = [other for other in negatives if other not in history.movie[: place + 1]]
            logits = encoder.movie.weight[[movie, *others]] @ answers[place]
            logits = logits + encoder.bias[[movie, *others]]
            logits[1:] += math.log(histories.movies / len(negatives))
            losses.append(logits.logsumexp(0) - logits[0])
    return torch.stack(losses).mean()
