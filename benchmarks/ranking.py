"""Lists of ten recommendations by several systems: how good they are, their time and memory.

MovieLens 1M, from MOVIELENS_MIRROR or GroupLens. The protocols are recipes. Every system learns
from the training part and ranks the whole catalogue for the people of the test part, without what
they rated before, which is their history. The seconds are those of a CPU, with one thread, for
fitting and for recommending to all people; for ours they include the stages features, train and
retrieve. The memory is the peak of a process of its own, or of the largest one.

`implicit` is in requirements/bench.lock. Its models are the item-kNN and the ALS here. `--tune`
judges the values of `GRIDS` on the validation part, or on the earlier cut of `TUNED_ON`, both of
which leave the test part out, and writes ranking_tuning.json. The best ones there are those of the
table. Ours has the values of the recipe.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import click
import numpy as np
import pandas as pd
import scipy.sparse
from ruamel.yaml import YAML

from benchmarks.machine import children_seconds, describe_machine, find_code
from benchmarks.scale import ROOT, run_measured, run_stage
from recsys.common.params import read_yaml
from recsys.data.params import SplitParams
from recsys.evaluation.params import RankingParams
from recsys.evaluation.ranking import judge_gaps, judge_lists, judge_people, list_popular
from recsys.pipeline.params import load_params
from recsys.pipeline.recipes import apply_changes, load_recipe
from recsys.retrieval.exposure import Exposure
from recsys.retrieval.fit import fit_exposure
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.params import RetrievalParams
from recsys.retrieval.people import People, read_people
from recsys.serving.ranking import find_best
from recsys.storage.dimensions import Dimensions
from recsys.storage.schemas import PARTS

# For each protocol, its recipe. The likes of the random split are what params.yaml has.
PROTOCOLS = {
    "likes_random": "random",
    "likes_chronological": "likes_chronological",
    "leave_last": "leave_last",
}
# The changes of a recipe under which its systems are tuned. Where the split is chronological, they
# make an earlier cut, and those of its test part are judged who had rated before, up to LAST. (The
# validation part of the recipe covers 27 days and mostly new users, its test part two years.)
TUNED_ON: dict[str, dict[str, Any]] = {
    "likes_random": {},
    "likes_chronological": {"split": {"train": 0.5, "validation": 0.1, "test": 0.4}},
    "leave_last": {},
}
# The share of the ratings, in the order of time, after which the test part of the recipe begins.
LAST = 0.9
TUNED = ROOT / "benchmarks/ranking_tuning.json"
TOP, PEOPLE_AT_ONCE = 10, 256
Values = dict[str, Any]
Matrix = scipy.sparse.csr_matrix
# From histories of B people to the scores of all movies, [B, M].
Score = Callable[[UserHistories], np.ndarray]
DAMPINGS = [30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5]
TRENDS = {
    "trend_weight": [0.25, 0.5, 0.75, 1.0, 1.5, 2.0],
    "trend_days": [3.0, 5.0, 10.0, 20.0, 40.0, 80.0],
}
# For each system, the values that are tried of each of its params.
GRIDS: dict[str, dict[str, list[Any]]] = {
    "item_knn": {"neighbours": [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000]},
    "als": {
        "alpha": [0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0],
        "regularization": [0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0],
        # Last, for many factors take long.
        "factors": [2, 4, 8, 16, 32, 64, 128, 256, 512],
    },
    "ease": {"damping": DAMPINGS},
    "ease_trend": {"damping": DAMPINGS, **TRENDS},
    "ours": {
        "damping": DAMPINGS,
        "like_weight": [0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0],
        **TRENDS,
    },
}


class Task(NamedTuple):
    """What a system gets.

    Attributes:
        folder: of the run, with encoded, split, features, dlrm and params.yaml.
        training: the ratings of the training part.
        people: whom to recommend to, and what is relevant.
        liked: what each of them liked before.
        start: the first second of the part that is judged.
    """

    folder: Path
    training: pd.DataFrame
    people: People
    liked: UserHistories
    start: int

    @property
    def ratings(self) -> np.ndarray:
        """The number of training ratings of each movie, [M]."""
        return np.bincount(self.training["movie"], minlength=self.liked.movies)

    def learnt(self, likes_only: bool) -> UserHistories:
        """What all users rated, or liked, in the training part."""
        rated = self.training[self.training["label"] == 1] if likes_only else self.training
        return group(rated, int(self.training["user"].max()) + 1, self.liked.movies)

    def inputs(self, likes_only: bool) -> UserHistories:
        """What the people rated, or liked, before."""
        return self.liked if likes_only else self.people.histories


def read_task(folder: Path, tuned: bool) -> Task:
    """Read what a system gets.

    Args:
        tuned: whether it is judged to tune it, which leaves the test part of the recipe out.
    """
    dimensions = Dimensions.load(folder / "encoded", folder / "split/counts")
    ratings = pd.read_parquet(folder / "encoded/ratings.parquet")
    training, validation, judged = (
        pd.read_parquet(folder / f"split/{name}.parquet") for name in PARTS
    )
    params = load_params(folder / "params.yaml")
    relevant, method = params[RankingParams].relevant, params[SplitParams].method
    people = read_people(folder / "encoded/ratings.parquet", folder / "split", dimensions, relevant)
    size = int(ratings["user"].max()) + 1, people.histories.movies
    before = pd.concat([training, validation])
    if tuned:
        if method == "chronological":
            judged = judged[judged["row"] < round(LAST * len(ratings))]
        else:
            before, judged = training, validation
        people = _find_people(before, judged, relevant, size)
        if method == "random":
            people = people._replace(seconds=None)
    liked = group(before[before["label"] == 1], *size).select(people.users)
    return Task(folder, training, people, liked, int(judged["timestamp"].min()))


def _find_people(
    before: pd.DataFrame, judged: pd.DataFrame, relevant: str, size: tuple[int, int]
) -> People:
    """Who rated before and has a relevant movie among those that are judged."""
    judged = judged[judged["user"].isin(before["user"])]
    wanted = judged[(judged["label"] == 1) | (relevant == "all")]
    users = np.unique(wanted["user"]).astype(np.int64)
    ones = np.ones(len(wanted), np.float32)
    relevances = scipy.sparse.csr_matrix((ones, (wanted["user"], wanted["movie"])), size)[users]
    seconds = judged.groupby("user")["timestamp"].min()[users].to_numpy()
    return People(users, group(before, *size).select(users), relevances, seconds, None)


def group(rows: pd.DataFrame, users: int, movies: int) -> UserHistories:
    """The histories of all users."""
    columns = (rows[name].to_numpy() for name in ("user", "movie", "rating_norm", "timestamp"))
    return UserHistories.group(users, movies, *columns)


def recommend(score: Score, inputs: UserHistories, task: Task) -> np.ndarray:
    """The movies with the highest scores, without the histories, [B, TOP].

    Args:
        inputs: what is scored from, of B people; the scores of popular movies stand for none.
    """
    pieces = []
    unknown = task.ratings == 0
    for start in range(0, len(task.people.users), PEOPLE_AT_ONCE):
        some = slice(start, start + PEOPLE_AT_ONCE)
        scores = score(inputs[some])
        scores[~scores.any(axis=1)] = task.ratings
        scores[:, unknown] = -np.inf
        scores[task.people.histories[some].matrix().nonzero()] = -np.inf
        pieces.append(find_best(scores, TOP))
    return np.concatenate(pieces)


def popular(task: Task) -> np.ndarray:
    return list_popular(task.ratings, task.people.histories.matrix(), TOP)


def item_knn(task: Task, likes_only: bool, neighbours: int) -> np.ndarray:
    """Cosine similarities to the nearest movies, summed over the history."""
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=neighbours, num_threads=1)
    model.fit(task.learnt(likes_only).matrix(), show_progress=False)
    return recommend(
        lambda own: (own.matrix() @ model.similarity).toarray(), task.inputs(likes_only), task
    )


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
    model.fit(task.learnt(likes_only).matrix(), show_progress=False)

    def score(own: UserHistories) -> np.ndarray:
        # The factors of people come from their whole history, as in every other system.
        people = model.recalculate_user(np.arange(len(own)), own.matrix())
        return people @ model.item_factors.T

    return recommend(score, task.inputs(likes_only), task)


def fit_ease(task: Task, likes_only: bool = False, **changes: Any) -> Exposure:
    """EASE with the values of the recipe, without an encoder.

    Args:
        changes: of the section `retrieval`.
    """
    section = load_params(task.folder / "params.yaml")[RetrievalParams].model_copy(update=changes)
    origin = Dimensions.load(task.folder / "encoded", task.folder / "split/counts").origin
    return fit_exposure(task.learnt(likes_only), section, origin)


def ease(task: Task, likes_only: bool, damping: float) -> np.ndarray:
    return ease_trend(task, likes_only, damping, trend_weight=0.0)


def ease_trend(task: Task, likes_only: bool, damping: float, **trend: float) -> np.ndarray:
    exposure = fit_ease(task, likes_only, damping=damping, **trend)
    return recommend(exposure.score, task.inputs(likes_only), task)


def ours(task: Task, **changes: float) -> np.ndarray:
    """Exposure and P(like) of the DLRM, as the stage rank has them.

    Args:
        changes: of the section `retrieval`; without any, the exposure is that of the stage.
    """
    return _rank(task, task.people.seconds, changes)


def ours_at_once(task: Task) -> np.ndarray:
    """All people ask at the start of the judged part, so that nothing later is known of anybody."""
    return _rank(task, np.full(len(task.people.users), task.start), {})


def _rank(task: Task, seconds: np.ndarray | None, changes: Values) -> np.ndarray:
    import torch

    from recsys.serving.recommender import Recommender

    torch.set_num_threads(1)
    folders = (task.folder / name for name in ("dlrm", "features", "exposure"))
    recommender = Recommender.load(*folders)
    if changes:
        recommender = Recommender(recommender.scorer, fit_ease(task, **changes))
    return recommender.rank(task.people.users, task.people.histories, TOP, seconds).movies


SYSTEMS: dict[str, Callable[..., np.ndarray]] = {
    "popular": popular,
    "item_knn": item_knn,
    "als": als,
    "ease": ease,
    # Left out where the recipe has no trend.
    "ease_trend": ease_trend,
    "ours": ours,
    # Left out where the split does not follow time.
    "ours_at_once": ours_at_once,
}
# The stages that a system needs besides.
OURS = ("features", "train", "retrieve")
NEEDS = {"ours": OURS, "ours_at_once": OURS}


def judge(system: str, task: Task, values: Values) -> dict[str, Any]:
    """The metrics of a system's lists, and the CPU seconds of making them."""
    start = time.process_time()
    lists = SYSTEMS[system](task, **values)
    seconds = time.process_time() - start
    people = judge_people(lists, task.people.relevant)
    found: dict[str, Any] = {name: float(values.mean()) for name, values in people.items()}
    found |= judge_lists(lists, task.ratings)
    row: dict[str, Any] = {name: round(value, 5) for name, value in found.items()}
    row["seconds"] = round(seconds, 2)
    if task.people.gaps is not None:
        row["gaps"] = judge_gaps(people, task.people.gaps)
    return row


def make_run(protocol: str, folder: Path, changes: Values) -> list[str]:
    """Make the parts of a protocol.

    Args:
        changes: of the recipe.

    Returns:
        the systems that the protocol has
    """
    params = apply_changes(
        cast("dict[str, Values]", read_yaml(ROOT / "params.yaml")), load_recipe(PROTOCOLS[protocol])
    )
    YAML(typ="safe").dump(apply_changes(params, changes), folder / "params.yaml")
    for stage in ("source", "fetch", "encode", "split"):
        run_stage(stage, folder)
    left_out = set() if params["retrieval"]["trend_weight"] else {"ease_trend"}
    # Where P(like) has no say, ours knows nothing but what it learnt, whenever it is asked.
    if protocol != "likes_chronological":
        left_out.add("ours_at_once")
    return [system for system in SYSTEMS if system not in left_out]


def measure(protocol: str, system: str, folder: Path) -> dict[str, Any]:
    """A row of the table.

    Args:
        folder: of the run.
    """
    values = {} if system in NEEDS else find_best_values(protocol, system)
    seconds, peak = run_stages(NEEDS.get(system, ()), folder)
    command = ["-m", "benchmarks.ranking", "--judge", system, json.dumps(values), str(folder)]
    judged = run_measured(command, ROOT, system)
    row = json.loads((folder / f"{system}.json").read_text())
    row["seconds"] = round(row["seconds"] + seconds, 2)
    row["peak_mb"] = max(peak, judged["peak_mb"])
    named = {"protocol": protocol, "system": system, "k": TOP, "params": values}
    return named | {"code": find_code()} | row


@cache
def run_stages(stages: tuple[str, ...], folder: Path) -> tuple[float, int]:
    """Run stages once, and return their CPU seconds and their peak memory in MB."""
    start = children_seconds()
    peaks = [run_stage(stage, folder)["peak_mb"] for stage in stages]
    return children_seconds() - start, max(peaks, default=0)


def find_best_values(protocol: str, system: str) -> Values:
    """The tuned values with the highest NDCG; none for a system without values."""
    rows = json.loads(TUNED.read_text())["rows"]
    tuned = [row for row in rows if (row["protocol"], row["system"]) == (protocol, system)]
    best: Values = max(tuned, key=lambda row: row["ndcg"])["params"] if tuned else {}
    return best


def tune(protocol: str, system: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Judge values of `GRIDS`.

    One param after the other takes the best of its values, until none changes. The first values
    are in the middle of the grid; for ours, they are those of the recipe. Learning from all ratings
    and, where likes are relevant, from likes alone are tuned apart.

    Args:
        folder: of the run.
    """
    task, grid = read_task(folder, tuned=True), GRIDS[system]
    params = load_params(folder / "params.yaml")
    starts = [
        {"likes_only": likes_only} | {name: grid[name][len(grid[name]) // 2] for name in grid}
        for likes_only in ((True, False) if params[RankingParams].relevant == "likes" else (False,))
    ]
    if system == "ours":
        section = params[RetrievalParams].model_dump()
        left_out = () if section["trend_weight"] else TRENDS
        grid = {name: grid[name] for name in grid if name not in left_out}
        starts = [{name: section[name] for name in grid}]
    for best in starts:
        found: dict[str, float] = {}
        before = None
        while best != before:
            before = dict(best)
            for name in grid:
                tried = [best | {name: value} for value in grid[name]]
                for values in tried:
                    if str(values) not in found:
                        row = judge(system, task, values)
                        found[str(values)] = row["ndcg"]
                        named = {"protocol": protocol, "system": system, "params": values}
                        yield named | {metric: row[metric] for metric in ("ndcg", "recall")}
                best |= max(tried, key=lambda values: found[str(values)])


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
        row = judge(name, read_task(Path(place), tuned=False), json.loads(values))
        (Path(place) / f"{name}.json").write_text(json.dumps(row))
        return
    for one in protocol or PROTOCOLS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            systems = make_run(one, folder, TUNED_ON[one] if tuned else {})
            for name in [name for name in systems if name in (system or SYSTEMS)]:
                if not tuned:
                    row = measure(one, name, folder)
                    click.echo(json.dumps(row))
                    save([row], output)
                # The encoder of leave_last takes ten minutes for each value.
                elif name in GRIDS and (one, name) != ("leave_last", "ours"):
                    run_stages(NEEDS.get(name, ()), folder)
                    save(list(tune(one, name, folder)), TUNED)


def save(new: list[dict[str, Any]], output: Path) -> None:
    """Write the rows of a system at once, for some take long. The others are kept."""
    content = {"machine": describe_machine(), "rows": new}
    if output.exists():
        key = new[0]["protocol"], new[0]["system"]
        old = json.loads(output.read_text())["rows"]
        content["rows"] = [row for row in old if (row["protocol"], row["system"]) != key] + new
        order = [(protocol, system) for protocol in PROTOCOLS for system in SYSTEMS]
        content["rows"].sort(key=lambda row: order.index((row["protocol"], row["system"])))
    # Many short rows read best with a line each.
    text = json.dumps(content, indent=2 if output != TUNED else None)
    output.write_text(text.replace('}, {"protocol"', '},\n{"protocol"') + "\n")


if __name__ == "__main__":
    main()
