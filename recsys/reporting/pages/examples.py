"""The recommendations of three people of the test part, with what they liked and why."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys.reporting.rendering.blocks import Table
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.model import RetrievalModel
from recsys.retrieval.people import read_people
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import read_lineage, require_same_run
from recsys.storage.parquet import read_metadata, read_parquet

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
    users = lists["user"].to_numpy()
    counts = dimensions.training_ratings["users"][users]
    chosen = choose(counts)
    # Only these people's ratings are kept in memory.
    source = ENCODED / "ratings", SPLIT / "test.parquet", dimensions, metadata["relevant"]
    people = read_people(*source, np.sort(users[list(chosen.values())]))
    titles = dimensions.tables["movies"]["title"].to_numpy()
    verb = "liked" if metadata["relevant"] == "likes" else "interacted with"
    tables = []
    for name, row in chosen.items():
        person = int(np.searchsorted(people.users, users[row]))
        own = people.histories[person : person + 1]
        history = np.sort(own.movie)
        relevant = people.relevant[person].indices
        rows = [
            (
                titles[movie],
                "; ".join(titles[retrieval.find_reasons(history, movie, REASONS)]),
                verb if movie in relevant else "",
            )
            for movie in lists["movies"][row].as_py()
        ]
        raw, count = dimensions.raw_ids("users")[users[row]], counts[row]
        title = f"User {raw}, of those with {name} ratings ({count:,} in training)"
        liked = "; ".join(titles[find_liked(own)])
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


def find_liked(history: UserHistories) -> Ints:
    """The movies of a person's history with the most stars, among equals the latest."""
    movie, rating = history.movie[::-1], history.rating[::-1]
    liked: Ints = movie[np.argsort(-rating, kind="stable")][:LIKED]
    return liked
