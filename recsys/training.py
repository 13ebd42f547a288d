"""Training and scoring."""

import copy
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torchrec.datasets.utils import Batch
from tqdm import tqdm

from recsys.dataset import MovieLensDataset, batches
from recsys.errors import InputError
from recsys.metrics import Metrics
from recsys.model import DLRMRecommender
from recsys.params import TrainParams
from recsys.resume import ResumeFile
from recsys.scale import Floats
from recsys.tasks import Task

log = logging.getLogger(__name__)

Tensors = tuple[Tensor, ...] | list[Tensor]

# Without gradients a batch can be larger; its size has no effect on the scores.
SCORING_BATCH = 16_384


def check_device(name: str) -> None:
    """Raises: InputError: torch cannot use the device `train.device`."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "train.device = 'cuda': torch sees no CUDA device; set it to cpu, or see README.md on "
            "what a GPU needs"
        )


@dataclass
class Position:
    """How far a training is: steps done of which epoch, and what was seen until then."""

    epoch: int = 1
    step: int = 0
    # Sum over the rows of this epoch.
    loss: float = 0.0
    best_epoch: int = 0
    best_quality: float = -math.inf
    history: list[Metrics] = field(default_factory=list)


def train(
    model: DLRMRecommender,
    training: MovieLensDataset,
    validation: MovieLensDataset,
    task: Task,
    params: TrainParams,
    resume: ResumeFile | None = None,
) -> Iterator[Metrics]:
    """Train with Adam, yielding a record an epoch; afterwards the model is that of the best epoch.

    What is validated and kept is an exponential moving average of the weights, which forgives the
    embeddings their last noisy steps (Polyak & Juditsky 1992; Izmailov et al. 2018, "Averaging
    Weights Leads to Wider Optima and Better Generalization"). The shuffle follows `params.seed`;
    dropout and the first weights draw from torch's global generator, which the caller seeds.

    Args:
        resume: where the state goes after every `params.checkpoint_every` steps. If it has one,
            training goes on from there and ends with the same bits.

    Yields:
        epoch (from 1), train_loss (mean over the rows, dropout on) and the task's validation
        metrics; those of before a resumption first.

    Raises:
        InputError: the loss or a validation score is not finite.
    """
    device = torch.device(params.device)
    model.to(device)
    optimizer = torch.optim.Adam(
        model.parameters(), params.learning_rate, weight_decay=params.weight_decay, fused=True
    )
    steps = math.ceil(len(training) / params.batch_size)
    averaged = AveragedModel(model, multi_avg_fn=_moving_average(params.average_epochs * steps))
    shuffle = torch.Generator().manual_seed(params.seed)
    # From which the order of this epoch is drawn.
    epoch_shuffle = shuffle.get_state()
    best_weights = copy.deepcopy(averaged.module.state_dict())
    now = Position()
    if resume and (state := resume.load()):
        now = Position(**state["position"])
        model.load_state_dict(state["model"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        best_weights, epoch_shuffle = state["best_weights"], state["epoch_shuffle"]
        torch.set_rng_state(state["random"])
        log.info("going on after step %d of epoch %d", now.step, now.epoch)
        yield from now.history

    while now.epoch <= params.epochs and now.epoch - now.best_epoch <= params.patience:
        model.train()
        shuffle.set_state(epoch_shuffle)
        rows = batches(training, params.batch_size, shuffle, skip=now.step)
        for batch in _progress(rows, now, steps):
            batch = batch.to(device)
            loss = task.loss(model(batch.dense_features, batch.sparse_features), batch.labels)
            _require_finite(loss, "training loss", now.epoch, params)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            averaged.update_parameters(model)
            now.loss += loss.item() * len(batch.labels)
            now.step += 1
            if resume and params.checkpoint_every and now.step % params.checkpoint_every == 0:
                resume.save(
                    {
                        "position": asdict(now),
                        "model": model.state_dict(),
                        "averaged": averaged.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "best_weights": best_weights,
                        "epoch_shuffle": epoch_shuffle,
                        "random": torch.get_rng_state(),
                    }
                )
        predictions = predict(averaged.module, validation, task)
        # The last step of the epoch may be the one too far.
        _require_finite(torch.from_numpy(predictions), "validation score", now.epoch, params)
        metrics = task.validate(validation.label.numpy(), predictions)
        record: Metrics = {
            "epoch": now.epoch,
            "train_loss": now.loss / len(training),
            **{f"validation_{name}": value for name, value in metrics.items()},
        }
        yield record
        if (quality := task.quality(metrics)) > now.best_quality:
            now.best_quality, now.best_epoch = quality, now.epoch
            best_weights = copy.deepcopy(averaged.module.state_dict())
        now.history.append(record)
        now.epoch, now.step, now.loss = now.epoch + 1, 0, 0.0
        epoch_shuffle = shuffle.get_state()
    model.load_state_dict(best_weights)


@torch.no_grad()
def predict(
    model: nn.Module, dataset: MovieLensDataset, task: Task, batch_size: int = SCORING_BATCH
) -> Floats:
    """Predictions for every row, in order and in the task's unit, [N]."""
    model.eval()
    device = next(model.parameters()).device
    return np.concatenate(
        [
            task.predictions(model(batch.dense_features, batch.sparse_features))
            for batch in (rows.to(device) for rows in batches(dataset, batch_size))
        ]
    )


def _require_finite(values: Tensor, name: str, epoch: int, params: TrainParams) -> None:
    if not torch.isfinite(values).all():
        raise InputError(
            f"a {name} of epoch {epoch} is not a finite number; lower train.learning_rate (now "
            f"{params.learning_rate:g})"
        )


def _moving_average(window: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """Exponential, over about `window` steps; before there are so many, over all of them."""
    decay = math.exp(-1 / window) if window else 0.0

    def update(averages: Tensors, weights: Tensors, steps: Tensor | int) -> None:
        # Adam's bias correction: the first weights, drawn at random, must not linger.
        share = (1 - decay) / (1 - decay ** (int(steps) + 1))
        # In place: AveragedModel's `avg_fn` would make and copy a tensor for each weight.
        for average, weight in zip(averages, weights, strict=True):
            average.lerp_(weight, share)

    return update


def _progress(rows: Iterator[Batch], now: Position, steps: int) -> Iterator[Batch]:
    # `disable=None` shows the bar on a terminal only.
    name = f"epoch {now.epoch}"
    return iter(tqdm(rows, name, steps, False, initial=now.step, unit="step", disable=None))
