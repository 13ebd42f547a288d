"""Files that are damaged, edited or odd are used or refused in one line, and nothing is lost."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file

from recsys.cli.trials.space import read_space
from recsys.models.checkpoint import read_checkpoint
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


@pytest.fixture
def copied(run: Run) -> Path:
    return Path(shutil.copytree(run.checkpoint, "copied"))


def test_description_of_a_checkpoint(copied: Path) -> None:
    file = copied / "model.json"
    text = file.read_bytes()

    def attempt(rng: random.Random) -> None:
        file.write_bytes(text if rng.random() < 0.1 else mutate(text, rng))
        scorer = CheckpointModel(copied)
        assert 0 <= scorer.score(torch.tensor([0]), torch.tensor([0]))[0] <= 1

    fuzz("model.json", attempt)


def test_weights_of_a_checkpoint(copied: Path) -> None:
    file = copied / "model.safetensors"
    content = file.read_bytes()
    # Copies: the file is overwritten below.
    weights = {name: weight.clone() for name, weight in load_file(file).items()}
    header = int.from_bytes(content[:8], "little") + 8

    def attempt(rng: random.Random) -> None:
        kind = rng.random()
        if kind < 0.1:
            file.write_bytes(content)
        elif kind < 0.7:
            # The header is a small part of the file, but most can go wrong in it.
            file.write_bytes(mutate(content[:header], rng) + content[header:])
        else:
            save_file(change_weights(weights, rng), file)
        read_checkpoint(copied)

    fuzz("model.safetensors", attempt)


def change_weights(weights: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    changed = {name: weight.clone() for name, weight in weights.items()}
    name = rng.choice(list(changed))
    new = rng.choice(
        (
            changed[name].double(),
            changed[name].half(),
            changed[name][:-1].clone(),
            changed[name].flatten().clone(),
            torch.full_like(changed[name], rng.choice((torch.nan, torch.inf, 1e38))),
            torch.zeros(0),
        )
    )
    changed[rng.choice((name, name, "more"))] = new.clone()
    if rng.random() < 0.2:
        del changed[name]
    return changed


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
