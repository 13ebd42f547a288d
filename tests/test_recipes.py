"""Each recipe runs on small data; params refuse a key that does not exist."""

import json
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from recsys.pipeline.recipes import as_options, load_recipe
from tests.imports import ROOT
from tests.params import QUICK, set_params
from tests.stages import run_all

RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.usefixtures("mirror", "project")
def test_a_recipe_runs_from_the_archive_to_metrics(name: str) -> None:
    changes = load_recipe(name)
    set_params(**{f"{s}.{key}": v for s, values in changes.items() for key, v in values.items()})
    set_params(**QUICK)
    run_all()
    metrics = json.loads(Path("metrics/test.json").read_text())
    assert Path("metrics/plots/roc.csv").exists()
    assert metrics["auc"] > 0
    assert 0 < metrics["mae"] <= metrics["rmse"] < 2
    predictions = pd.read_parquet("data/predictions.parquet")
    assert predictions["stars"].between(1, 5).all()
    assert predictions["score"].between(0, 1).all()


def test_options_suit_dvc_exp_run() -> None:
    changes = {"split": {"min_history": 5}, "features": {"sparse": ["movieid", "genres"]}}
    options = "-S split.min_history=5 -S features.sparse=[movieid,genres]"
    assert as_options(changes) == options
    assert YAML(typ="safe").load("[movieid,genres]") == ["movieid", "genres"]
