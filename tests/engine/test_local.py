"""The engine of one machine: SQL and functions give the same, whatever the processes and memory."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.common.errors import InputError
from recsys.engine.engine import ENGINE, choose_engine
from recsys.engine.local import MEMORY, WORKERS, LocalEngine
from tests.engine.engines import use_engine


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail_or_write(path: Path | None) -> None:
    if path is None:
        raise InputError("wrong")
    time.sleep(1)
    path.touch()


def blocks_interrupt(_: int) -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize("workers", [1, 2])
def test_results_are_in_the_order_of_the_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    use_engine("local", monkeypatch, workers)
    found = choose_engine(tmp_path).map(square, range(6))
    assert [value for value, _ in found] == [0, 1, 4, 9, 16, 25]
    elsewhere = {process for _, process in found} - {os.getpid()}
    assert bool(elsewhere) == (workers == 2)


def test_a_killed_worker_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine("local", monkeypatch, 2)
    with pytest.raises(InputError, match="a worker process was killed, perhaps for lack of memory"):
        choose_engine(tmp_path).map(die_at_three, range(6))


def test_a_failure_ends_the_other_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise they would write behind the stage that has removed its files."""
    use_engine("local", monkeypatch, 2)
    engine = choose_engine(tmp_path)
    paths = [tmp_path / "1", tmp_path / "2"]
    with pytest.raises(InputError, match="wrong"):
        engine.map(fail_or_write, [None, *paths])
    time.sleep(1.5)
    assert not any(path.exists() for path in paths)
    assert [value for value, _ in engine.map(square, range(3))] == [0, 1, 4]


def test_ctrl_c_is_for_the_stage_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine("local", monkeypatch, 2)
    engine = LocalEngine(tmp_path)
    assert engine.map(blocks_interrupt, range(2)) == [True, True]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    # What DuckDB raises for it.
    with pytest.raises(KeyboardInterrupt), engine._connect({}):
        raise RuntimeError("Query interrupted")


def test_too_little_memory_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"number": np.arange(500_000)}), tmp_path / "numbers.parquet")
    monkeypatch.setenv(MEMORY, "1MB")
    with pytest.raises(
        InputError, match=r"^RECSYS_MEMORY = 1MB: too little, or the disk has .*\)$"
    ):
        LocalEngine(tmp_path / "spilled").query(
            "SELECT DISTINCT number FROM numbers", {"numbers": tmp_path / "numbers.parquet"}
        )


def test_rows_are_scattered_by_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if they do not fit in the memory: then they spill to the disk."""
    numbers = np.random.default_rng(1).permutation(200_000)
    table = pa.table({"number": numbers, "rest": (numbers % 3).astype(np.int32)})
    pq.write_table(table, tmp_path / "numbers.parquet")
    monkeypatch.setenv(MEMORY, "50MB")
    engine = LocalEngine(tmp_path / "spilled")
    sources = {"numbers": tmp_path / "numbers.parquet", "wanted": pa.table({"rest": [0, 2]})}
    sql = "SELECT number, numbers.rest AS rest FROM numbers JOIN wanted USING (rest)"
    assert len(engine.query(sql, sources)) == np.isin(numbers % 3, [0, 2]).sum()
    engine.scatter(sql, sources, "rest", tmp_path / "scattered")
    folders = sorted(path.name for path in (tmp_path / "scattered").iterdir())
    assert folders == ["rest=0", "rest=2"]
    for rest in (0, 2):
        files = (tmp_path / "scattered" / f"rest={rest}").glob("*.parquet")
        found = pa.concat_tables(pq.read_table(file, partitioning=None) for file in files)
        assert found.column_names == ["number"]
        assert sorted(found["number"].to_pylist()) == list(range(rest, 200_000, 3))
    assert not (tmp_path / "spilled").exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (ENGINE, "ray", r"RECSYS_ENGINE = ray: must be one of local, spark"),
        (WORKERS, "0", r"RECSYS_WORKERS = 0: must be an integer from 1"),
        (WORKERS, "two", r"RECSYS_WORKERS = two: must be an integer from 1"),
        (MEMORY, "much", r"RECSYS_MEMORY = much: "),
    ],
)
def test_a_wrong_setting_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message) as caught:
        choose_engine(tmp_path).query("SELECT 1 AS one", {})
    assert "\n" not in str(caught.value)
