"""Files that are damaged, edited or odd are used or refused in one line, and nothing is lost."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from recsys.cli.trials.space import read_space
from recsys.pipeline.params import load_params, parse_params
from recsys.reporting.runs.lock import read_stages, recorded_outputs, recorded_params
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.people.given import read_given
from recsys.serving.people.person import find_person
from recsys.serving.predict.score_file import score_file
from recsys.serving.recommend.recommend_one import find_similar, recommend
from recsys.serving.recommend.recommender import Recommender
from tests.conftest import PARAMS
from tests.fuzz.mutations import COLUMNS, ODD_TEXTS, change_value, fuzz, mutate
from tests.imports import ROOT
from tests.runs import Run


def test_params(tmp_path: Path) -> None:
    path, content = tmp_path / "params.yaml", PARAMS.read_bytes()

    def attempt(rng: random.Random) -> None:
        path.write_bytes(mutate(content, rng) if rng.random() < 0.9 else content)
        load_params(path)

    fuzz("params.yaml", attempt)


def test_values_of_params() -> None:
    content = YAML(typ="safe").load(PARAMS)

    def attempt(rng: random.Random) -> None:
        parse_params(change_value(content, rng) if rng.random() < 0.95 else content, PARAMS)

    fuzz("values of params", attempt)


def test_search(tmp_path: Path) -> None:
    path, text = tmp_path / "search.yaml", (ROOT / "search.yaml").read_bytes()
    content = YAML(typ="safe").load(text)
    ends = [-1, 0, 0.1, 0.5, 0.30000000000000004, 1, 2, 8, 16, 1e-3, 1e3, 10**9, float("nan")]

    def attempt(rng: random.Random) -> None:
        if rng.random() < 0.3:
            path.write_bytes(mutate(text, rng))
        else:
            space = change_value(content, rng)
            if isinstance(space, dict) and isinstance(space.get("params"), dict):
                key = rng.choice(("train.epochs", "model.dropout", "train.learning_rate"))
                names = rng.sample(("low", "high", "log", "step"), rng.choice((2, 2, 3, 4)))
                space["params"][key] = {
                    name: rng.random() < 0.5 if name == "log" else rng.choice(ends)
                    for name in names
                }
            YAML(typ="safe").dump(space if rng.random() < 0.9 else content, path)
        read_space(path, PARAMS)

    fuzz("search.yaml", attempt)


def test_lock(small_template: Path) -> None:
    content = (small_template / "dvc.lock").read_bytes()

    def attempt(rng: random.Random) -> None:
        text = mutate(content, rng)
        lock = text.decode(errors="replace")
        read_stages(lock)
        recorded_outputs(lock)
        recorded_params(lock)

    fuzz("dvc.lock", attempt)


def attempt_to_predict(
    scorer: CheckpointModel, source: str, write: Callable[[Path, random.Random], None]
) -> Callable[[random.Random], None]:
    def attempt(rng: random.Random) -> None:
        target = Path(rng.choice(("scores.csv", "scores.parquet")))
        target.write_text("old")
        write(Path(source), rng)
        done = None
        try:
            done = score_file(scorer, Path(source), target, rng.random() < 0.7)
        finally:
            assert not list(Path().glob(".*partial*"))
            if done is None:
                assert target.read_text() == "old"
        if target.suffix == ".parquet":
            assert pq.ParquetFile(target).metadata.num_rows == done

    return attempt


def test_predict_csv(run: Run) -> None:
    plain = b'userid,movieid,note\n3,2,a\n6,4,"b, c"\n9,6,"say ""x"""\n'
    words = ["3", "2", "3.0", " 6", "userid", "movieid", "x", '"a"', '"', *ODD_TEXTS[:40]]

    def write(path: Path, rng: random.Random) -> None:
        if rng.random() < 0.5:
            path.write_bytes(mutate(plain, rng))
            return
        width = rng.randrange(1, 5)
        end = rng.choice(("\n", "\r\n", "\r"))
        header = rng.sample(["userid", "movieid", "", "x", "x"], min(5, width + 1))
        rows = [[rng.choice(words) for _ in header] for _ in range(rng.randrange(6))]
        text = end.join(rng.choice((",", ",", ",", ";")).join(row) for row in [header, *rows])
        path.write_text(text + end * rng.randrange(2), newline="")

    fuzz("predict, CSV", attempt_to_predict(CheckpointModel(run.checkpoint), "pairs.csv", write))


def test_given_ratings(run: Run) -> None:
    dimensions, path = run.dimensions(), Path("mine.csv")
    title = dimensions.tables["movies"]["title"][1].as_py()
    plain = (
        b"movieid,rating,timestamp\n2,5,1000000000\n4,1,2001-01-01\n6,3,1000000001\n",
        f'title;rating\n"{title}";5\nCaf\u00e9: 2;4.0\n'.encode(),
    )

    def attempt(rng: random.Random) -> None:
        path.write_bytes(mutate(rng.choice(plain), rng))
        given = read_given(path, dimensions, 0)
        assert len(given.movie) == len(given.stars) == len(np.unique(given.movie))
        assert ((given.stars >= 1) & (given.stars <= 5)).all()

    fuzz("given ratings", attempt)


def test_predict_parquet(run: Run) -> None:
    plain = pa.table({"userid": [3, 6] * 50, "movieid": [2, 4] * 50, "note": ["a", "b"] * 50})
    pq.write_table(plain, "plain.parquet")
    content = Path("plain.parquet").read_bytes()

    def write(path: Path, rng: random.Random) -> None:
        if rng.random() < 0.6:
            path.write_bytes(mutate(content, rng))
            return
        rows = rng.randrange(4)
        names = rng.sample(["userid", "movieid", "x", "x", "", "a.b"], rng.randrange(7))
        numbers = np.array([rng.choice((0, 2, 3, 4, 6)) for _ in range(rows)], np.int64)
        columns = [
            pa.array(numbers)
            if name.endswith("id") and rng.random() < 0.6
            else rng.choice(COLUMNS)(numbers)
            for name in names
        ]
        pq.write_table(pa.Table.from_arrays(columns, names=names), path)

    fuzz(
        "predict, Parquet",
        attempt_to_predict(CheckpointModel(run.checkpoint), "pairs.parquet", write),
    )


def test_counts(run: Run) -> None:
    """Of the encoded tables and of a checkpoint, digests find any change; of these, none does."""
    file = run.split / "counts/users.parquet"
    content, table = file.read_bytes(), pq.read_table(file)

    def attempt(rng: random.Random) -> None:
        if rng.random() < 0.4:
            file.write_bytes(mutate(content, rng) if rng.random() < 0.9 else content)
        else:
            counts = np.array(table[0].to_pylist(), np.int32)
            counts[rng.randrange(len(counts))] = rng.choice((0, -1, 2**31 - 1))
            column = (
                pa.array(counts) if rng.random() < 0.3 else rng.choice(COLUMNS)(counts.astype(int))
            )
            name = table.column_names[0] if rng.random() < 0.8 else rng.choice(ODD_TEXTS)
            changed = pa.table({name: column}).replace_schema_metadata(table.schema.metadata)
            pq.write_table(changed[: rng.choice((len(counts), 3))], file)
        assert len(run.dimensions().training_ratings["users"]) == len(table)

    fuzz("counts of training ratings", attempt)


def test_ids(run: Run) -> None:
    recommender = Recommender.load(run.checkpoint, None, run.retrieval)

    def attempt(rng: random.Random) -> None:
        wanted = rng.choice((*ODD_TEXTS, "3", "6", "2", "4", "102", str(rng.randrange(300))))
        top = rng.choice((1, 10, 10**30))
        if rng.random() < 0.5:
            recommend(recommender, find_person(recommender.scorer, run.ratings, wanted), top)
        else:
            find_similar(recommender.retrieval, recommender.scorer.dimensions, wanted, top)

    fuzz("ids", attempt)
