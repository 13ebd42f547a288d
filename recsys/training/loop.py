"""The training loop."""

import logging
import math
from collections.abc import Iterator
from threading import RLock

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from recsys.common.errors import InputError
from recsys.dataloader.batch import Batch
from recsys.dataloader.dataset import MovieLensDataset, batches
from recsys.models.description import Heads
from recsys.models.dlrm import DLRMRecommender
from recsys.models.embeddings import fused_optimizer_states
from recsys.scoring.metrics import Metrics
from recsys.scoring.predict import predict
from recsys.scoring.validation import quality, validate
from recsys.storage.resume import ResumeFile
from recsys.training.ema import ExponentialMovingAverage
from recsys.training.params import TrainParams
from recsys.training.process_group import SINGLE_PROCESS, ProcessGroup
from recsys.training.resume import DistributedResume
from recsys.training.state import TrainingState

log = logging.getLogger(__name__)


def train(
    model: nn.Module,
    training: MovieLensDataset,
    validation: MovieLensDataset,
    heads: Heads,
    params: TrainParams,
    save_every: int = 0,
    resume: ResumeFile | DistributedResume | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Iterator[Metrics]:
    """Train a model and yield a record of each epoch; at the end it has the best epoch's weights.

    The weights that are validated and kept are exponential moving averages. They smooth the noise
    of the embeddings' last steps (Polyak & Juditsky 1992; Izmailov et al. 2018, "Averaging Weights
    Leads to Wider Optima and Better Generalization"). `params.seed` determines the order of the
    rows. Dropout and the first weights draw from torch's global generator, which the caller seeds.

    Args:
        model: a `DLRMRecommender`, or the model that `sharding.shard` made of one for the group.
        training, validation: this process's partition of the rows; the records cover all rows.
        heads: what the model's logits mean, and the datasets' labels.
        save_every: the number of steps between two saves of the state; 0 for never.
        resume: where the state is saved. If there is a saved state, training resumes from it and
            ends with the same bits.
        group: the processes that train together; all of them must call this.

    Yields:
        epoch (from 1), train_loss (the mean over rows and thresholds, with dropout) and the metrics
        of `validate`. After resuming, the records of the earlier epochs come first.

    Raises:
        InputError: the loss or a validation score is not finite.
    """
    # tqdm's default lock works across processes. A killed process would leave it behind.
    tqdm.set_lock(RLock())
    model.to(torch.device(params.device))
    shuffle = torch.Generator().manual_seed(params.seed)
    steps = math.ceil(training.rows / params.batch_size)
    state = _begin(model, params, steps, shuffle.get_state())
    labels = group.gather_rows(validation.labels, validation.rows)
    if resume and (saved := resume.load()):
        state.load_state_dict(saved)
        log.info("resuming after step %d of epoch %d", state.step, state.epoch)
        yield from state.history

    while state.epoch <= params.epochs and state.epoch - state.best_epoch <= params.patience:
        for _ in _train_epoch(state, training, params, shuffle, group):
            done = (state.epoch - 1) * steps + state.step
            if resume and save_every and done % save_every == 0:
                resume.save(state.state_dict())
        metrics = _validate(state, validation, labels, heads, params, group)
        record: Metrics = {
            "epoch": state.epoch,
            "train_loss": group.sum(state.loss) / training.rows,
            **{f"validation_{name}": value for name, value in metrics.items()},
        }
        yield record
        state.finish_epoch(record, quality(metrics), shuffle.get_state())
    state.restore_best_weights()


def _begin(model: nn.Module, params: TrainParams, steps: int, shuffle: Tensor) -> TrainingState:
    """The state before the first step.

    Args:
        steps: the number of steps in an epoch.
        shuffle: the state of the generator that shuffles the rows.
    """
    if params.embedding_optimizer == "rowwise_adagrad" and isinstance(model, DLRMRecommender):
        model.fuse_optimizer(params.embedding_learning_rate)
    # Fused tables have an optimizer of their own. Averaging them would touch all rows in each step.
    weights = [w for w in model.parameters() if not hasattr(w, "_in_backward_optimizers")]
    adam = torch.optim.Adam(
        weights, params.learning_rate, weight_decay=params.weight_decay, fused=True
    )
    average = ExponentialMovingAverage(weights, params.average_epochs * steps)
    return TrainingState(model, average, adam, fused_optimizer_states(model), shuffle)


def _train_epoch(
    state: TrainingState,
    training: MovieLensDataset,
    params: TrainParams,
    shuffle: torch.Generator,
    group: ProcessGroup,
) -> Iterator[None]:
    """Take the steps of this epoch that are not done yet; yields after each."""
    state.model.train()
    device = torch.device(params.device)
    shuffle.set_state(state.shuffle)
    rows = tqdm(
        batches(training, params.batch_size, shuffle, skip=state.step),
        desc=f"epoch {state.epoch}",
        total=math.ceil(training.rows / params.batch_size),
        initial=state.step,
        unit="step",
        leave=False,
        # With `None`, tqdm shows the bar only on a terminal.
        disable=True if group.rank else None,
    )
    for batch in rows:
        size = min(params.batch_size, training.rows - state.step * params.batch_size)
        # The group averages the gradients of its processes, which have parts of unequal size.
        weight = len(batch.labels) * group.size / size
        state.loss += _step(state, batch.to(device), weight, params) * len(batch.labels)
        state.step += 1
        yield


def _step(state: TrainingState, batch: Batch, weight: float, params: TrainParams) -> float:
    """Take one step of the optimizer, update the moving average, and return the batch's mean loss.

    Args:
        weight: multiplies the loss in the backward pass.
    """
    logits = state.model(batch.dense_features, batch.sparse_features, batch.dense_index)
    # An empty batch has no mean loss. It still needs a backward pass, which the group joins.
    labels = batch.labels
    loss = binary_cross_entropy_with_logits(logits, labels) if len(labels) else logits.sum()
    _require_finite(loss, "training loss", state.epoch, params)
    state.optimizer.zero_grad()
    (loss * weight).backward()
    state.optimizer.step()
    state.average.update()
    return loss.item()


def _validate(
    state: TrainingState,
    validation: MovieLensDataset,
    labels: Tensor,
    heads: Heads,
    params: TrainParams,
    group: ProcessGroup,
) -> Metrics:
    """The metrics of the averaged weights.

    Args:
        labels: of all rows of the validation part, [N, T]
    """
    with state.average.applied():
        logits = group.gather_rows(predict(state.model, validation), validation.rows)
    # The last step can diverge although its loss, computed before the step, was finite.
    _require_finite(logits, "validation score", state.epoch, params)
    return validate(labels, logits, heads)


def _require_finite(values: Tensor, name: str, epoch: int, params: TrainParams) -> None:
    if not torch.isfinite(values).all():
        raise InputError(
            f"a {name} of epoch {epoch} is not a finite number; lower train.learning_rate (now "
            f"{params.learning_rate:g})"
        )
