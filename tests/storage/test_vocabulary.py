import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from recsys.common.errors import InputError
from recsys.common.rating_scale import WHOLE_STARS, RatingScale
from recsys.storage.parquet import write_parquet
from recsys.storage.registry import Feature, movielens_features
from recsys.storage.vocabulary import Vocabulary

VOCABULARY = Vocabulary(
    "ids",
    {feature.name: ("a", "b") for feature in movielens_features() if feature.kind != "dense"},
    WHOLE_STARS,
    3,
    movielens_features(),
    {"users": "int32", "movies": "string"},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of the vocabulary, beside some tables."""
    for name in ("users", "movies"):
        table = pa.table({name: [1, 2, 3]})
        write_parquet(table, tmp_path / f"{name}.parquet", table.schema)
    VOCABULARY.save(tmp_path / "vocabulary.json")
    return tmp_path / "vocabulary.json"


def refuse(path: Path, message: str) -> None:
    with pytest.raises(InputError) as error:
        Vocabulary.load(path)
    text = str(error.value)
    assert text.startswith(f"{path} is not a vocabulary (")
    assert text.endswith("; run `dvc repro encode`, or restore it with `dvc checkout`")
    assert re.search(message, text), text
    assert "\n" not in text


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("scale", [WHOLE_STARS, RatingScale(0.5, 5, None)])
def test_a_saved_vocabulary_loads_unchanged(path: Path, implicit: bool, scale: RatingScale) -> None:
    vocabulary = replace(VOCABULARY, implicit=implicit, rating_scale=scale)
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary


@pytest.mark.parametrize("name", ["vocabulary.json", "users.parquet", "movies.parquet"])
def test_a_changed_or_missing_file_is_refused(path: Path, name: str) -> None:
    file = path.parent / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    changed = f"{'' if file == path else f'{name}: '}not the original file: it was changed"
    for content in (data, b""):
        file.write_bytes(content)
        refuse(path, changed)
    file.unlink()
    refuse(path, f"No such file or directory.*{name}")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{}", b"[]", b"\xff\xfe{}", b"[" * 10_000, b"{}\n{}", b'"\\ud800"']
)
def test_other_content_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refuse(path, "it was changed, or is of an older version|codec can't decode")


@pytest.mark.parametrize("threshold", [0.5, 5.5, float("nan"), float("inf"), -1e300])
def test_a_threshold_off_the_scale_is_not_written(tmp_path: Path, threshold: float) -> None:
    message = (
        f"label_threshold = {threshold:g}: must be on the rating scale, 1 to 5 stars by 1; set"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)} encode.label_threshold in"):
        replace(VOCABULARY, label_threshold=threshold).save(tmp_path / "vocabulary.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "scale", [RatingScale(1, -5, 1), RatingScale(1, 5, 0), RatingScale(1, 5, 9)]
)
def test_a_scale_without_steps_is_not_written(tmp_path: Path, scale: RatingScale) -> None:
    with pytest.raises(InputError, match=r"rating_scale = .*: must ascend, by a step above 0"):
        replace(VOCABULARY, rating_scale=scale).save(tmp_path / "vocabulary.json")


@pytest.mark.parametrize("name", ["userid", "gp_stars", "genres"])
def test_a_column_that_has_the_name_of_a_feature_is_refused(tmp_path: Path, name: str) -> None:
    features = (*movielens_features(), Feature(name, "dense", "movies", "column", source="x"))
    message = f"own.item_features: '{name}' is the name of another feature; rename the column"
    with pytest.raises(InputError, match=message):
        replace(VOCABULARY, features=features).save(tmp_path / "vocabulary.json")
