from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from recsys.common.errors import InputError
from recsys.storage.lineage import FIELDS, Lineage, Stage, read_lineage, require_same_run
from recsys.storage.parquet import write_parquet

FULL = Lineage("a", "b", past_only=False, fitted="c")
OTHERS = {"ids": "users and movies", "split": "split", "past_only": "split", "fitted": "fitted fea"}
STAGES: tuple[Stage, ...] = ("encode", "split", "features")


def write(folder: Path, metadata: dict[str, str]) -> Path:
    table = pa.table({"x": [1]})
    write_parquet(table, folder / "file.parquet", table.schema, metadata)
    return folder / "file.parquet"


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("past_only", [False, True])
def test_a_file_gives_the_fields_of_its_stage(
    tmp_path: Path, stage: Stage, past_only: bool
) -> None:
    full = replace(FULL, past_only=past_only)
    expected = Lineage(**{name: getattr(full, name) for name in FIELDS[stage]})
    assert read_lineage(write(tmp_path, full.to_metadata()), stage) == expected
    assert read_lineage(write(tmp_path, expected.to_metadata()), stage) == expected


@pytest.mark.parametrize(
    ("stage", "name"), [(stage, name) for stage in STAGES for name in FIELDS[stage]]
)
def test_a_missing_field_is_refused_in_one_line(tmp_path: Path, stage: Stage, name: str) -> None:
    metadata = FULL.to_metadata()
    del metadata[name]
    message = f"file.parquet does not name its {OTHERS[name]}.*: no {name}; run `dvc repro`"
    with pytest.raises(InputError, match=message) as error:
        read_lineage(write(tmp_path, metadata), stage)
    assert "\n" not in str(error.value)


def test_past_only_is_true_or_false(tmp_path: Path) -> None:
    path = write(tmp_path, FULL.to_metadata() | {"past_only": "earlier"})
    with pytest.raises(InputError, match=r"file\.parquet: past_only: Input should be a valid bool"):
        read_lineage(path, "split")


@pytest.mark.parametrize("name", OTHERS)
def test_files_of_different_runs_are_refused(name: str) -> None:
    here, there = Path("here"), Path("there")
    require_same_run(here, FULL, there, FULL)
    require_same_run(here, FULL, there, Lineage("a"))
    other = replace(FULL, **{name: True if name == "past_only" else "x"})
    message = f"here and there are of different runs: they differ in their {OTHERS[name]}"
    with pytest.raises(InputError, match=message):
        require_same_run(here, FULL, there, other)
