"""Lists of ten recommendations by several systems: how good they are, their time and memory.

MovieLens 1M, from MOVIELENS_MIRROR or GroupLens. The protocols are recipes. Every system learns
from the training part and ranks the whole catalogue for the people of the test part, without what
they rated before, which is their history. The seconds are those of fitting and of recommending to
all people, with one thread; for ours they include the stages features, train and retrieve. The
memory is the peak of a process of its own, or of the largest one.

`implicit` is in requirements/bench.lock. Its models are the item-kNN and the ALS here. `--tune`
judges the values of `GRIDS` on the validation part, and so `CHOSEN` was chosen.
"""

import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import click
import numpy as np
import pandas as pd
import scipy.sparse
from ruamel.yaml import YAML

from benchmarks.machine import describe_machine
from benchmarks.scale import ROOT, run_measured, run_stage
from recsys.common.params import read_yaml
from recsys.evaluation.params import RankingParams
from recsys.evaluation.ranking import judge_gaps, judge_lists, judge_people, list_popular
from recsys.pipeline.params import load_params
from recsys.pipeline.recipes import apply_changes, load_recipe
from recsys.retrieval.exposure import Exposure
from recsys.retrieval.fit import fit_exposure
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.params import RetrievalParams
from recsys.retrieval.people import People, read_people
from recsys.storage.dimensions import Dimensions

# For each protocol, its recipe. The likes of the random split are what params.yaml has.
PROTOCOLS = {
    "likes_random": "random",
    "likes_chronological": "likes_chronological",
    "leave_last": "leave_last",
}
TOP, PEOPLE_AT_ONCE = 10, 256
Values = dict[str, Any]
Matrix = scipy.sparse.csr_matrix
# From histories of B people to the scores of all movies, [B, M].
Score = Callable[[Any], np.ndarray]
GRIDS: dict[str, dict[str, list[Any]]] = {
    "item_knn": {"likes_only": [True, False], "neighbours": [20, 50, 100, 200, 500]},
    "als": {
        "likes_only": [True, False],
        "factors": [32, 64, 128],
        "regularization": [0.01, 10.0],
        "alpha": [1.0, 10.0],
    },
}
CHOSEN: dict[str, dict[str, Values]] = {
    "likes_random": {
        "item_knn": {"likes_only": False, "neighbours": 20},
        "als": {"likes_only": False, "factors": 32, "regularization": 10.0, "alpha": 1.0},
    },
    "likes_chronological": {
        "item_knn": {"likes_only": True, "neighbours": 500},
        "als": {"likes_only": True, "factors": 32, "regularization": 10.0, "alpha": 1.0},
    },
    "leave_last": {
        "item_knn": {"likes_only": False, "neighbours": 20},
        "als": {"likes_only": False, "factors": 128, "regularization": 10.0, "alpha": 1.0},
    },
}


class Task(NamedTuple):
    """What a system gets.

    Attributes:
        folder: of the run, with encoded, split, features, dlrm and params.yaml.
        training: the ratings of the training part.
        people: whom to recommend to, and what is relevant.
        liked: 1 for each movie that a person liked before, else 0, [B, M]
    """

    folder: Path
    training: pd.DataFrame
    people: People
    liked: Matrix

    @property
    def ratings(self) -> np.ndarray:
        """The number of training ratings of each movie, [M]."""
        return np.bincount(self.training["movie"], minlength=self.liked.shape[1])

    def matrix(self, likes_only: bool) -> Matrix:
        """1 for each movie that a user rated, or liked, in the training part, else 0, [U, M]."""
        rated = self.training[self.training["label"] == 1] if likes_only else self.training
        shape = (int(self.training["user"].max()) + 1, self.liked.shape[1])
        return scipy.sparse.csr_matrix(
            (np.ones(len(rated), np.float32), (rated["user"], rated["movie"])), shape
        )


def read_task(folder: Path, part: str) -> Task:
    """Read what a system gets, to be judged on a part.

    Args:
        part: "test"; or "validation", which leaves the test part out altogether.
    """
    dimensions = Dimensions.load(folder / "encoded", folder / "split/counts")
    ratings = pd.read_parquet(folder / "encoded/ratings.parquet")
    training, validation = (
        pd.read_parquet(folder / f"split/{name}.parquet") for name in ("train", "validation")
    )
    relevant = load_params(folder / "params.yaml")[RankingParams].relevant
    people = read_people(folder / "encoded/ratings.parquet", folder / "split", dimensions, relevant)
    before = pd.concat([training, validation])
    if part == "validation":
        before = training
        wanted = validation[(validation["label"] == 1) | (relevant == "all")]
        # On a chronological split, half of the people of the validation part are new.
        wanted = wanted[wanted["user"].isin(before["user"])]
        users = np.unique(wanted["user"])
        histories = group(before, people.histories.movies).select(users)
        relevances = _ones(wanted, (int(ratings["user"].max()) + 1, histories.movies))[users]
        people = People(users.astype(np.int64), histories, relevances, None, None)
    shape = (int(ratings["user"].max()) + 1, people.histories.movies)
    liked = _ones(before[before["label"] == 1], shape)[people.users]
    return Task(folder, training, people, liked)


def group(rows: pd.DataFrame, movies: int) -> UserHistories:
    """The histories of all users."""
    columns = (rows[name].to_numpy() for name in ("user", "movie", "rating_norm", "timestamp"))
    return UserHistories.group(int(rows["user"].max()) + 1, movies, *columns)


def _ones(rows: pd.DataFrame, shape: tuple[int, int]) -> Matrix:
    ones = np.ones(len(rows), np.float32)
    return scipy.sparse.csr_matrix((ones, (rows["user"], rows["movie"])), shape)


def recommend(score: Score, inputs: Matrix | UserHistories, task: Task) -> np.ndarray:
    """The movies with the highest scores, without the histories, [B, TOP].

    Args:
        inputs: what is scored from, of B people
    """
    pieces = []
    unknown = task.ratings == 0
    for start in range(0, len(task.people.users), PEOPLE_AT_ONCE):
        some = slice(start, start + PEOPLE_AT_ONCE)
        scores = score(inputs[some])
        scores[:, unknown] = -np.inf
        scores[task.people.histories[some].matrix().nonzero()] = -np.inf
        best = np.argpartition(-scores, TOP, axis=1)[:, :TOP]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        pieces.append(np.take_along_axis(best, order, axis=1))
    return np.concatenate(pieces)


def popular(task: Task) -> np.ndarray:
    return list_popular(task.ratings, task.people.histories.matrix(), TOP)


def item_knn(task: Task, likes_only: bool, neighbours: int) -> np.ndarray:
    """Cosine similarities to the nearest movies, summed over the history."""
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=neighbours, num_threads=1)
    model.fit(task.matrix(likes_only), show_progress=False)
    inputs = task.liked if likes_only else task.people.histories.matrix()
    return recommend(lambda own: (own @ model.similarity).toarray(), inputs, task)


def als(
    task: Task, likes_only: bool, factors: int, regularization: float, alpha: float
) -> np.ndarray:
    """Weighted matrix factorisation (Hu, Koren & Volinsky 2008)."""
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=factors,
        regularization=regularization,
        alpha=alpha,
        num_threads=1,
        random_state=1,
    )
    model.fit(task.matrix(likes_only), show_progress=False)

    def score(own: Matrix) -> np.ndarray:
        # The factors of people come from their whole history, as in every other system.
        return model.recalculate_user(np.arange(own.shape[0]), own) @ model.item_factors.T

    inputs = task.liked if likes_only else task.people.histories.matrix()
    return recommend(score, inputs, task)


def fit_ease(task: Task, **changes: Any) -> Exposure:
    """The weights of the recipe, without an encoder.

    Args:
        changes: of the section `retrieval`.
    """
    section = load_params(task.folder / "params.yaml")[RetrievalParams].model_copy(update=changes)
    origin = Dimensions.load(task.folder / "encoded", task.folder / "split/counts").origin
    return fit_exposure(group(task.training, task.people.histories.movies), section, origin)


def ease(task: Task) -> np.ndarray:
    exposure = fit_ease(task, trend_weight=0.0)
    return recommend(exposure.score, task.people.histories, task)


def ease_trend(task: Task) -> np.ndarray:
    return recommend(fit_ease(task).score, task.people.histories, task)


def ours(task: Task) -> np.ndarray:
    """Exposure and P(like) of the DLRM, as the stage rank has them."""
    import torch

    from recsys.serving.recommender import Recommender

    torch.set_num_threads(1)
    folders = (task.folder / name for name in ("dlrm", "features", "exposure"))
    people = task.people
    lists = Recommender.load(*folders).rank(people.users, people.histories, TOP, people.seconds)
    return lists.movies


SYSTEMS: dict[str, Callable[..., np.ndarray]] = {
    "popular": popular,
    "item_knn": item_knn,
    "als": als,
    "ease": ease,
    # Left out where the recipe has no trend.
    "ease_trend": ease_trend,
    "ours": ours,
}
# The stages that a system needs besides.
NEEDS = {"ours": ("features", "train", "retrieve")}


def judge(system: str, task: Task, values: Values) -> dict[str, Any]:
    """The metrics of a system's lists, and the seconds of making them."""
    start = time.perf_counter()
    lists = SYSTEMS[system](task, **values)
    seconds = time.perf_counter() - start
    people = judge_people(lists, task.people.relevant)
    found: dict[str, Any] = {name: float(values.mean()) for name, values in people.items()}
    found |= judge_lists(lists, task.ratings)
    row: dict[str, Any] = {name: round(value, 5) for name, value in found.items()}
    row["seconds"] = round(seconds, 2)
    if task.people.gaps is not None:
        row["gaps"] = judge_gaps(people, task.people.gaps)
    return row


def make_run(protocol: str, folder: Path) -> None:
    """Make the parts of a protocol."""
    params = apply_changes(
        cast("dict[str, Values]", read_yaml(ROOT / "params.yaml")), load_recipe(PROTOCOLS[protocol])
    )
    YAML(typ="safe").dump(params, folder / "params.yaml")
    for stage in ("source", "fetch", "encode", "split"):
        run_stage(stage, folder)


def measure(protocol: str, system: str, folder: Path) -> dict[str, Any]:
    """A row of the table.

    Args:
        folder: of the run.
    """
    values = CHOSEN[protocol].get(system, {})
    costs = [run_stage(stage, folder) for stage in NEEDS.get(system, ())]
    command = ["-m", "benchmarks.ranking", "--judge", system, json.dumps(values), str(folder)]
    costs.append(run_measured(command, ROOT, system))
    row = json.loads((folder / f"{system}.json").read_text())
    row["seconds"] = round(row["seconds"] + sum(cost["seconds"] for cost in costs[:-1]), 2)
    row["peak_mb"] = max(cost["peak_mb"] for cost in costs)
    return {"protocol": protocol, "system": system, "k": TOP, "params": values} | row


def tune(protocol: str, folder: Path) -> Iterator[dict[str, Any]]:
    """The metrics on the validation part of all values of `GRIDS`."""
    make_run(protocol, folder)
    task = read_task(folder, "validation")
    for system, grid in GRIDS.items():
        for choice in itertools.product(*grid.values()):
            values = dict(zip(grid, choice, strict=True))
            row = judge(system, task, values)
            yield {"protocol": protocol, "system": system, "params": values} | row


@click.command(help=__doc__)
@click.option("--protocol", type=click.Choice(list(PROTOCOLS)), multiple=True)
@click.option("--system", type=click.Choice(list(SYSTEMS)), multiple=True)
@click.option("--tune", "tuned", is_flag=True, help="Judge the values of GRIDS instead.")
@click.option("--judge", "judged", nargs=3, hidden=True)
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/ranking.json")
def main(
    protocol: tuple[str, ...],
    system: tuple[str, ...],
    tuned: bool,
    judged: tuple[str, str, str] | None,
    output: Path,
) -> None:
    # Here for the processes that this one starts, and before NumPy computes anything in them.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if judged:
        name, values, place = judged
        row = judge(name, read_task(Path(place), "test"), json.loads(values))
        (Path(place) / f"{name}.json").write_text(json.dumps(row))
        return
    for one in protocol or PROTOCOLS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            if tuned:
                for row in tune(one, folder):
                    click.echo(json.dumps(row))
                continue
            make_run(one, folder)
            trend = load_params(folder / "params.yaml")[RetrievalParams].trend_weight
            for name in system or SYSTEMS:
                if name == "ease_trend" and not trend:
                    continue
                row = measure(one, name, folder)
                click.echo(json.dumps(row))
                save(row, output)


def save(row: dict[str, Any], output: Path) -> None:
    """Write a row at once, for some take long. The others are kept, so systems can be added."""
    rows = json.loads(output.read_text())["rows"] if output.exists() else []
    key = row["protocol"], row["system"]
    places = {(old["protocol"], old["system"]): place for place, old in enumerate(rows)}
    if key in places:
        rows[places[key]] = row
    else:
        rows.append(row)
    content = {"machine": describe_machine(), "rows": rows}
    output.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
