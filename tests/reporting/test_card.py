"""The model card."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.common.params import read_yaml
from recsys.common.rating_scale import WHOLE_STARS
from recsys.evaluation.epochs import best_epoch
from recsys.reporting.pages.card import count_weights, make_card, name_code
from recsys.reporting.rendering.render import render_markdown
from recsys.reporting.runs.stages import check_files
from recsys.storage.vocabulary import Vocabulary
from tests.conftest import PARAMS
from tests.runs import Run
from tests.small import SmallProject


def test_a_card_is_of_the_files_that_the_lock_records(small: SmallProject) -> None:
    check_files(Path(), ("data", "metrics/test.json"))
    # A file that the card does not need may be missing.
    Path("data/file").unlink()
    Path("data").rmdir()
    check_files(Path(), ("metrics/test.json",))
    with pytest.raises(InputError, match=r"data is missing; run `dvc repro` or `dvc pull`"):
        check_files(Path(), ("data",))
    small.write("judge.py", "pass")
    with pytest.raises(InputError, match=r"judge\.py is not what dvc\.lock records; run `dvc rep"):
        check_files(small.folder, ())


def test_a_project_without_a_run_is_refused(tmp_path: Path, small: SmallProject) -> None:
    Path("dvc.lock").unlink()
    with pytest.raises(InputError, match=r"dvc\.lock is not there; run `dvc repro` first"):
        make_card(Path())
    with pytest.raises(InputError, match="no Git commit"):
        name_code(tmp_path)
    with pytest.raises(InputError, match=r"has no folder \.dvc; `git restore \.dvc`"):
        check_files(tmp_path, ())
    shutil.rmtree(".git")
    with pytest.raises(InputError, match=r"has no Git commit, .*`git init` and commit$"):
        check_files(Path(), ())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["0.8 / 0.1 / 0.1. Any rating", "above 3 stars.\n", "> F. Maxwell Harper"]),
        ({"fetch.dataset": "synthetic"}, ["(DLRM) on synthetic", "No licence binds them"]),
        ({"split.method": "leave_last"}, ["Split: leave_last. The model is tested on each"]),
        ({"split.min_history": 5}, ["Each user's first 5 ratings"]),
        ({"encode.drop_ratings": [3, 2.5]}, ["Left out: ratings of 3, 2.5 stars."]),
        ({"ranking.relevant": "all"}, ["that the person rated in the test part"]),
    ],
)
def test_a_card_describes_the_params(changes: dict[str, object], expected: list[str]) -> None:
    card = render_card(changes, {"epoch": 2, "validation_auc": 0.81234})
    for text in expected:
        assert text in card
    assert "8,000 train, 1,000 test.\n" in card
    assert "epoch 2, validation_auc 0.81234. The" in card
    rows = re.sub(" +", " ", card).splitlines()
    assert "| auc | 0.80000 | area |" in rows
    assert r"| men \| \<women> | 5,000 | 0.90000 | |" in rows
    assert "| ndcg | 0.30000 | 0.29000 | 0.31000 | 0.12000 | gain |" in rows
    assert '| a.b | ["c", "d"] |' in rows


def test_a_card_names_the_stars_if_the_model_expects_some() -> None:
    best = {"epoch": 2, "validation_auc": 0.8, "validation_rmse": 0.9}
    assert "above 3 stars, and the expected stars.\n" in render_card({}, best)


def render_card(changes: dict[str, object], best: dict[str, float]) -> str:
    params: dict = read_yaml(PARAMS)  # type: ignore[assignment]
    for key, value in changes.items():
        section, name = key.split(".")
        params[section][name] = value
    return render_markdown(
        "card.md",
        params=params,
        code="commit `abc`",
        weights=1234,
        users=10,
        movies=20,
        vocabulary=Vocabulary("", {"genres": ("Drama",)}, WHOLE_STARS, 3, (), {}),
        parts={"train": 8000, "test": 1000},
        epochs=3,
        best=best,
        metrics=[("auc", 0.8, "area"), ("best", None, "")],
        slice_columns=["slice", "rows", "auc", "low"],
        slices=[["men | <women>", 5000, 0.9, None]],
        ranking=[["ndcg", 0.3, 0.29, 0.31, 0.12, "gain"]],
        flat_params=[("a.b", '["c", "d"]')],
        outputs={"data": "123"},
    )


def test_the_best_epoch_is_the_one_that_training_kept() -> None:
    epochs = pd.DataFrame({"epoch": [1, 2, 3], "validation_auc": [0.7, 0.9, 0.9]})
    epochs["validation_log_loss"] = [0.3, 0.4, 0.5]
    assert best_epoch(epochs)["epoch"] == 2
    # The best stars are another epoch's.
    assert best_epoch(epochs.assign(validation_rmse=[0.9, 1.0, 0.8]))["epoch"] == 2
    # Labels of one class have no AUC.
    undefined = epochs.assign(validation_auc=float("nan"))
    assert best_epoch(undefined)["epoch"] == 1
    for other in (epochs[:0], epochs[["epoch"]]):
        with pytest.raises(InputError, match=r"history\.csv has no epochs with an AUC; run `dvc"):
            best_epoch(other)


def test_weights_are_counted_from_the_header(run: Run) -> None:
    # Embeddings of 61 + 1 users, 42 + 1 movies and 4 genres; 1-64-8 from gender; 14-128-64-4.
    expected = (62 + 43 + 4) * 8 + (2 * 64 + 65 * 8) + (15 * 128 + 129 * 64 + 65 * 4)
    assert count_weights(run.checkpoint) == expected
