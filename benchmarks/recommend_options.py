"""What the options of `recsys recommend` do to the lists, and how fast `--all` is.

The people, their histories and the relevant movies are as in the stage rank: the test part of the
run in data/ and models/. Where only some movies may be recommended, ndcg_among counts only those as
relevant, for the people who have one. genre_overlap is the mean Jaccard index of the genres of two
movies of a list. The rate is of `recsys recommend --all` on one core, after the model is loaded.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks.machine import describe_machine
from benchmarks.scale import ROOT
from recsys.evaluation.ranking import catalogue_metrics, per_user_metrics
from recsys.retrieval.people import People, list_users, read_people
from recsys.serving.recommend.filter import find_allowed, list_genres
from recsys.serving.recommend.options import DEFAULT_OPTIONS, RecommendOptions
from recsys.serving.recommend.recommend_all import recommend_to_all
from recsys.serving.recommend.recommender import Recommender

TOP = 10
OPTIONS = (
    DEFAULT_OPTIONS,
    *(
        RecommendOptions(popularity=weight)
        for weight in (-0.1, -0.2, -0.3, -0.5, -0.7, 0.2, 0.5, 1.0)
    ),
    *(RecommendOptions(diversity=share) for share in (0.3, 0.5, 0.7, 0.9, 1.0)),
    *(
        RecommendOptions(genres=names)
        for names in (("Drama",), ("Comedy",), ("Film-Noir", "Western"))
    ),
    *(RecommendOptions(years=years) for years in ((1990, 1999), (None, 1969))),
)
Row = dict[str, Any]


def measure(recommender: Recommender, people: People, options: RecommendOptions) -> Row:
    """What the lists of the people of the test part are like with some options."""
    dimensions = recommender.dimensions
    lists = recommender.rank(
        people.users, people.histories, TOP, people.seconds, options=options
    ).movies
    judged = per_user_metrics(lists, people.relevant)
    among = people.relevant.multiply(find_allowed(dimensions, options)).tocsr()
    among.eliminate_zeros()
    some = np.diff(among.indptr) > 0
    whole = catalogue_metrics(lists, dimensions.training_ratings["movies"])
    found = {
        "ndcg": judged["ndcg"].mean(),
        "recall": judged["recall"].mean(),
        "ndcg_among": per_user_metrics(lists[some], among[some])["ndcg"].mean(),
        **{name: whole[name] for name in ("coverage", "popularity", "overlap")},
        "genre_overlap": compare_genres(lists, mark_genres(recommender)),
    }
    metrics = {name: round(float(value), 4) for name, value in found.items()}
    return {"options": options._asdict(), **metrics}


def mark_genres(recommender: Recommender) -> np.ndarray:
    """Whether each movie has each genre, [M, genres]"""
    known = list_genres(recommender.dimensions)
    return np.array([[g in own for g in known] for own in recommender.catalogue["genres"]])


def compare_genres(lists: np.ndarray, genres: np.ndarray) -> float:
    """The mean Jaccard index of the genres of two movies of the same list."""
    found = []
    for movies in lists:
        own = genres[movies[movies >= 0]].astype(float)
        both = own @ own.T
        either = own.sum(1)[:, None] + own.sum(1) - both
        pairs = np.triu_indices(len(own), 1)
        found.append(both[pairs] / np.maximum(either[pairs], 1))
    return float(np.concatenate(found).mean())


def measure_rate(recommender: Recommender, ratings: Path) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        rows = recommend_to_all(recommender, ratings, Path(folder) / "all.parquet", TOP)
        seconds = time.perf_counter() - start
    users = len(recommender.dimensions.ids["users"])
    return {"rows": rows, "seconds": round(seconds, 2), "users_a_second": round(users / seconds)}


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/recommend_options.json"
)
def main(output: Path) -> None:
    """Measure each option on the run in data/ and models/, and write the results to OUTPUT."""
    torch.set_num_threads(1)
    data, models = ROOT / "data", ROOT / "models"
    recommender = Recommender.load(models / "dlrm", data / "features", models / "retrieval")
    dimensions = recommender.dimensions
    ratings = data / "encoded/ratings"
    source = ratings, data / "split/test.parquet", dimensions, "likes"
    people = read_people(*source, list_users(*source))
    rows = []
    for options in OPTIONS:
        rows.append(measure(recommender, people, options))
        click.echo(json.dumps(rows[-1]))
    rate = measure_rate(recommender, ratings)
    result = {"machine": describe_machine(), "top": TOP, "options": rows, "all": rate}
    output.write_text(json.dumps(result, indent=2) + "\n")
    click.echo(f"all users: {rate['users_a_second']:,} users a second")


if __name__ == "__main__":
    main()
