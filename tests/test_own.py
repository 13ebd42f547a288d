"""Own data from raw files to recommendations: three layouts that are not MovieLens's."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from recsys.common.errors import InputError
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.people.log import Log
from recsys.serving.people.person import find_person
from recsys.serving.predict.score_file import score_file
from recsys.serving.recommend.recommend_all import recommend_to_all
from recsys.serving.recommend.recommend_one import find_similar, recommend
from recsys.serving.recommend.recommender import Recommender
from recsys.serving.server.app import make_app
from recsys.storage.parts import part_path
from recsys.storage.schemas import PARTS
from tests.params import set_params
from tests.stages import STAGES, refuse, run, run_all

USERS, ITEMS = 30, 20

LOG = Path("data/encoded/ratings")


@pytest.fixture(autouse=True)
def own(project: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOVIELENS_MIRROR", raising=False)
    set_params(**{"fetch.dataset": "own", "own.interactions": "own.csv"})


def describe(**own: Any) -> None:
    set_params(**{f"own.{key}": value for key, value in own.items()})


def select(sparse: list[str], dense: list[str], method: str = "random", **encode: object) -> None:
    """Set the features and the split; `encode` are params of that section."""
    set_params(**{"features.sparse": sparse, "features.dense": dense, "split.method": method})
    set_params(**{f"encode.{key}": value for key, value in encode.items()})


def draw(count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Different pairs of a user and an item, and whether the user likes the item."""
    random = np.random.default_rng(0)
    users, items = np.divmod(random.choice(USERS * ITEMS, count, replace=False), ITEMS)
    return users, items, (users % 2 == items % 2) ^ (random.random(count) < 0.1)


def test_a_shop_with_clicks() -> None:
    """A 0/1 label, integers of 64 bits, tabs, milliseconds, a compressed file, numbers."""
    users, items, clicked = draw()
    frame = pd.DataFrame(
        {
            "Session User": users + 2**40,
            "Product-ID": items * 10,
            "clicked": clicked.astype(int),
            "ts": 1_700_000_000_000 + np.arange(len(users)) * 61_000,
        }
    )
    with gzip.open("clicks.tsv.gz", "wt") as file:
        frame.to_csv(file, sep="\t", index=False)
    products = pd.DataFrame(
        {"product_id": np.arange(ITEMS) * 10, "price": np.arange(ITEMS) * 1.5, "brand": "ab" * 1}
    )
    products.loc[3, "price"] = None
    products.to_csv("products.csv", sep=";", index=False)
    describe(
        interactions="clicks.tsv.gz", items="products.csv", user="session_user", item="product_id",
        label="clicked", time="ts", time_format="milliseconds",
        item_features=["price:number", "brand:category"],
    )  # fmt: skip
    select(["userid", "movieid", "brand"], ["price"], "chronological")
    run_all()
    metrics = json.loads(Path("metrics/test.json").read_text())
    assert metrics["rows"] == 40
    assert pd.read_parquet("data/predictions.parquet")["raw_userid"].min() >= 2**40
    scorer = CheckpointModel(Path("models/dlrm"))
    recommender = Recommender.load(Path("models/dlrm"), None, Path("models/retrieval"))
    found = recommend(recommender, find_person(scorer, LOG, 2**40 + 1), 3)
    assert len(found["recommended"]) == 3
    price = scorer.dimensions.tables["movies"]["price"].to_numpy()
    assert price[3] == 0
    assert abs(price.mean()) < 0.1


def test_books_with_ratings_from_0_to_10() -> None:
    """Texts as ids, a byte order mark, quotes, lists, no time, users without features."""
    users, items, liked = draw()
    frame = pd.DataFrame(
        {
            "reader": [f"reader, {u:02}" for u in users],
            "isbn": [f"{i:010}X" for i in items],
            "score": np.where(liked, 8, 3) + users % 3,
        }
    )
    frame.to_csv("books.csv", index=False, encoding="utf-8-sig", quoting=1)
    books = pd.DataFrame(
        {
            "ISBN": [f"{i:010}X" for i in range(ITEMS)],
            "name": [f"Book {i}" for i in range(ITEMS)],
            "subjects": ["art/ history", "art", "", "history/art/art"] * 5,
        }
    )
    pq.write_table(pa.Table.from_pandas(books, preserve_index=False), "books.parquet")
    describe(
        interactions="books.csv", items="books.parquet", user="reader", item="isbn",
        rating="score", title="name", item_features=["subjects:list:/"],
    )  # fmt: skip
    select(["movieid", "subjects"], ["user", "movie", "affinity"], label_threshold=6)
    assert "own: 400 ratings of 20 movies by 30 users" in run_all()
    movies = pd.read_parquet("data/encoded/movies.parquet")
    assert movies["title"].tolist() == [f"Book {i}" for i in range(ITEMS)]
    assert [codes.tolist() for codes in movies["subjects_code"][:4]] == [[0, 1], [0], [], [1, 0]]
    predictions = pd.read_parquet("data/predictions.parquet")
    assert predictions["raw_userid"].str.startswith("reader, ").all()
    for stage, dense, method in (
        ("split", ["user"], "chronological"),
        ("features", ["time"], "random"),
    ):
        select(["movieid"], dense, method)
        assert "all ratings have the same time" in refuse(stage)


def test_pairs_of_texts_are_scored_and_recommended() -> None:
    users, items, liked = draw()
    frame = pd.DataFrame({"user_id": [f"u{u}" for u in users], "item_id": items, "liked": liked})
    frame.to_csv("own.csv", index=False)
    describe(label="liked")
    select(["userid", "movieid"], ["bias"])
    run_all()
    predictions = pd.read_parquet("data/predictions.parquet")
    names = {"raw_userid": "userid", "raw_movieid": "movieid"}
    pairs = predictions.rename(columns=names)[["userid", "movieid"]]
    pairs.to_csv("pairs.csv", index=False)
    scorer = CheckpointModel(Path("models/dlrm"))
    assert score_file(scorer, Path("pairs.csv"), Path("scores.parquet")) == len(pairs)
    scores = pd.read_parquet("scores.parquet")
    assert scores["userid"].tolist() == predictions["raw_userid"].tolist()
    np.testing.assert_allclose(scores["score"], predictions["score"], rtol=1e-6)
    Path("bad.csv").write_text("userid,movieid\nu1,3\nnobody,3\n")
    with pytest.raises(InputError, match=r"bad.csv row 2: there is no user .nobody.; the 30 users"):
        score_file(scorer, Path("bad.csv"), Path("scores.csv"))
    recommender = Recommender.load(Path("models/dlrm"), None, Path("models/retrieval"))
    found = recommend(recommender, find_person(scorer, LOG, "u7"), 3)
    assert (found["user"], len(found["recommended"])) == ("u7", 3)
    with pytest.raises(InputError, match="there is no user '7'; the 30 users have ids from u0"):
        find_person(scorer, LOG, "7")
    with pytest.raises(InputError, match="there is no movie 'x': no id is so, and no title"):
        find_similar(recommender.retrieval, scorer.dimensions, "x", 3)
    log = Log(LOG, scorer.dimensions)
    assert recommend_to_all(recommender, LOG, Path("all.parquet"), 3) == 90
    lists = pd.read_parquet("all.parquet")
    best = lists[lists["userid"] == "u7"]["movieid"].tolist()
    assert best == [movie["movie"] for movie in found["recommended"]]
    client = TestClient(make_app(recommender, log))
    served = client.post("/recommendations", json={"userid": "u7", "top": 3}).json()
    assert served["userid"] == "u7"
    assert [movie["score"] for movie in served["recommended"]] == [
        movie["score"] for movie in found["recommended"]
    ]
    (item,) = client.get(
        "/movies", params={"query": served["recommended"][0]["title"], "limit": 1}
    ).json()["movies"]
    assert item["title"] == served["recommended"][0]["title"]
    for userid in (7, "7", "u7" * 101):
        response = client.post("/recommendations", json={"userid": userid})
        assert response.status_code == 422, response.text


def test_a_playlist_log_of_positives_alone() -> None:
    users, items, _ = draw(200)
    frame = pd.DataFrame({"listener": users, "song": items, "day": "2024-05-01T10:00:00Z"})
    frame["day"] = pd.date_range("2024-05-01", periods=200, freq="h").astype(str)
    frame.to_csv("plays.csv", index=False)
    describe(interactions="plays.csv", user="listener", item="song", time="day", time_format="iso")
    select(["userid", "movieid"], ["bias"], "chronological")
    run_all("fetch")
    message = "set own.negatives to the number of items to draw as 0 for each row"
    assert message in refuse("encode")
    describe(negatives=1)
    output = run_all()
    (drawn,) = [line for line in output.splitlines() if line.endswith("negatives are drawn")]
    negatives = pd.read_parquet("data/split/negatives")
    assert drawn == f"chronological: {len(negatives)} negatives are drawn"
    assert 100 < len(negatives) < 200
    parts = {name: pd.read_parquet(part_path(Path("data/split"), name)) for name in PARTS}
    positives = pd.read_parquet(LOG)
    assert len(positives) == positives["label"].sum() == 200
    for part in parts.values():
        # A negative's key follows that of its positive.
        drawn = part[part["label"] == 0]
        assert (drawn["row"] % 2 == 1).all()
        columns = ["row", "user", "movie", "timestamp"]
        expected = negatives[negatives["row"].isin(drawn["row"])]
        assert sorted(drawn[columns].values.tolist()) == expected[columns].values.tolist()
        positive = positives.iloc[drawn["row"] // 2]
        same = ["user", "timestamp"]
        assert drawn[same].values.tolist() == positive[same].values.tolist()
    # What is counted are positives.
    for table, noun in (("users", "user"), ("movies", "movie")):
        counts = pd.read_parquet(f"data/split/counts/{table}.parquet")["training_ratings"]
        played = parts["train"][parts["train"]["label"] == 1][noun]
        assert counts.tolist() == np.bincount(played, minlength=len(counts)).tolist()
    # A song that was drawn for a listener was not played, so it may be recommended.
    recommender = Recommender.load(Path("models/dlrm"), None, Path("models/retrieval"))
    found = recommend(recommender, find_person(recommender.scorer, LOG, 3), 99)
    played = set(frame["song"][frame["listener"] == 3])
    assert found["rated"] == len(played)
    assert not {movie["movie"] for movie in found["recommended"]} & played
    drawn_for_them = set(negatives[negatives["user"] == 3]["movie"]) - played
    assert {movie["movie"] for movie in found["recommended"]} & drawn_for_them


def test_features_count_positives_alone() -> None:
    users, items, _ = draw(200)
    frame = pd.DataFrame({"user_id": users, "item_id": items, "time": 10**9 + np.arange(200) // 3})
    frame.to_csv("own.csv", index=False)
    describe(time="time")
    sparse, dense = ["movieid", "liked"], ["user", "movie", "time"]
    for method in ("random", "chronological"):
        select(sparse, dense, method)
        found = []
        for negatives in (1, 3):
            describe(negatives=negatives)
            output = run_all("features")
            parts = [pd.read_parquet(part_path(Path("data/features"), part)) for part in PARTS]
            table = pd.concat(parts).set_index("row").sort_index()
            assert len(table) == 200 + len(pd.read_parquet("data/split/negatives"))
            assert np.isfinite(table.to_numpy()).all()
            # The positives.
            found.append(table[table.index % (1 + negatives) == 0].reset_index(drop=True))
        pd.testing.assert_frame_equal(*found)
        # What a positive does not see of itself tells it from a negative.
        assert ("counts leak the label" in output) == (method == "random")
    for key, name in (("sparse", "disliked"), ("dense", "gp_stars")):
        added = {"sparse": sparse, "dense": dense}
        added[key] = [*added[key], name]
        select(**added)
        assert f"features.{key}: {name} needs ratings that are no likes" in refuse("features")


GOOD = "user_id,item_id,stars,when\n"


def test_a_bad_row_is_reported_in_one_line() -> None:
    """tests/data has all that can be wrong."""
    Path("own.csv").write_text(GOOD + '"1\n2",2,3,1500000000\n2,2,x,1500000000\n')
    describe(rating="stars", time="when")
    select(["movieid"], ["user"])
    run_all("fetch")
    assert "own.csv line 4: stars = 'x' is not a number" in refuse("encode")
    assert not Path("data/encoded").exists()


def test_missing_files_and_undescribed_features_are_reported() -> None:
    select(["movieid"], ["user"])
    assert "own.interactions = own.csv: no such file" in refuse("source")
    set_params(**{"features.sparse": ["movieid", "genres"]})
    assert "features.sparse: no such feature 'genres'; allowed: userid" in refuse("source")
    describe(item_features=["genres"])
    assert "feature 'genres': give COLUMN:category" in refuse("source")


def test_other_content_is_other_data() -> None:
    Path("own.csv").write_text(GOOD + "1,2,3,1500000000\n2,2,4,1500000000\n")
    set_params(**{"features.sparse": ["movieid"], "features.dense": ["user"]})
    assert run("source").exit_code == 0
    before = Path("data/source.json").read_text()
    Path("own.csv").write_text(GOOD + "1,2,3,1500000000\n2,2,5,1500000000\n")
    assert "a file of own changed since" in run("fetch").output
    assert run("source").exit_code == 0
    assert Path("data/source.json").read_text() != before
    assert set(STAGES) >= {"source", "fetch"}
