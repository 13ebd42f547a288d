"""The recommendations of three people of the test part, with what they liked and why."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from recsys.reporting.rendering.blocks import Table
from recsys.retrieval.model import RetrievalModel
from recsys.retrieval.people import read_people
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import read_lineage, require_same_run
from recsys.storage.parquet import read_column, read_metadata, read_parquet

ENCODED, SPLIT, RETRIEVAL = Path("data/encoded"), Path("data/split"), Path("models/retrieval")
RECOMMENDATIONS = Path("data/recommendations.parquet")
# The quantiles of the number of training ratings at which the three people are.
PLACES = {"few": 0.1, "some": 0.5, "many": 0.9}
# How many of the movies that a person liked are shown, and how many reasons for a recommendation.
LIKED, REASONS = 5, 2
HEADER = ["recommended", "because of", "test part"]
Ints = npt.NDArray[np.integer]


def tabulate_examples() -> list[Table]:
    """The lists of three people: with few, some and many ratings.

    Raises:
        InputError: a file is missing, damaged or of another run.
    """
    lists = read_parquet(RECOMMENDATIONS, schemas.RECOMMENDATIONS)
    metadata = read_metadata(RECOMMENDATIONS)
    lineage = read_lineage(RECOMMENDATIONS, "split")
    dimensions = Dimensions.load(ENCODED, SPLIT / "counts")
    require_same_run(RECOMMENDATIONS, lineage, SPLIT, dimensions.lineage)
    retrieval = RetrievalModel.load(RETRIEVAL, SPLIT, dimensions.lineage)
    people = read_people(ENCODED / "ratings", SPLIT, dimensions, metadata["relevant"])
    counts = dimensions.training_ratings["users"][people.users]
    titles = dimensions.tables["movies"]["title"].to_numpy()
    verb = "liked" if metadata["relevant"] == "likes" else "interacted with"
    tables = []
    for name, person in choose(counts).items():
        user = int(people.users[person])
        history = np.sort(people.histories[person : person + 1].movie)
        relevant = people.relevant[person].indices
        (movies,) = lists.filter(pc.equal(lists["user"], user))["movies"].to_pylist()
        rows = [
            (
                titles[movie],
                "; ".join(titles[retrieval.find_reasons(history, movie, REASONS)]),
                verb if movie in relevant else "",
            )
            for movie in movies
        ]
        raw = dimensions.raw_ids("users")[user]
        title = f"User {raw}, of those with {name} ratings ({counts[person]:,} in training)"
        liked = "; ".join(titles[find_liked(user, history)])
        tables.append(Table(title, HEADER, rows, f"Rated highest before the test part: {liked}."))
    return tables


def choose(counts: Ints) -> dict[str, int]:
    """The indices of up to three people with few, some and many ratings.

    Args:
        counts: each person's number of training ratings
    """
    order = np.argsort(counts, kind="stable")
    if not len(order):
        return {}
    # With very few people, one of them may be at several quantiles.
    chosen = {int(order[int(share * len(order))]): name for name, share in PLACES.items()}
    return {name: person for person, name in chosen.items()}


def find_liked(user: int, history: Ints) -> Ints:
    """The movies of a person's history with the most stars, among equals the latest.

    Args:
        user: row of the users table.
        history: rows of the movies table.
    """
    path = ENCODED / "ratings"
    own = read_column(path, schemas.RATINGS, "user") == user
    movie, rating = (
        read_column(path, schemas.RATINGS, name)[own][::-1] for name in ("movie", "rating")
    )
    some = np.isin(movie, history)
    liked: Ints = movie[some][np.argsort(-rating[some], kind="stable")][:LIKED]
    return liked
