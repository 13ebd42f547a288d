"""The systems that recommend lists of movies in `benchmarks.ranking`, and what they get."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse

from recsys.common.arrays import find_best
from recsys.data.params import SplitParams
from recsys.evaluation.params import RankingParams
from recsys.evaluation.ranking import list_popular
from recsys.pipeline.params import load_params
from recsys.retrieval.fit import fit_retrieval_model
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.model import RetrievalModel
from recsys.retrieval.params import RetrievalParams
from recsys.retrieval.people import People, list_users, read_people
from recsys.storage.dimensions import Dimensions
from recsys.storage.parts import part_path
from recsys.storage.schemas import PARTS

if TYPE_CHECKING:
    # Slow to import, and needed by ours alone.
    from recsys.serving.recommend.recommender import Recommender

TOP, PEOPLE_AT_ONCE = 10, 256
# From histories of B people to the scores of all movies, [B, M].
Score = Callable[[UserHistories], np.ndarray]


class Task(NamedTuple):
    """What a system gets.

    Attributes:
        folder: of the run, with encoded, split, features, dlrm and params.yaml.
        training: the ratings of the training part.
        validation: those of the validation part; empty if it is judged.
        people: whom to recommend to, and what is relevant.
        liked: what each of them liked before.
        start: the first second of the part that is judged.
    """

    folder: Path
    training: pd.DataFrame
    validation: pd.DataFrame
    people: People
    liked: UserHistories
    start: int

    @property
    def ratings(self) -> np.ndarray:
        """The number of training ratings of each movie, [M]."""
        return np.bincount(self.training["movie"], minlength=self.liked.movies)

    def learnt(self, likes_only: bool, refit: bool = False) -> UserHistories:
        """What all users rated, or liked, in the training part, or with `refit` in both parts."""
        rated = pd.concat([self.training, self.validation]) if refit else self.training
        rated = rated[rated["label"] == 1] if likes_only else rated
        return group(rated, int(rated["user"].max()) + 1, self.liked.movies)

    def inputs(self, likes_only: bool) -> UserHistories:
        """What the people rated, or liked, before."""
        return self.liked if likes_only else self.people.histories


def read_task(folder: Path, tuned: bool, age: int = 0) -> Task:
    """Read what a system gets.

    Args:
        tuned: whether it is judged on the validation part, which leaves the test part out. Only
            people with training ratings are judged, as nearly all people of the test part have
            earlier ratings.
        age: systems do not learn from this many last days of the training part. (The people's
            histories have them.)
    """
    dimensions = Dimensions.load(folder / "encoded", folder / "split/counts")
    ratings = pd.read_parquet(folder / "encoded/ratings")
    training, validation, judged = (
        pd.read_parquet(part_path(folder / "split", name)) for name in PARTS
    )
    params = load_params(folder / "params.yaml")
    relevant, method = params[RankingParams].relevant, params[SplitParams].method
    source = folder / "encoded/ratings", folder / "split/test.parquet"
    asked = *source, dimensions, relevant
    people = read_people(*asked, list_users(*asked))
    size = int(ratings["user"].max()) + 1, people.histories.movies
    before = pd.concat([training, validation])
    if tuned:
        before, judged, validation = training, validation, validation[:0]
        people = _find_people(before, judged, relevant, size)
        if method == "random":
            people = people._replace(seconds=None)
    liked = group(before[before["label"] == 1], *size).select(people.users)
    seconds = training["timestamp"]
    training = training[seconds <= seconds.max() - age * 86_400]
    return Task(folder, training, validation, people, liked, int(judged["timestamp"].min()))


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


def fit_ease(task: Task, likes_only: bool = False, **changes: Any) -> RetrievalModel:
    """EASE with the values of the recipe, without an encoder.

    Args:
        changes: of the section `retrieval`.
    """
    section = load_params(task.folder / "params.yaml")[RetrievalParams].model_copy(update=changes)
    lineage = Dimensions.load(task.folder / "encoded", task.folder / "split/counts").lineage
    learnt = task.learnt(likes_only, section.refit)
    counts = np.bincount(learnt.movie, minlength=learnt.movies)
    return fit_retrieval_model(learnt, counts, section, lineage)


def ease(task: Task, likes_only: bool, damping: float) -> np.ndarray:
    """As published: all ratings (or likes) count alike."""
    return ease_returning(task, likes_only, damping, return_weight=0.0)


def ease_returning(task: Task, likes_only: bool, damping: float, **returns: float) -> np.ndarray:
    """EASE, times what people rate when they come back."""
    alike = {"star_weight": 0.0, "user_power": 0.0}
    retrieval = fit_ease(task, likes_only, damping=damping, **alike, **returns)
    return recommend(retrieval.score_all, task.inputs(likes_only), task)


def ours(task: Task, **changes: float) -> np.ndarray:
    """Retrieval score and P(like) of the DLRM, as in the stage rank.

    Args:
        changes: of the section `retrieval`; without any, the stage's retrieval model is used.
    """
    return _rank(task, task.people.seconds, changes)


def ours_at_once(task: Task) -> np.ndarray:
    """All people ask at the start of the judged part, so that nothing later is known of anybody."""
    return _rank(task, np.full(len(task.people.users), task.start), {})


def _rank(task: Task, seconds: np.ndarray | None, changes: dict[str, float]) -> np.ndarray:
    recommender = _load_recommender(task.folder)
    if changes:
        recommender = type(recommender)(recommender.scorer, fit_ease(task, **changes))
    return recommender.rank(task.people.users, task.people.histories, TOP, seconds).movies


@cache
def _load_recommender(folder: Path) -> "Recommender":
    import torch

    from recsys.serving.recommend.recommender import Recommender

    torch.set_num_threads(1)
    return Recommender.load(*(folder / name for name in ("dlrm", "features", "retrieval")))


SYSTEMS: dict[str, Callable[..., np.ndarray]] = {
    "popular": popular,
    "item_knn": item_knn,
    "als": als,
    "ease": ease,
    # Left out where the recipe has no weight for what people rate when they come back.
    "ease_returning": ease_returning,
    "ours": ours,
    # Left out where the split does not follow time.
    "ours_at_once": ours_at_once,
    # With `retrieval.refit`: it learns from the validation part, too.
    "ours_refit": ours,
}
# The stages that a system needs besides.
OURS = ("features", "train", "retrieve")
NEEDS = {"ours": OURS, "ours_at_once": OURS, "ours_refit": OURS}
