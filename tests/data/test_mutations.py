"""Damaged and edited files of own data and of releases are read right, or refused in one line."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.data.files.text_table import TextFile
from recsys.data.own import own_schema
from recsys.data.presets import preset
from recsys.data.schema import Column, File, Schema
from recsys.pipeline.params import load_params
from recsys.sources.params import OwnParams
from tests.conftest import PARAMS, unpinned
from tests.fuzz.mutations import fuzz, mutate
from tests.raw import read_raw
from tests.toy import Toy, make_toy, write_100k, write_csv, write_dat

OWN = {
    "interactions": "t.csv", "users": "t.csv", "items": "t.csv", "user": "u", "item": "i",
    "rating": "r", "time": "t", "title": "name", "user_features": ("city:category",),
    "item_features": ("tags:list", "price:number"),
}  # fmt: skip
CHANGES = [{}, {"rating": "", "negatives": 1}, {"duplicates": "keep_last"}, {"time": ""}]
OWN_FILES = {
    "interactions/t.csv": "u,i,r,t\n"
    + "".join(f"{u},{i},{u * i % 5},{10**9 + u}\n" for u in range(5) for i in range(4)),
    "users/t.csv": "u,city\n0,x\n1,y\n2,X\n3,\n4,z\n",
    "items/t.csv": 'i,name,tags,price\n0,Zero,a|b,1.5\n1,"One, two",b,\n2,,,3\n3,Three,A |b,7\n',
}


def check(folder: Path, schema: Schema) -> None:
    """What is read can be encoded, and rows refer to users and movies that there are."""
    tables = read_raw(folder, schema, label_threshold=None)
    assert tables.ratings["user"].between(0, len(tables.users) - 1).all()
    assert tables.ratings["movie"].between(0, len(tables.movies) - 1).all()
    assert tables.ratings["rating_norm"].between(0, 1).all()
    assert not any("\n" in note or len(note) > 2000 for note in tables.notes)


def test_own_data(tmp_path: Path) -> None:
    params = load_params(PARAMS)[OwnParams].model_copy(update=OWN)

    def attempt(rng: random.Random) -> None:
        for name, text in OWN_FILES.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            content = text.encode()
            (tmp_path / name).write_bytes(mutate(content, rng) if rng.random() < 0.4 else content)
        check(tmp_path, own_schema(params.model_copy(update=rng.choice(CHANGES))))

    fuzz("own data", attempt)


@pytest.mark.parametrize(
    ("name", "write"), [("ml-1m", write_dat), ("ml-100k", write_100k), ("ml-25m", write_csv)]
)
def test_releases(tmp_path: Path, name: str, write: Callable[[Toy, Path], Path]) -> None:
    write(make_toy(12, 8, 60), tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def attempt(rng: random.Random) -> None:
        for path, content in files.items():
            path.write_bytes(mutate(content, rng) if rng.random() < 0.4 else content)
        check(tmp_path, preset(unpinned(name)))

    fuzz(name, attempt)


def test_errors_name_the_lines_of_the_values_that_are_read(tmp_path: Path) -> None:
    """A line, found by Python's csv, holds the values that Arrow reads, whatever the quotes."""
    columns = [Column("a"), Column("b")]
    texts = ["x", '"x"', '"x\ny"', '"a""b"', "", '"a"b', ' "c"', '"', "1,2", '"2\r\n3"', "é"]
    ends = ["\n", "\n", "\r\n", "\n\n", "\r"]

    def attempt(rng: random.Random) -> None:
        rows = range(rng.randrange(6))
        text = "".join(f"{rng.choice(texts)},{rng.choice(texts)}{rng.choice(ends)}" for _ in rows)
        content = ("a,b\n" + text).encode()
        (tmp_path / "t.csv").write_bytes(content)
        table = TextFile(tmp_path, File(Path("t.csv"))).read(columns)
        values = zip(*(table.texts(column).to_pylist() for column in columns), strict=True)
        lines = [""] * 2 + content.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for row, (first, _) in enumerate(values):
            line = int(table.file.place(row).removeprefix("line "))
            start = re.split(r"[\r\n]", first.replace('"', ""))[0]
            assert start in lines[line + 1].replace('"', "")

    fuzz("lines", attempt)
