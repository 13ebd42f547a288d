import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from recsys.common.errors import InputError
from recsys.common.rating_scale import WHOLE_STARS
from recsys.storage.registry import movielens_features
from recsys.storage.vocabulary import Vocabulary

VOCABULARY = Vocabulary(
    "ids",
    {feature.name: ("a", "b") for feature in movielens_features() if feature.kind != "dense"},
    WHOLE_STARS,
    3,
    movielens_features(),
    {"users": "int32", "movies": "string"},
)
CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a missing key": (lambda v: v.pop("ids"), "ids: Field required"),
    "a missing key within": (lambda v: v["rating_scale"].pop("step"), "rating_scale.step: Field"),
    "another key": (lambda v: v.update(x=1), "x: Unexpected keyword argument, found 1"),
    "another key within": (
        lambda v: v["features"][1].update(colour="red"),
        r"features\.1\.colour: Unexpected keyword argument, found 'red'",
    ),
    "a number for a text": (lambda v: v.update(ids=3), "ids: Input should be a valid string"),
    "a text for a number": (
        lambda v: v.update(label_threshold="3"),
        "label_threshold: Input should be a valid number, found '3'",
    ),
    "a number for a truth": (lambda v: v.update(implicit=0), "implicit: Input"),
    "a list": (lambda v: v.update(rating_scale=[1, 5, 1]), "rating_scale: Input should be an obj"),
    "no lists": (lambda v: v["names"].update(age="ab"), r"names\.age: Input should be a valid arr"),
    "a number as a name": (lambda v: v["names"]["age"].append(3), r"names\.age\.2: Input should b"),
    "a list as a name": (lambda v: v["names"]["age"].append([["c"]]), r"names\.age\.2: Input shou"),
    "nothing as a name": (lambda v: v["names"]["age"].append(None), r"names\.age\.2: Input shoul"),
    "a name twice": (
        lambda v: v["names"]["age"].append("b"),
        r"names\.age: 'b' follows 'b'; each must be greater",
    ),
    "names in another order": (
        lambda v: v["names"]["age"].reverse(),
        r"names\.age: 'a' follows 'b'; each must be greater",
    ),
    "no names": (
        lambda v: v["names"].pop("zip"),
        r"names = \[.*\]: must have the keys genres, age",
    ),
    "names of a number": (lambda v: v["names"].update(gender=[]), r"names = .*: must have the key"),
    "another kind": (lambda v: v["features"][0].update(kind="set"), r"features\.0\.kind: Input sh"),
    "a feature twice": (
        lambda v: v["features"].append(v["features"][0]),
        r"features\.6\.name = 'genres': there is another one",
    ),
    "a computed feature": (
        lambda v: v["features"][0].update(name="userid"),
        r"features\.0\.name = 'userid': there is another one",
    ),
    "no column": (
        lambda v: v["features"][0].update(column=None),
        r"features\.0 = Feature.*: is no",
    ),
    "of the ratings": (
        lambda v: v["features"][0].update(table="ratings"),
        r"features\.0 = Feature",
    ),
    "not a number": (
        lambda v: v["features"][5].update(missing=float("nan")),
        r"features\.5 = Feature.*: is no column of users or movies",
    ),
    "no such type": (
        lambda v: v["id_types"].update(users="int8"),
        "id_types = .*: must give users and movies one of int32, int64, string",
    ),
    "no type": (lambda v: v["id_types"].pop("users"), "id_types = {'movies': 'string'}: must give"),
    "a type too many": (lambda v: v["id_types"].update(x="int32"), "id_types = .*: must give"),
    "a scale that descends": (
        lambda v: v["rating_scale"].update(highest=-5),
        "rating_scale = 1 to -5 stars by 1: must ascend, by a step above 0",
    ),
    "an endless scale": (lambda v: v["rating_scale"].update(highest=10**400), "to inf stars by 1"),
    "no step": (lambda v: v["rating_scale"].update(step=0), "rating_scale = 1 to 5 stars by 0"),
    "a step of nan": (
        lambda v: v["rating_scale"].update(step=float("nan")),
        "5 stars by nan: must",
    ),
}


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    content = json.loads(json.dumps(asdict(VOCABULARY)))
    change(content)
    path = folder / "vocabulary.json"
    path.write_text(json.dumps(content))
    return path


def test_a_saved_vocabulary_loads_unchanged(tmp_path: Path) -> None:
    VOCABULARY.save(tmp_path / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "vocabulary.json") == VOCABULARY


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_an_edited_vocabulary_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = edited(tmp_path, change)
    with pytest.raises(InputError) as error:
        Vocabulary.load(path)
    text = str(error.value)
    assert text.startswith(f"{path} is not a vocabulary (")
    assert text.endswith("; run `dvc repro encode`, or restore it with `dvc checkout`")
    assert re.search(message, text), text
    assert "\n" not in text
    assert len(text) < 500


@pytest.mark.parametrize("threshold", [0.5, 5.5, float("nan"), float("inf"), -1e300])
def test_a_threshold_off_the_scale_is_neither_written_nor_read(
    tmp_path: Path, threshold: float
) -> None:
    message = (
        f"label_threshold = {threshold:g}: must be on the rating scale, 1 to 5 stars by 1; set"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)} encode.label_threshold in"):
        replace(VOCABULARY, label_threshold=threshold).save(tmp_path / "vocabulary.json")
    assert not list(tmp_path.iterdir())
    path = edited(tmp_path, lambda content: content.update(label_threshold=threshold))
    with pytest.raises(InputError, match=re.escape(message)):
        Vocabulary.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"3", b"\xff\xfe{}", b"[" * 10_000, b"{}\n{}", b'"\\ud800"']
)
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"is not a vocabulary \(.*\); run `dvc repro enc"
    ) as error:
        Vocabulary.load(path)
    assert "\n" not in str(error.value)
