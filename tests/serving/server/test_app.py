"""The HTTP interface."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from fastapi.testclient import TestClient

from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.people.history import UserHistory
from recsys.serving.people.log import Log
from recsys.serving.people.person import find_end, find_person
from recsys.serving.recommend.options import RecommendOptions
from recsys.serving.recommend.recommend_one import recommend
from recsys.serving.recommend.recommender import Recommender
from recsys.serving.server.app import MAX_BYTES, make_app
from tests.runs import GROUPS, NEW_USER, Run, compute_run, run_in, save_model

USER = 3
# A Gaussian process takes long.
CHEAP = tuple(name for name in GROUPS if name not in ("gp_stars", "gp_like"))


class Served(NamedTuple):
    run: Run
    recommender: Recommender
    client: TestClient

    @property
    def scorer(self) -> CheckpointModel:
        return self.recommender.scorer

    @property
    def movieids(self) -> list[int]:
        return self.scorer.dimensions.ids["movies"].known.tolist()

    def ask(self, path: str, **question: object) -> dict:
        response = self.client.post(path, json=question)
        assert response.status_code == 200, response.text
        return response.json()

    def unrated(self, userid: int) -> list[int]:
        """Ids of movies that a user has not rated."""
        rated = set(find_person(self.scorer, self.run.ratings, userid).history.movie)
        return [id_ for row, id_ in enumerate(self.movieids) if row not in rated]

    def given(self, ratings: list[dict]) -> UserHistory:
        """Ratings of a question, at the end of the log."""
        dimensions = self.scorer.dimensions
        rows = dimensions.ids["movies"].rows([rating["movieid"] for rating in ratings])
        stars = np.array([float(rating["rating"]) for rating in ratings])
        end = find_end(self.scorer, self.run.ratings)
        return UserHistory.from_stars(rows, stars, np.full(len(rows), end), dimensions)


def serve(run: Run) -> Served:
    recommender = Recommender.load(run.checkpoint, run.features, run.retrieval)
    app = make_app(recommender, Log(run.ratings, recommender.scorer.dimensions))
    return Served(run, recommender, TestClient(app))


@pytest.fixture(scope="module", params=["plain", "chronological", "random"])
def served(
    prepared_run: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served") / "project"
    shutil.copytree(prepared_run, folder)
    if request.param != "plain":
        compute_run(run_in(folder), request.param, CHEAP)
    made = serve(run_in(folder))
    with made.client:
        yield made


def rate(movieids: list[int]) -> list[dict]:
    return [{"movieid": id_, "rating": (1, 5)[i % 2]} for i, id_ in enumerate(movieids)]


def flatten(movies: list[dict], name: str) -> list[tuple]:
    return [(movie["movieid"], movie[name]) for movie in movies]


def test_health_says_what_is_served(served: Served) -> None:
    state = served.client.get("/health").json()
    assert state == {
        "status": "ok",
        "users": 61,
        "movies": 42,
        "score": "probability of a like",
        "has_stars": True,
        "like_above": 3,
        "rating_scale": {"lowest": 1, "highest": 5, "step": 1},
        "genres": ["Action", "Comedy", "Drama", "Sci-Fi"],
        "years": [1950, 2020],
        "uses_ratings": served.scorer.online is not None,
    }


@pytest.mark.parametrize("userid", [None, USER, NEW_USER])
@pytest.mark.parametrize("ratings", [0, 4])
def test_recommendations_equal_those_of_the_command(
    served: Served, userid: int | None, ratings: int
) -> None:
    known = served.movieids if userid is None else served.unrated(userid)
    given = rate(known[:ratings])
    found = served.ask("/recommendations", userid=userid, ratings=given, top=7)
    person = find_person(served.scorer, served.run.ratings, userid, served.given(given))
    expected = recommend(served.recommender, person, 7)
    for name in ("rated", "in_training"):
        assert found[name] == expected[name]
    assert found["userid"] == expected["user"] == userid
    for place, number in (("recommended", "score"), ("recommended", "stars"), ("liked", "rating")):
        assert flatten(found[place], number) == [(m["movie"], m[number]) for m in expected[place]]
        assert [m["title"] for m in found[place]] == [m["title"] for m in expected[place]]


def test_options_work_as_in_the_command(served: Served) -> None:
    options = RecommendOptions(("drama",), (1955, None), -0.3, 0.5)
    asked = {"genres": ["drama"], "from_year": 1955, "popularity": -0.3, "diversity": 0.5}
    found = served.ask("/recommendations", userid=USER, **asked)
    person = find_person(served.scorer, served.run.ratings, USER)
    expected = recommend(served.recommender, person, 10, None, options)["recommended"]
    assert flatten(found["recommended"], "score") == [(m["movie"], m["score"]) for m in expected]


def test_ratings_of_a_question_count_for_its_answer_alone(served: Served) -> None:
    before = served.ask("/recommendations", userid=USER, top=50)
    given = rate(served.unrated(USER)[:5])
    asked = served.ask("/recommendations", userid=USER, ratings=given, top=50)
    assert asked["rated"] == before["rated"] + 5
    scores = [dict(flatten(found["recommended"], "score")) for found in (before, asked)]
    assert not scores[1].keys() & {rating["movieid"] for rating in given}
    changed = any(scores[0][movie] != scores[1][movie] for movie in scores[1])
    assert changed == (served.scorer.online is not None)
    assert served.ask("/recommendations", userid=USER, top=50) == before
    assert served.ask("/recommendations", userid=USER, ratings=given, top=50) == asked


def test_a_rating_without_a_time_is_given_when_the_log_ends(served: Served) -> None:
    end = pq.read_table(served.run.ratings)["timestamp"].to_numpy().max()
    given = rate(served.unrated(USER)[:3])
    given[0]["timestamp"] = int(end) - 9
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        retrieval = served.recommender.retrieval
        score = retrieval.score_all
        patch.setattr(retrieval, "score_all", lambda h, s: seen.append((h, s)) or score(h, s))
        for userid in (None, USER):
            served.ask("/recommendations", userid=userid, ratings=given)
            served.ask("/recommendations", userid=userid, ratings=given[1:])
    for (history, seconds), timed in zip(seen, [1, 0, 1, 0], strict=True):
        times = np.sort(history.seconds)
        assert times[-2 - timed :].tolist() == [end - 9, end, end][1 - timed :]
        assert seconds == [end + 1]


def test_scores_come_in_the_order_of_the_question(served: Served) -> None:
    movieids = [8, 2, 100, 8]
    found = served.ask("/scores", userid=USER, movieids=movieids)["scores"]
    rows = torch.tensor([served.movieids.index(id_) for id_ in movieids])
    expected = served.scorer.score(torch.zeros_like(rows), rows)
    assert [movie["movieid"] for movie in found] == movieids
    for name, answer in zip(("score", "stars"), expected, strict=True):
        np.testing.assert_allclose([movie[name] for movie in found], answer, atol=1e-4)
    assert served.ask("/scores", ratings=rate([2, 4]), movieids=[2])["scores"][0]["movieid"] == 2


def test_scores_depend_on_the_time(served: Served) -> None:
    usual, late = (
        served.ask("/scores", userid=USER, movieids=[8, 2], time=time)["scores"]
        for time in (None, 2 * 10**9)
    )
    assert (usual == late) == (served.scorer.online is None)
    for time in (0, 10**9, 253_402_300_799):
        given = [{"movieid": served.unrated(USER)[0], "rating": 1, "timestamp": time}]
        served.ask("/scores", userid=USER, movieids=[8, 2], ratings=given, time=time)


def test_a_user_who_rated_all_movies_gets_none(served: Served) -> None:
    given = rate(served.movieids)
    found = served.ask("/recommendations", ratings=given)
    assert (found["rated"], found["recommended"]) == (42, [])


def test_many_threads_get_the_answers_of_one(served: Served) -> None:
    questions = [
        {"userid": userid, "top": 5, "ratings": rate(served.unrated(userid)[:3])}
        for userid in (*range(3, 60, 3), NEW_USER)
    ]
    alone = [served.ask("/recommendations", **question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            found = pool.map(lambda question: served.ask("/recommendations", **question), questions)
            assert list(found) == alone


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"userid": 7}, "there is no user 7; the 61 users have ids from 3"),
        ({"userid": "3"}, "body.userid = '3': Input should be a valid integer"),
        ({"userid": 2**62}, "there is no user 4611686018427387904; the 61"),
        ({"userid": 10**30}, "body.userid = 1000000000000000000000000000000: "),
        ({"ratings": rate([7])}, "there is no movie 7; the 42 movies have"),
        ({"ratings": rate([2, 4, 2])}, "movie 2 is rated twice; give one"),
        ({"userid": NEW_USER, "ratings": rate([2])}, "user 200 has rated movie 2"),
        ({"ratings": [{"movieid": 2, "rating": 6}]}, "body.ratings.0.rating = 6"),
        (
            {"ratings": [{"movieid": 2, "rating": 4.5}]},
            "body.ratings.0.rating = 4.5: Input should be on the rating scale, 1 to 5 stars by 1",
        ),
        ({"ratings": [{"movieid": 2}]}, "body.ratings.0.rating: Field required"),
        (
            {"ratings": [{"movieid": 2, "rating": 1, "timestamp": -1}]},
            "body.ratings.0.timestamp = -1: ",
        ),
        ({"ratings": rate([2] * 5_001)}, "body.ratings: List should have at most"),
        ({"top": 0}, "body.top = 0: Input should be greater than or equal to 1"),
        ({"user": 3}, "body.user = 3: Extra inputs are not permitted"),
        ({"genres": ["x"]}, "there is no genre 'x'; there are Action, Comedy"),
        ({"from_year": 2021}, "no movie is of the years 2021-; the movies are"),
        ({"from_year": 1990, "to_year": 1980}, "the years 1990 to 1980 end before they begin"),
        ({"to_year": "x"}, "body.to_year = 'x': Input should be a valid int"),
        ({"popularity": 1.5}, "body.popularity = 1.5: Input should be less"),
        ({"diversity": -0.1}, "body.diversity = -0.1: Input should be great"),
    ],
)
def test_a_bad_question_is_refused_in_one_line(
    served: Served, question: dict, message: str
) -> None:
    assert_refused(served, "/recommendations", question, message)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({}, "body.movieids: Field required"),
        ({"movieids": []}, "body.movieids: List should have at least 1 item"),
        ({"movieids": [2] * 5_001}, "body.movieids: List should have at most 5000"),
        ({"movieids": [2, 3]}, "there is no movie 3"),
        ({"movieids": [2], "ratings": [{"movieid": 2, "rating": 4.5}]}, "body.ratings.0.rating = "),
    ],
)
def test_a_bad_question_for_scores_is_refused_in_one_line(
    served: Served, question: dict, message: str
) -> None:
    assert_refused(served, "/scores", question, message)


def assert_refused(served: Served, path: str, question: dict, message: str) -> None:
    response = served.client.post(path, json=question)
    assert response.status_code == 422
    detail = response.json()["detail"]
    assert detail.startswith(message)
    assert "\n" not in detail


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[1e999]", 422),
        (b'{"time": NaN}', 422),
        (b'{"userid": "\\ud800"}', 422),
        (b'{"\\ud800": 1}', 422),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b'{"userid": ' + b"1" * 5_000 + b"}", 400),
        (b" " * (MAX_BYTES + 1), 413),
    ],
)
def test_a_body_that_is_no_question_is_refused(served: Served, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    response = served.client.post("/recommendations", content=body, headers=headers)
    assert response.status_code == status


def test_a_long_body_of_unknown_length_is_refused(served: Served) -> None:
    headers = {"Content-Type": "application/json"}
    pieces = iter([b" " * (MAX_BYTES // 2)] * 3)
    response = served.client.post("/recommendations", content=pieces, headers=headers)
    assert response.status_code == 413


def test_titles_are_found(served: Served) -> None:
    found = served.client.get("/movies", params={"query": "CAFE 2", "limit": 2}).json()["movies"]
    assert found[0]["title"].startswith("Café: 2 (")
    assert len(found) == 2
    assert served.client.get("/movies", params={"query": "?!"}).json() == {"movies": []}
    for params in ({}, {"query": "x" * 101}, {"query": "x", "limit": 51}):
        assert served.client.get("/movies", params=params).status_code == 422


def test_the_schema_has_the_ids_and_the_scale_of_the_data(served: Served) -> None:
    schemas = served.client.get("/openapi.json").json()["components"]["schemas"]
    rating = schemas["GivenRating"]["properties"]
    assert rating["movieid"]["type"] == "integer"
    assert (rating["rating"]["minimum"], rating["rating"]["maximum"]) == (1, 5)


def test_the_stars_of_a_model_with_the_label_alone_are_null(run: Run) -> None:
    save_model(run, thresholds="label")
    served = serve(run)
    assert not served.client.get("/health").json()["has_stars"]
    found = served.ask("/recommendations", userid=USER)["recommended"]
    found += served.ask("/scores", movieids=[2])["scores"]
    assert [movie["stars"] for movie in found] == [None] * 11
    assert all(0 < movie["score"] < 1 for movie in found)


def test_the_page_may_do_nothing_but_ask_this_server(served: Served) -> None:
    response = served.client.get("/")
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    # Text is never read as HTML, and nothing comes from elsewhere.
    for word in ("innerHTML", "insertAdjacentHTML", "document.write", "http:", "https:", "@import"):
        assert word not in response.text
