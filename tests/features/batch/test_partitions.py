"""The files of the stage features are the same bytes for any number of partitions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recsys.features.visibility import QUERY, RatingLog
from tests.logs import ALL_GROUPS, SETTINGS, make_log, write_features


def with_negatives(log: RatingLog) -> RatingLog:
    """A log some of whose rows are drawn negatives."""
    return replace(log, part=np.where(np.arange(len(log.part)) % 5 == 0, QUERY, log.part))


def read_all(folder: Path) -> dict[str, bytes]:
    """The content of each file."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("people", [5, 200_000])
@pytest.mark.parametrize("negatives", [False, True])
@pytest.mark.parametrize("past_only", [False, True])
def test_partitions_change_no_byte(
    past_only: bool, negatives: bool, people: int, tmp_path: Path
) -> None:
    """With 20 partitions, some have no user."""
    log = make_log(past_only)
    log = with_negatives(log) if negatives else log
    groups = tuple(group for group in ALL_GROUPS if not (past_only and group == "recent"))
    process = SETTINGS.gaussian_process.model_copy(update={"people": people, "iterations": 3})
    settings = SETTINGS._replace(gaussian_process=process)
    found = {}
    for count in (1, 3, 8, 20):
        folder = tmp_path / f"{count}"
        folder.mkdir()
        write_features(log, folder, count, groups, settings)
        found[count] = read_all(folder)
    expected = {"train/00000.parquet", "validation.parquet", "test.parquet", "ratings.parquet"}
    expected |= {"liked.parquet", "disliked.parquet", "features.json", "fitted.safetensors"}
    assert found[1].keys() == expected
    for files in found.values():
        assert files.keys() == expected
        assert [name for name, content in files.items() if content != found[1][name]] == []
