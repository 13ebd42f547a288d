"""AUC for people whom training never saw, by the number of ratings that they give.

500 users of MovieLens 1M with at least 40 ratings are drawn. Each model is trained twice: without
any of their ratings, and with the first 20 of each. The other users' ratings are split by time, the
last tenth for validation. Then each of the 500 gives their first 0, 1, 5 or 20 ratings, and the
model scores all ratings after the 20th at their times. The AUC is over all these ratings. A model
with the system's own features takes no ratings, so it always scores an unknown user.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from ruamel.yaml import YAML

from benchmarks.machine import describe_machine
from benchmarks.scale import ROOT, run_stage
from recsys.data.params import SplitParams
from recsys.data.split_files import Partitions, write_split
from recsys.data.splitting import count_neighbours
from recsys.engine.engine import choose_engine
from recsys.features.online import LabelledRatings
from recsys.pipeline.params import load_params
from recsys.pipeline.recipes import apply_changes, load_recipe
from recsys.scoring.auc import auc
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.storage import schemas
from recsys.storage.parquet import read_metadata, read_parquet, write_parquet

PEOPLE, FEWEST, FIRST = 500, 40, 20
GIVEN = (0, 1, 5, FIRST)
# By the features of the model, the recipe and what to change in it.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "all": ("chronological", {}),
    "own": ("random", {"split": {"method": "chronological"}}),
}


def write_params(features: str, folder: Path) -> None:
    recipe, changes = MODELS[features]
    yaml = YAML(typ="safe")
    params = yaml.load(ROOT / "params.yaml")
    yaml.dump(
        apply_changes(apply_changes(params, load_recipe(recipe)), changes), folder / "params.yaml"
    )


def draw_people(users: np.ndarray) -> np.ndarray:
    """The rows of the users table of the people who are held out, ascending, [PEOPLE]."""
    many = np.flatnonzero(np.bincount(users) >= FEWEST)
    return np.sort(np.random.default_rng(1).choice(many, PEOPLE, replace=False))


def split(folder: Path, people: np.ndarray, with_people: bool) -> None:
    """Write the parts; without the people, also ratings that have none of theirs."""
    path = folder / "encoded/ratings/00000.parquet"
    ratings = read_parquet(path, schemas.RATINGS).to_pandas()
    if not with_people:
        ratings = ratings[~ratings["user"].isin(people)].reset_index(drop=True)
        write_parquet(ratings, path, schemas.RATINGS, read_metadata(path))
    held = ratings["user"].isin(people).to_numpy()
    # The others in the order of time.
    others = np.flatnonzero(~held)
    others = others[np.argsort(ratings["timestamp"].to_numpy()[others], kind="stable")]
    assignment = np.zeros(len(ratings), np.int8)
    assignment[others[int(0.9 * len(others)) :]] = 1
    # A part may not be empty. Nothing is read from the test part.
    assignment[others[-1]] = 2
    before, _ = count_neighbours(ratings["user"].to_numpy())
    assignment[held & (before >= FIRST)] = 2
    section = load_params(folder / "params.yaml")[SplitParams]
    parts = folder / "split"
    parts.mkdir()
    engine = choose_engine(folder / "spilled")
    partitions = Partitions.open(folder / "encoded")
    write_split(partitions, parts, lambda _: assignment, section.follows_time, engine)


def score(
    scorer: CheckpointModel, ratings: pd.DataFrame, given: int, known: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The labels and scores of each person's ratings after the first 20.

    Args:
        ratings: of all people, in the order of time.
        given: how many of the first ratings the person gives.
        known: whether the person is a user of the model, or new to it.
    """
    labels, scores = [], []
    for user, own in ratings.groupby("user"):
        row = int(user) if known else len(scorer.dimensions.ids["users"])
        first, rest = own[:given], own[FIRST:]
        rated: LabelledRatings | None = None
        if scorer.online:
            columns = (first[name].to_numpy() for name in ("movie", "rating", "timestamp"))
            movie, stars, seconds = columns
            rated = scorer.online.label_new_ratings(
                np.full(given, row), movie, stars.astype(float), seconds
            )
        movies, seconds = (
            torch.tensor(rest[name].to_numpy()).long() for name in ("movie", "timestamp")
        )
        answers = scorer.score(torch.full_like(movies, row), movies, seconds, rated)
        scores.append(answers.likes)
        labels.append(rest["label"].to_numpy())
    return np.concatenate(labels), np.concatenate(scores)


def measure(features: str, with_people: bool) -> list[dict[str, Any]]:
    """Train a model, and return a row for each number of given ratings."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_params(features, folder)
        for stage in ("source", "fetch", "encode"):
            run_stage(stage, folder)
        ratings = pd.read_parquet(folder / "encoded/ratings")
        people = draw_people(ratings["user"].to_numpy())
        split(folder, people, with_people)
        for stage in ("features", "train"):
            run_stage(stage, folder)
        scorer = CheckpointModel(folder / "dlrm", folder / "features")
        theirs = ratings[ratings["user"].isin(people)]
        return [
            {
                "features": features,
                "people_in_training": with_people,
                "given": given,
                "rows": int((theirs.groupby("user").cumcount() >= FIRST).sum()),
                "auc": round(float(auc(*score(scorer, theirs, given, with_people)) or 0), 4),
            }
            for given in (GIVEN if scorer.online else (FIRST,))
        ]


@click.command(help=__doc__)
@click.option(
    "--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/newcomers.json"
)
def main(output: Path) -> None:
    torch.set_num_threads(1)
    rows = [
        row
        for features in MODELS
        for with_people in (False, True)
        for row in measure(features, with_people)
    ]
    content = {"machine": describe_machine(), "rows": rows}
    output.write_text(json.dumps(content, indent=2) + "\n")
    click.echo(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
