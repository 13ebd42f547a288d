"""Trains the sequence encoder.

Each rating of a person is predicted from the earlier ones. The loss is the cross-entropy of a
softmax over the rated movie and a sample of others, the negatives, which all rows of a step share
(Jean et al. 2015, "On using very large target vocabulary for neural machine translation"). A movie
that the person has interacted with before is no negative, because it would not be recommended.

All randomness of a step is seeded by its number, so a run can be resumed at any step.

Shapes: B people, R ratings, K negatives, D numbers in a vector.
"""

import logging
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from recsys.common.arrays import Ints
from recsys.common.errors import InputError
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.params import SequenceParams
from recsys.retrieval.sequence.content import MovieContent
from recsys.retrieval.sequence.encoder import SequenceEncoder, make_rows
from recsys.storage.resume import ResumeFile

log = logging.getLogger(__name__)

WARM_UP_STEPS = 100
# The last learning rate, as a fraction of the largest.
LAST_RATE = 0.03
MAX_GRADIENT_NORM = 1.0
BETAS = (0.9, 0.98)


def fit_encoder(
    histories: UserHistories,
    params: SequenceParams,
    resume: ResumeFile | None = None,
    save_every: int = 0,
    content: MovieContent | None = None,
) -> SequenceEncoder:
    """Train an encoder on the histories of all people.

    Args:
        resume: where the state is saved. If there is a saved state, training resumes from it and
            ends with the same bits.
        save_every: the number of steps between two saves; 0 for never.
        content: of the movies; None if they have no features.

    Raises:
        InputError: all ratings have the same time, or the loss is not finite.
    """
    if np.ptp(histories.seconds) == 0:
        raise InputError(
            "retrieval.model = sequence: all ratings have the same time, so they have no order; "
            "give the times of the ratings, or set it to ease"
        )
    torch.manual_seed(params.seed)
    encoder = SequenceEncoder(histories.movies, params, content)
    optimizer = _make_optimizer(encoder, params)
    done = 0
    if resume and (state := resume.load()):
        encoder.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        done = state["step"]
        log.info("resuming after step %d", done)
    batches = [
        batch for epoch in range(params.epochs) for batch in _make_batches(histories, params, epoch)
    ]
    encoder.train()
    steps = range(done, len(batches))
    # With `None`, tqdm shows the bar only on a terminal.
    for step in tqdm(
        steps, "sequence", len(batches), False, initial=done, unit="step", disable=None
    ):
        for group in optimizer.param_groups:
            group["lr"] = params.learning_rate * _scale_rate(step, len(batches))
        loss = _take_step(encoder, optimizer, histories.select(batches[step]), params, step)
        if not math.isfinite(loss):
            raise InputError(
                f"the loss of step {step + 1} is not a finite number; lower "
                f"sequence.learning_rate (now {params.learning_rate:g})"
            )
        if resume and save_every and (step + 1) % save_every == 0:
            state = {"weights": encoder.state_dict(), "optimizer": optimizer.state_dict()}
            resume.save(state | {"step": step + 1})
    return encoder.eval()


def _make_optimizer(encoder: nn.Module, params: SequenceParams) -> torch.optim.Optimizer:
    """Biases and the weights of norms do not decay."""
    matrices, vectors = (
        [w for w in encoder.parameters() if (w.ndim > 1) == many] for many in (True, False)
    )
    groups = [
        {"params": matrices, "weight_decay": params.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, params.learning_rate, BETAS, fused=True)


def _scale_rate(step: int, steps: int) -> float:
    """The learning rate as a fraction of the largest: it rises, then falls along a cosine."""
    fall = (1 + math.cos(math.pi * step / steps)) / 2
    return min(1, (step + 1) / WARM_UP_STEPS) * (LAST_RATE + (1 - LAST_RATE) * fall)


def _make_batches(histories: UserHistories, params: SequenceParams, epoch: int) -> Iterator[Ints]:
    """All people with a rating, shuffled, in batches of about `batch_size` ratings."""
    lengths = np.diff(histories.starts)
    people = np.random.default_rng([params.seed, epoch]).permutation(np.flatnonzero(lengths))
    batch = np.cumsum(lengths[people]) // params.batch_size
    yield from np.split(people, np.flatnonzero(np.diff(batch)) + 1)


def _take_step(
    encoder: SequenceEncoder,
    optimizer: torch.optim.Optimizer,
    histories: UserHistories,
    params: SequenceParams,
    step: int,
) -> float:
    """Take one step of the optimizer, and return the mean loss of the batch."""
    (seed,) = np.random.SeedSequence([params.seed, step]).generate_state(1, np.uint64)
    torch.manual_seed(int(seed))
    rows = make_rows(histories)
    # The last row of a person has no next movie, so it is no target.
    has_next = torch.ones(len(rows.movie), dtype=torch.bool)
    has_next[rows.starts[1:] - 1] = False
    encoded = encoder(rows)[has_next]
    targets = torch.from_numpy(histories.movie.astype(np.int64))
    count = min(params.negatives, histories.movies)
    negatives = torch.randperm(histories.movies)[:count].sort().values
    # The sample stands for all movies.
    others = encoder.logits(encoded, negatives) + math.log(histories.movies / count)
    others = others.masked_fill(find_interacted(histories, negatives), -torch.inf)
    own = (encoded * encoder.embed(targets)).sum(1) + encoder.bias[targets]
    # The loss of the first of these classes, which is the target.
    loss = (torch.cat([own[:, None], others], dim=1).logsumexp(1) - own).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(encoder.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()
    return loss.item()


def find_interacted(histories: UserHistories, movies: Tensor) -> Tensor:
    """Whether the person of a rating has rated a movie by then, the rating included, [R, K]

    Args:
        movies: rows of the movies table, [K]
    """
    column = np.full(histories.movies, -1)
    column[movies.numpy()] = np.arange(len(movies))
    person = histories.person
    place = np.arange(len(person), dtype=np.int32)
    # The rating of each movie by each person; the last number where there is none.
    rated = np.full((len(histories), len(movies)), np.iinfo(np.int32).max, np.int32)
    some = column[histories.movie] >= 0
    rated[person[some], column[histories.movie[some]]] = place[some]
    return torch.from_numpy(rated[person] <= place[:, None])
