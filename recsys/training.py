"""Training and scoring."""

import logging
import math
from collections.abc import Callable, Iterator

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
from recsys.resume import ResumeFile, Run
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


def train(
    model: DLRMRecommender,
    training: MovieLensDataset,
    validation: MovieLensDataset,
    task: Task,
    params: TrainParams,
    resume: ResumeFile | None = None,
) -> Iterator[Metrics]:
    """Train, yielding a record an epoch; afterwards the model is that of the best epoch.

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
    steps = math.ceil(len(training) / params.batch_size)
    shuffle = torch.Generator().manual_seed(params.seed)
    run = _begin(model, params, steps, shuffle)
    if resume and (state := resume.load()):
        run.restore(state)
        log.info("going on after step %d of epoch %d", run.step, run.epoch)
        yield from run.history

    while run.epoch <= params.epochs and run.epoch - run.best_epoch <= params.patience:
        model.train()
        shuffle.set_state(run.shuffle)
        rows = batches(training, params.batch_size, shuffle, skip=run.step)
        for batch in _progress(rows, run, steps):
            run.loss += _step(run, batch.to(device), task, params) * len(batch.labels)
            run.step += 1
            done = (run.epoch - 1) * steps + run.step
            if resume and params.checkpoint_every and done % params.checkpoint_every == 0:
                resume.save(run.state())
        predictions = predict(run.averaged.module, validation, task)
        # The last step of the epoch may be the one too far.
        _require_finite(torch.from_numpy(predictions), "validation score", run.epoch, params)
        metrics = task.validate(validation.label.numpy(), predictions)
        record: Metrics = {
            "epoch": run.epoch,
            "train_loss": run.loss / len(training),
            **{f"validation_{name}": value for name, value in metrics.items()},
        }
        yield record
        run.finish_epoch(record, task.quality(metrics), shuffle.get_state())
    model.load_state_dict(run.best_weights)


def _begin(
    model: DLRMRecommender, params: TrainParams, steps: int, shuffle: torch.Generator
) -> Run:
    averaged = AveragedModel(model, multi_avg_fn=_moving_average(params.average_epochs * steps))
    weights = list(model.parameters())
    momenta: list[Tensor] = []
    if params.embedding_optimizer == "rowwise_adagrad":
        embeddings = model.fuse_embeddings(params.embedding_learning_rate)
        fused = {id(weight) for weight in embeddings.parameters()}
        weights, momenta = [w for w in weights if id(w) not in fused], embeddings.momenta()
        # Averaging would touch every row in each step, which row-wise Adagrad is there to avoid.
        averaged.module.get_submodule("dlrm").sparse_arch = embeddings
    adam = torch.optim.Adam(
        weights, params.learning_rate, weight_decay=params.weight_decay, fused=True
    )
    return Run(model, averaged, adam, momenta, shuffle.get_state())


def _step(run: Run, batch: Batch, task: Task, params: TrainParams) -> float:
    """One step of the optimizer and of the average; returns the batch's mean loss."""
    loss = task.loss(run.model(batch.dense_features, batch.sparse_features), batch.labels)
    _require_finite(loss, "training loss", run.epoch, params)
    run.optimizer.zero_grad()
    loss.backward()
    run.optimizer.step()
    run.averaged.update_parameters(run.model)
    return loss.item()


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
            # The same storage where a weight is shared rather than averaged.
            if average.data_ptr() != weight.data_ptr():
                average.lerp_(weight, share)

    return update


def _progress(rows: Iterator[Batch], run: Run, steps: int) -> Iterator[Batch]:
    # `disable=None` shows the bar on a terminal only.
    name = f"epoch {run.epoch}"
    return iter(tqdm(rows, name, steps, False, initial=run.step, unit="step", disable=None))
