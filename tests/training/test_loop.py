import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchrec.models.dlrm import DLRM

from recsys.common.errors import InputError
from recsys.dataloader.batch import Batch
from recsys.dataloader.dataset import MovieLensDataset, batches
from recsys.models.answers import read_answers
from recsys.models.description import Heads
from recsys.models.dlrm import DLRMRecommender
from recsys.scoring import validation
from recsys.scoring.metrics import Metrics
from recsys.scoring.predict import predict
from recsys.storage.parts import part_path
from recsys.storage.resume import ResumeFile
from recsys.training import loop
from recsys.training.ema import ExponentialMovingAverage
from recsys.training.fit import set_up_torch
from recsys.training.loop import train
from recsys.training.params import TrainParams
from recsys.training.resume import ROOMS
from tests.prepared import load_dimensions, prepare
from tests.toy import make_toy
from tests.training.small import LABEL, MODEL_PARAMS, STARS, make_model, make_train_params

Parts = dict[str, MovieLensDataset]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy's files as the stages before training write them."""
    folder = tmp_path_factory.mktemp("toy")
    prepare(make_toy(users=80, movies=60, ratings=3000), folder)
    return folder


NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=NO_GPU)])
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each device in turn, with torch set up as the stage train does."""
    set_up_torch(make_params())
    yield request.param
    torch.use_deterministic_algorithms(False)


def make_parts(folder: Path, heads: Heads = LABEL) -> Parts:
    dimensions, cuts = load_dimensions(folder), heads.thresholds
    return {
        name: MovieLensDataset(part_path(folder / "split", name), dimensions, thresholds=cuts)
        for name in ("train", "validation", "test")
    }


def make_params(**changes: object) -> TrainParams:
    quick = {"learning_rate": 1e-2, "batch_size": 128, "average_epochs": 0.5, "epochs": 8}
    return make_train_params(quick | changes)


def fit(
    folder: Path, heads: Heads = STARS, **changes: object
) -> tuple[DLRMRecommender, Parts, list[Metrics]]:
    parts = make_parts(folder, heads)
    model = make_model(heads=heads)
    params = make_params(**changes)
    history = list(train(model, parts["train"], parts["validation"], heads, params))
    return model, parts, history


def validate(model: DLRMRecommender, part: MovieLensDataset, heads: Heads = STARS) -> Metrics:
    return validation.validate(part.labels, predict(model, part), heads)


@pytest.mark.parametrize("optimizer", ["adam", "rowwise_adagrad"])
def test_the_label_alone_finds_the_planted_taste(folder: Path, device: str, optimizer: str) -> None:
    model, parts, history = fit(folder, LABEL, embedding_optimizer=optimizer, device=device)
    # The planted taste allows an AUC of about 0.96.
    assert validate(model, parts["test"], LABEL)["auc"] > 0.85
    assert list(history[0]) == ["epoch", "train_loss", "validation_auc", "validation_log_loss"]
    assert [record["epoch"] for record in history] == list(range(1, len(history) + 1))
    assert history[0]["train_loss"] == pytest.approx(math.log(2), abs=0.15)
    assert history[-1]["train_loss"] < history[0]["train_loss"] - 0.1


def test_all_thresholds_find_the_planted_taste_and_stars(folder: Path, device: str) -> None:
    model, parts, history = fit(folder, device=device)
    test = parts["test"]
    answers = read_answers(predict(model, test), STARS)
    assert answers.stars is not None
    assert 1 <= answers.stars.min() <= answers.stars.max() <= 5
    found = validate(model, test)
    assert found["auc"] > 0.85
    assert found["rmse"] < 0.8 * float(test.labels.sum(1).float().std())
    names = ("auc", "log_loss", "rmse", "mae")
    assert list(history[0]) == ["epoch", "train_loss", *(f"validation_{name}" for name in names)]


def test_the_best_epoch_is_kept(folder: Path) -> None:
    model, parts, history = fit(folder, epochs=30, patience=3)
    scores = [record["validation_auc"] for record in history]
    assert validate(model, parts["validation"])["auc"] == max(scores)
    assert len(history) == scores.index(max(scores)) + 1 + 3


@pytest.mark.parametrize("optimizer", ["adam", "rowwise_adagrad"])
def test_runs_with_the_same_seed_are_equal(folder: Path, device: str, optimizer: str) -> None:
    models, histories = [], []
    for seed in (1, 1, 2):
        model, _, history = fit(
            folder, seed=seed, epochs=2, embedding_optimizer=optimizer, device=device
        )
        models.append(model.state_dict())
        histories.append(history)
    assert histories[0] == histories[1] != histories[2]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_the_losses_equal_those_of_torchrecs_dlrm_and_plain_adam(folder: Path) -> None:
    """Train our model in our loop, and TorchRec's own DLRM in a plain loop, for five epochs."""
    parts = make_parts(folder)
    architecture = replace(MODEL_PARAMS.architecture(), dropout=0.0)
    ours = make_model(architecture=architecture)
    theirs = DLRM(
        copy.deepcopy(ours.tables),
        dense_in_features=1,
        dense_arch_layer_sizes=[*architecture.bottom_layers, architecture.embedding_dimension],
        over_arch_layer_sizes=[*architecture.top_layers, 1],
    )
    for weight, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(weight)
    # At a higher learning rate, differences of rounding grow tenfold in each epoch.
    params = make_params(
        learning_rate=3e-3, epochs=5, patience=5, average_epochs=0, weight_decay=1e-4
    )
    history = list(train(ours, parts["train"], parts["validation"], LABEL, params))

    adam = torch.optim.Adam(theirs.parameters(), params.learning_rate, weight_decay=1e-4)
    shuffle = torch.Generator().manual_seed(params.seed)
    for record in history:
        total = 0.0
        for batch in batches(parts["train"], params.batch_size, shuffle):
            dense, sparse, labels, _ = batch.expand()
            loss = torch.nn.BCEWithLogitsLoss()(theirs(dense, sparse), labels)
            adam.zero_grad()
            loss.backward()
            adam.step()
            total += loss.item() * len(labels)
        assert record["train_loss"] == pytest.approx(total / len(parts["train"]), rel=1e-3)


def test_the_moving_average_is_exponential_and_unbiased_from_the_start() -> None:
    """Three steps with the weights 1, 2 and 4 and a decay of exp(-1/2), computed by hand."""
    weight, decay = torch.zeros(()), math.exp(-1 / 2)
    average = ExponentialMovingAverage([weight], 2)
    for value in (1, 2, 4):
        weight.fill_(value)
        average.update()
    expected = (decay**2 * 1 + decay * 2 + 4) / (decay**2 + decay + 1)
    assert average.values[0].item() == pytest.approx(expected)
    with average.applied():
        assert (weight.item(), average.values[0].item()) == (pytest.approx(expected), 4)
    assert weight.item() == 4
    last = ExponentialMovingAverage([weight], 0)
    weight.fill_(7)
    last.update()
    assert last.values[0].item() == 7


class Killed(BaseException):
    pass


@pytest.mark.parametrize("optimizer", ["adam", "rowwise_adagrad"])
@pytest.mark.parametrize(("save_every", "steps"), [(4, 3), (4, 10), (4, 19), (1, 20), (30, 47)])
def test_a_killed_run_resumes_and_ends_with_the_same_bits(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    save_every: int,
    steps: int,
    optimizer: str,
    device: str,
) -> None:
    """Kill the run in the middle of an epoch of 19 steps, at its end, or later; twice."""
    parts = make_parts(folder, STARS)
    params = make_params(epochs=4, embedding_optimizer=optimizer, device=device)
    section = MODEL_PARAMS.model_copy(update={"dropout": 0.3})

    def run(resume: ResumeFile | None) -> tuple[dict[str, torch.Tensor], list[Metrics]]:
        model = make_model(architecture=section.architecture(), heads=STARS)
        both = parts["train"], parts["validation"]
        history = list(train(model, *both, STARS, params, save_every, resume))
        return model.state_dict(), history

    def batches_until_killed(*args: object, **options: object) -> Iterator[Batch]:
        for batch in batches(*args, **options):
            steps_left["count"] -= 1
            if steps_left["count"] < 0 and args[0] is parts["train"]:
                raise Killed
            yield batch

    expected = run(None)
    resume = ResumeFile(
        tmp_path / "state", [params, section], [folder / "split/train/00000.parquet"], ROOMS
    )
    with monkeypatch.context() as patch:
        patch.setattr(loop, "batches", batches_until_killed)
        for count in (steps, 10):
            steps_left = {"count": count}
            with pytest.raises(Killed):
                run(resume)
            assert (resume.load() is not None) == (steps >= save_every or count != steps)
    weights, history = run(resume)
    assert history == expected[1]
    assert all(torch.equal(weights[name], expected[0][name]) for name in weights)


def test_a_run_does_not_resume_from_the_state_of_another_run(folder: Path, tmp_path: Path) -> None:
    data = [folder / "split/train/00000.parquet"]
    first = ResumeFile(tmp_path / "state", [make_params()], data, ROOMS)
    first.save({"position": {}})
    assert first.load() is not None
    assert ResumeFile(tmp_path / "state", [make_params(seed=9)], data, ROOMS).load() is None
    other = [folder / "split/test.parquet"]
    assert ResumeFile(tmp_path / "state", [make_params()], other, ROOMS).load() is None
    (tmp_path / "state").write_bytes(b"half")
    assert first.load() is None


@pytest.mark.parametrize("heads", [LABEL, STARS])
@pytest.mark.parametrize("batch_size", [128, 10_000])
def test_divergence_raises_an_error_that_names_the_remedy(
    folder: Path, heads: Heads, batch_size: int
) -> None:
    message = r"of epoch 1 is not a finite number; lower train.learning_rate \(now 1e\+20\)"
    with pytest.raises(InputError, match=message):
        fit(folder, heads, learning_rate=1e20, batch_size=batch_size, epochs=1)


def test_labels_of_one_class_are_judged_by_the_loss(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = make_parts(folder)
    for part in parts.values():
        part.labels.fill_(1)
    model = make_model()
    history = list(train(model, parts["train"], parts["validation"], LABEL, make_params(epochs=3)))
    assert [record["validation_auc"] for record in history] == [None] * 3
    assert validate(model, parts["validation"], LABEL)["log_loss"] == min(
        record["validation_log_loss"] for record in history
    )
    assert "AUC is not defined" in caplog.text


def test_the_batch_size_has_no_effect_on_predictions(folder: Path) -> None:
    part = make_parts(folder)["test"]
    model = make_model(heads=STARS)
    whole = predict(model, part)
    assert whole.shape == (len(part), 4)
    np.testing.assert_allclose(predict(model, part, batch_size=7), whole, rtol=1e-5, atol=1e-7)
