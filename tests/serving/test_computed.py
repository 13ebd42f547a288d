"""Models whose features come from ratings score, recommend, predict and export like the others."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from recsys.common.errors import InputError
from recsys.models.answers import Answers, read_answers
from recsys.models.checkpoint import load_model, read_checkpoint
from recsys.scoring.predict import predict
from recsys.serving.artifact.export import export
from recsys.serving.artifact.scorer import Rated, Scorer
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.people.history import UserHistory
from recsys.serving.people.person import find_person
from recsys.serving.predict.score_file import score_file
from recsys.serving.recommend.recommend_one import recommend
from recsys.serving.recommend.recommender import Recommender
from recsys.storage.sealed import seal, unseal
from tests.histories import make_histories
from tests.runs import COMPUTED, NEW_USER, Run, compute_run, find_rows

USER, TITLE_OF_2 = 3, "Café: 2"


@pytest.fixture(params=["chronological", "random"])
def computed(run: Run, request: pytest.FixtureRequest) -> Run:
    compute_run(run, request.param)
    return run


@pytest.fixture
def recommender(computed: Run) -> Recommender:
    return Recommender.load(computed.checkpoint, computed.features, computed.retrieval)


@pytest.fixture
def scorer(recommender: Recommender) -> CheckpointModel:
    return recommender.scorer


def evaluate(run: Run) -> Answers:
    """The answers for the test part, by the model and the columns that evaluate takes."""
    checkpoint = read_checkpoint(run.checkpoint)
    logits = predict(load_model(checkpoint), run.test_part(COMPUTED))
    return read_answers(logits, checkpoint.description.heads)


def assert_close(found: Answers, expected: Answers, tolerance: float = 1e-4) -> None:
    """Stars, the sum of four probabilities, may differ four times as much."""
    np.testing.assert_allclose(found.likes, expected.likes, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.stars, expected.stars, rtol=0, atol=4 * tolerance)


def test_the_test_part_at_its_times_gets_the_scores_of_evaluate(
    computed: Run, scorer: CheckpointModel
) -> None:
    part = pq.read_table(computed.split / "test.parquet")
    user, movie, seconds = (
        torch.from_numpy(part[name].to_numpy().astype(np.int64))
        for name in ("user", "movie", "timestamp")
    )
    expected = evaluate(computed)
    assert min(answer.std() for answer in expected) > 0.01
    assert_close(scorer.score(user, movie, seconds), expected)


def test_predict_takes_the_times_of_a_column(computed: Run, scorer: CheckpointModel) -> None:
    part = pq.read_table(computed.split / "test.parquet").to_pandas()
    ids = {
        "userid": scorer.dimensions.ids["users"].known[part["user"]],
        "movieid": scorer.dimensions.ids["movies"].known[part["movie"]],
    }
    pd.DataFrame(ids | {"at": part["timestamp"]}).to_csv("pairs.csv", index=False)
    rows = score_file(scorer, Path("pairs.csv"), Path("scores.parquet"), time_column="at")
    assert rows == len(part)
    scores = pq.read_table("scores.parquet")
    assert_close(Answers(scores["score"], scores["stars"]), evaluate(computed))
    with pytest.raises(InputError, match=r"pairs\.csv has 0 columns when"):
        score_file(scorer, Path("pairs.csv"), Path("scores.parquet"), time_column="when")


def test_the_usual_time_is_just_after_the_last_rating(
    computed: Run, scorer: CheckpointModel
) -> None:
    log = pq.read_table(computed.features / "ratings.parquet").to_pandas()
    last = int(log[log["user"] == 0]["timestamp"].max())
    movies = torch.arange(len(scorer.dimensions.ids["movies"]))
    users = torch.zeros_like(movies)
    after, later = (
        scorer.score(users, movies, torch.full_like(movies, last + gap)) for gap in (1, 10**6)
    )
    for usual, expected, other in zip(scorer.score(users, movies), after, later, strict=True):
        np.testing.assert_array_equal(usual, expected)
        assert (other != expected).any()


def test_recommendations_have_the_scores_of_the_model(
    computed: Run, recommender: Recommender, scorer: CheckpointModel
) -> None:
    found = recommend(recommender, find_person(scorer, computed.ratings, USER), 5)
    rows = find_rows(scorer, "movies", [movie["movie"] for movie in found["recommended"]])
    expected = scorer.score(torch.zeros_like(rows), rows)
    shown = [[movie[name] for movie in found["recommended"]] for name in ("score", "stars")]
    assert_close(Answers(*shown), expected)


def test_the_history_has_the_ratings_that_the_features_take(
    computed: Run, recommender: Recommender, scorer: CheckpointModel
) -> None:
    person = find_person(scorer, computed.ratings, USER)
    middle = int(np.median(person.history.seconds))
    earlier = int((person.history.seconds < middle).sum())
    expected = earlier if scorer.online.fitted.past_only else len(person.history.movie)
    assert recommend(recommender, person, 5, middle)["rated"] == expected


def test_new_ratings_change_what_is_recommended(
    computed: Run, recommender: Recommender, scorer: CheckpointModel
) -> None:
    before = recommend(recommender, find_person(scorer, computed.ratings, NEW_USER), 50)
    ids = scorer.dimensions.ids["movies"]
    known = {movie["movie"] for movie in before["liked"]}
    rows = np.flatnonzero(~np.isin(ids.known, list(known)))[:6]
    given = rate(rows, [1.0, 5, 1, 5, 1, 5], scorer)
    person = find_person(scorer, computed.ratings, NEW_USER, given)
    after = recommend(recommender, person, 50)
    assert after["rated"] == before["rated"] + 6
    scores = [{m["movie"]: m["score"] for m in found["recommended"]} for found in (before, after)]
    assert not scores[1].keys() & set(ids.known[rows].tolist())
    assert any(scores[0][movie] != scores[1][movie] for movie in scores[1])
    again = CheckpointModel(computed.checkpoint, computed.features)
    find_person(again, computed.ratings, NEW_USER, given)
    twice = rate(ids.rows([known.pop()]), [5.0], scorer)
    with pytest.raises(InputError, match=f"user {NEW_USER} has rated movie"):
        find_person(again, computed.ratings, NEW_USER, twice)


def rate(movies: Sequence[int], stars: Sequence[float], scorer: CheckpointModel) -> UserHistory:
    """Ratings of some rows of the movies table, at the end of the log."""
    times = np.full(len(movies), scorer.online.end)
    return UserHistory.from_stars(np.array(movies), np.array(stars), times, scorer.dimensions)


def test_a_new_person_with_the_ratings_of_a_user_gets_the_scores_of_the_user(
    computed: Run, recommender: Recommender, scorer: CheckpointModel
) -> None:
    """Apart from the age and the gender, which are unknown; so the features are compared."""
    person = find_person(scorer, computed.ratings, USER)
    new = find_person(scorer, computed.ratings, None, person.history)
    assert new.user == len(scorer.dimensions.ids["users"])
    if scorer.online.fitted.past_only:
        assert new.as_of == person.as_of
        for mine, theirs in zip(new.ratings[1:], person.ratings[1:], strict=True):
            order, other = np.argsort(new.ratings.movie), np.argsort(person.ratings.movie)
            np.testing.assert_allclose(mine[order], theirs[other], atol=1e-6)
    without = find_person(scorer, computed.ratings, None)
    for asked, rated in ((new, len(person.history.movie)), (without, 0)):
        found = recommend(recommender, asked, 5)
        assert (found["user"], found["rated"], len(found["recommended"])) == (None, rated, 5)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("user", [None, USER])
def test_an_artifact_gives_the_scores_of_the_project(
    recommender: Recommender, scorer: CheckpointModel, precision: str, user: int | None
) -> None:
    export(scorer, precision, Path("serving"), recommender.retrieval)
    served = Scorer(Path("serving"))
    known = scorer.dimensions.ids["movies"].known
    movies = torch.arange(len(known) + 1)
    row = len(scorer.dimensions.ids["users"]) if user is None else 0
    users = torch.full_like(movies, row)
    end = scorer.online.end
    rated, stars = np.array([1, 4, 7]), np.array([5.0, 1.0, 4.0])
    given = scorer.online.label_new_ratings(np.full(3, row), rated, stars, np.full(3, end + 100))
    expected = scorer.score(users, movies, torch.full_like(movies, end + 500), given)
    ids = [*known.tolist(), 999]
    mine = Rated(known[rated], stars.tolist(), [end + 100] * 3)
    found = served.score([user or 999] * len(ids), ids, mine, end + 500)
    assert min(answer.std() for answer in expected) > 0.01
    assert_close(found, expected, 1e-5 if precision == "fp32" else 0.08)
    history = make_histories([list(rated)], len(known))
    best = recommender.rank(np.array([row]), history, 5, np.array([end + 500]), given)
    recommended = served.recommend(user, mine, 5, end + 500)
    if precision == "fp32":
        assert recommended.movieids == known[best.movies[0]].tolist()
        np.testing.assert_allclose(recommended.scores, best.scores[0], atol=1e-4)
        assert_close(
            Answers(recommended.likes, recommended.stars), Answers(best.likes[0], best.stars[0])
        )
    with pytest.raises(ValueError, match="one user at a time"):
        served.score([3, 6], [2, 2])
    with pytest.raises(ValueError, match="is not after"):
        served.score([3], [2], as_of=end)


def test_computed_features_need_their_folder(computed: Run) -> None:
    with pytest.raises(InputError, match=r"dlrm takes liked, .*; name the folder that the stage"):
        CheckpointModel(computed.checkpoint)


def test_features_of_another_run_are_refused(computed: Run) -> None:
    path = computed.features / "features.json"
    path.write_text(seal(unseal(path.read_text()).replace("cutoff", "cut-off")))
    with pytest.raises(InputError, match="of different runs: they differ in their fitted features"):
        CheckpointModel(computed.checkpoint, computed.features)
