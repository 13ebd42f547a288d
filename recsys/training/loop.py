"""Training and scoring."""

import logging
import math
from collections.abc import Iterator
from threading import RLock

import torch
from torch import Tensor, nn
from torchrec.datasets.utils import Batch
from tqdm import tqdm

from recsys.common.errors import InputError
from recsys.dataloader.dataset import MovieLensDataset, batches
from recsys.models.dlrm import DLRMRecommender
from recsys.models.embeddings import momenta
from recsys.tasks.metrics import Metrics
from recsys.tasks.predict import predict
from recsys.tasks.task import Task
from recsys.training.ema import Average
from recsys.training.params import TrainParams
from recsys.training.process_group import ALONE, World
from recsys.training.resume import ResumeFile, Run, SharedResume

log = logging.getLogger(__name__)


def train(
    model: nn.Module,
    training: MovieLensDataset,
    validation: MovieLensDataset,
    task: Task,
    params: TrainParams,
    save_every: int = 0,
    resume: ResumeFile | SharedResume | None = None,
    world: World = ALONE,
) -> Iterator[Metrics]:
    """Train, yielding a record an epoch; afterwards the model is that of the best epoch.

    What is validated and kept is an exponential moving average of the weights, which forgives the
    embeddings their last noisy steps (Polyak & Juditsky 1992; Izmailov et al. 2018, "Averaging
    Weights Leads to Wider Optima and Better Generalization"). The shuffle follows `params.seed`;
    dropout and the first weights draw from torch's global generator, which the caller seeds.

    Args:
        model: a `DLRMRecommender`, or what `sharding.shard` made of one for the world.
        training, validation: this process's share of the rows; records are of all rows.
        save_every: steps after which the state is saved; 0 for never.
        resume: where the state is saved. If it has one, training goes on from there and ends with
            the same bits.
        world: the processes that train together, each calling this.

    Yields:
        epoch (from 1), train_loss (mean over the rows, dropout on) and the task's validation
        metrics; those of before a resumption first.

    Raises:
        InputError: the loss or a validation score is not finite.
    """
    # Else tqdm makes a lock between processes, which a process that is killed leaves behind.
    tqdm.set_lock(RLock())
    device = torch.device(params.device)
    model.to(device)
    steps = math.ceil(training.rows / params.batch_size)
    shuffle = torch.Generator().manual_seed(params.seed)
    run = _begin(model, params, steps, shuffle.get_state())
    targets = world.interleave(validation.label.numpy(), validation.rows)
    if resume and (state := resume.load()):
        run.restore(state)
        log.info("going on after step %d of epoch %d", run.step, run.epoch)
        yield from run.history

    while run.epoch <= params.epochs and run.epoch - run.best_epoch <= params.patience:
        model.train()
        shuffle.set_state(run.shuffle)
        rows = batches(training, params.batch_size, shuffle, skip=run.step)
        for batch in _progress(rows, run, steps, world):
            # Ranks have different shares of a batch, and their gradients are averaged.
            size = min(params.batch_size, training.rows - run.step * params.batch_size)
            weight = len(batch.labels) * world.size / size
            run.loss += _step(run, batch.to(device), weight, task, params) * len(batch.labels)
            run.step += 1
            done = (run.epoch - 1) * steps + run.step
            if resume and save_every and done % save_every == 0:
                resume.save(run.state())
        with run.average.in_place():
            predictions = world.interleave(predict(model, validation, task), validation.rows)
        # The last step of the epoch may be the one too far.
        _require_finite(torch.from_numpy(predictions), "validation score", run.epoch, params)
        metrics = task.validate(targets, predictions)
        record: Metrics = {
            "epoch": run.epoch,
            "train_loss": world.total(run.loss) / training.rows,
            **{f"validation_{name}": value for name, value in metrics.items()},
        }
        yield record
        run.finish_epoch(record, task.quality(metrics), shuffle.get_state())
    run.take_best()


def _begin(model: nn.Module, params: TrainParams, steps: int, shuffle: Tensor) -> Run:
    if params.embedding_optimizer == "rowwise_adagrad" and isinstance(model, DLRMRecommender):
        model.fuse_embeddings(params.embedding_learning_rate)
    # Those of fused tables are none of Adam's, and an average would touch every row in each step.
    weights = [w for w in model.parameters() if not hasattr(w, "_in_backward_optimizers")]
    adam = torch.optim.Adam(
        weights, params.learning_rate, weight_decay=params.weight_decay, fused=True
    )
    average = Average(weights, params.average_epochs * steps)
    return Run(model, average, adam, momenta(model), shuffle)


def _step(run: Run, batch: Batch, weight: float, task: Task, params: TrainParams) -> float:
    """One step of the optimizer and of the average; returns the batch's mean loss.

    Args:
        weight: of the loss, for the gradient.
    """
    logits = run.model(batch.dense_features, batch.sparse_features)
    # No rows have no mean; their nothing still has to meet the other ranks' gradients.
    loss = task.loss(logits, batch.labels) if len(batch.labels) else logits.sum()
    _require_finite(loss, "training loss", run.epoch, params)
    run.optimizer.zero_grad()
    (loss * weight).backward()
    run.optimizer.step()
    run.average.update()
    return loss.item()


def _require_finite(values: Tensor, name: str, epoch: int, params: TrainParams) -> None:
    if not torch.isfinite(values).all():
        raise InputError(
            f"a {name} of epoch {epoch} is not a finite number; lower train.learning_rate (now "
            f"{params.learning_rate:g})"
        )


def _progress(rows: Iterator[Batch], run: Run, steps: int, world: World) -> Iterator[Batch]:
    # `None` shows the bar on a terminal only.
    hidden = True if world.rank else None
    name = f"epoch {run.epoch}"
    return iter(tqdm(rows, name, steps, False, initial=run.step, unit="step", disable=hidden))
