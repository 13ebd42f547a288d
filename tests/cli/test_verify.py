"""A run in a clean copy against what is committed."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from recsys.cli import verify
from recsys.reporting.comparison.change import Change
from tests.small import JUDGE, SmallProject


def test_a_clean_copy_makes_the_same(small: SmallProject) -> None:
    result = CliRunner().invoke(verify.main)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[0] for row in rows if row and row[-1] == "same"] == [
        "data",
        "metrics/plots/roc.csv",
        "metrics/test.json",
    ]
    assert ["auc", "0.80000", "0.80000", "="] in rows


def test_what_a_clean_copy_makes_otherwise_is_named(small: SmallProject) -> None:
    """Code was committed without what it makes; the cache still has the old."""
    small.write("judge.py", JUDGE.replace("width / 100,", "width / 100 + 0.01,"))
    small.commit()
    result = CliRunner().invoke(verify.main)
    assert result.exit_code == 1
    verdicts = {row[0]: row[-1] for row in map(str.split, result.stdout.splitlines()) if row}
    assert verdicts["data"] == "same"
    assert verdicts["metrics/test.json"] == "differs"
    assert float(verdicts["auc"]) == 0.01
    assert json.loads(Path("metrics/test.json").read_text())["auc"] == 0.8


@pytest.mark.parametrize(
    ("old", "new", "close"),
    [
        (0.80, 0.81, True),
        (0.80, 0.83, False),
        # Of a metric above 1 the tolerance is relative: 1,361 ratings by 27.
        (1361, 1380, True),
        (1361, 1330, False),
        (None, None, True),
        (None, 0.8, False),
    ],
)
def test_a_tolerance_of_two_hundredths(old: float | None, new: float | None, close: bool) -> None:
    assert verify.is_close(Change("popularity", old, new), 0.02) is close


@pytest.mark.parametrize(
    ("file", "metrics", "tolerance", "missed"),
    [
        ("test", '{"auc": 0.81, "rows": 10}', "0.02", ""),
        ("test", '{"auc": 0.81, "rows": 10}', "0.005", "Not reproduced (metrics: auc)"),
        ("ranking", '{"ndcg": 0.2}', "0.02", "Not reproduced (metrics: ndcg)"),
    ],
)
def test_a_tolerance_is_of_all_metrics(
    small: SmallProject,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    metrics: str,
    tolerance: str,
    missed: str,
) -> None:
    """The hashes in dvc.lock differ, which a tolerance allows."""
    small.write("metrics/ranking.json", '{"ndcg": 0.3}')
    small.commit()

    def reproduce(copy: Path) -> Path:
        shutil.copytree(small.folder, copy)
        (copy / f"metrics/{file}.json").write_text(metrics)
        lock = copy / "dvc.lock"
        lock.write_text(lock.read_text().replace("md5: ", "md5: 0"))
        return copy

    monkeypatch.setattr(verify, "reproduce", reproduce)
    result = CliRunner().invoke(verify.main, ["--tolerance", tolerance])
    assert result.exit_code == bool(missed), result.output
    assert missed in result.output
