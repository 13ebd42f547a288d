"""Adding a column of users or movies as a feature takes one registry entry and a line of params."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.serving.artifact.export import export
from recsys.serving.artifact.scorer import Scorer
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.storage.registry import REGISTRY, Feature
from tests.params import set_params
from tests.runs import find_rows
from tests.stages import run_all

NEW = (
    # A sparse feature of the movies, and a dense feature of the users.
    Feature("decade", "sparse", "movies", "decade_code", source="year"),
    Feature("years", "dense", "users", "years", source="age", missing=30.0),
)


@pytest.mark.usefixtures("mirror", "project")
def test_a_new_feature_works_from_the_archive_to_the_artifact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for feature in NEW:
        monkeypatch.setitem(REGISTRY, feature.name, feature)
    sparse, dense = ["userid", "movieid", "genres", "decade"], ["gender", "years"]
    set_params(**{"features.sparse": sparse, "features.dense": dense})
    run_all()
    model = CheckpointModel(Path("models/dlrm"))
    years = model.dimensions.tables["movies"]["year"].to_pandas()
    assert model.description.embedding_rows["decade"] == years.nunique()
    assert model.description.dense_features == ("gender", "years")

    predictions = pd.read_parquet("data/predictions.parquet")
    ids = predictions["raw_userid"].tolist(), predictions["raw_movieid"].tolist()
    users, movies = find_rows(model, "users", ids[0]), find_rows(model, "movies", ids[1])
    answers = model.score(users, movies)
    np.testing.assert_allclose(answers.likes, predictions["score"], atol=1e-6)
    unknown = model.score(users[:1] * 0 + len(model.dimensions.ids["users"]), movies[:1])
    assert np.isfinite(unknown).all()

    export(model, "fp32", Path("models/serving"))
    served = Scorer(Path("models/serving")).score(*ids)
    np.testing.assert_allclose(served, answers, atol=4e-6)
