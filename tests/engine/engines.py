"""The engines that tests run on."""

import importlib.util

import pytest

from recsys.engine.engine import ENGINE
from recsys.engine.local import WORKERS

NO_SPARK = importlib.util.find_spec("pyspark") is None
SPARK = pytest.param(
    "spark",
    marks=[
        pytest.mark.skipif(NO_SPARK, reason="needs the extra spark"),
        # Spark's connections stay open until the process ends.
        pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    ],
)
ENGINES = ["local", SPARK]


def use_engine(name: str, monkeypatch: pytest.MonkeyPatch, workers: int = 2) -> None:
    """Let `choose_engine` choose this engine until the test ends."""
    monkeypatch.setenv(ENGINE, name)
    monkeypatch.setenv(WORKERS, str(workers))
