"""Runs in a copy of the checkout: changes its modules one by one, and runs the tests of each.

Each run is a fork of this process, which has imported what takes seconds but nothing of recsys.
Tests marked `real` are left out: they take long, and need the archives.
"""

import os
import random
import resource
import shutil
import signal
import sys
import time
from collections import Counter

import numba
import pandas  # noqa: F401
import pyarrow.parquet  # noqa: F401
import pydantic  # noqa: F401
import pytest
import scipy.sparse  # noqa: F401
import sklearn.metrics  # noqa: F401
import torch  # noqa: F401

from tests.imports import ROOT, closure
from tests.mutants.changes import find_changes

ROOMS = {
    "tasks": ("metrics",),
    "data": ("splitting", "encoding"),
    "evaluation": ("bootstrap", "curves", "slices", "ranking", "paired"),
    "features": (
        *("statistics", "histories", "visibility", "gaussian_process"),
        *("kalman", "factors", "posterior"),
    ),
    "retrieval": (
        *("ease", "nearest", "trend", "histories", "encoder", "fit_encoder", "retrieval"),
    ),
}
MODULES = [f"{room}/{name}" for room, names in ROOMS.items() for name in names]
MEMORY = 16 * 2**30


def try_changes(modules: list[str], sample: int, seed: int) -> int:
    """Print what the tests did not notice; return how many they did not."""
    sources = {name: (ROOT / f"recsys/{name}.py").read_text() for name in modules or MODULES}
    changes = [(name, change) for name in sources for change in find_changes(sources[name])]
    drawn = random.Random(seed).sample(changes, min(sample, len(changes)))  # noqa: S311
    drawn.sort(key=lambda pair: (MODULES.index(pair[0]), pair[1].line))
    print(f"{len(drawn)} of {len(changes):,} changes", flush=True)
    limits: dict[str, float] = {}
    tried, noticed = Counter[str](), Counter[str]()
    for name, change in drawn:
        path, tests = ROOT / f"recsys/{name}.py", tests_of(name)
        if name not in limits:
            began = time.monotonic()
            if not run(tests, 600, "numba" in sources[name]):
                sys.exit(f"{name}: the tests fail without any change: {' '.join(tests)}")
            limits[name] = 20 + 5 * (time.monotonic() - began)
        path.write_text(change.source)
        passed = run(tests, limits[name], "numba" in sources[name])
        path.write_text(sources[name])
        tried[name] += 1
        noticed[name] += not passed
        word = "SURVIVED" if passed else "noticed "
        print(f"{word} {name}.py:{change.line}  {change.before}  ->  {change.after}", flush=True)
    for name in tried:
        print(f"{name}: {noticed[name]} of {tried[name]} noticed")
    total = tried.total()
    print(f"all: {noticed.total()} of {total} noticed, {noticed.total() / max(total, 1):.0%}")
    return total - noticed.total()


def tests_of(module: str) -> list[str]:
    """The test files of the room that import a module, its own first; none that the clock ends."""
    room, name = module.split("/")
    source, fuzz = ROOT / f"recsys/{module}.py", ROOT / "tests/fuzz/mutations.py"
    imported = {file: closure(file) for file in (ROOT / "tests" / room).glob("test_*.py")}
    files = [file for file, others in imported.items() if source in others and fuzz not in others]
    files.sort(key=lambda file: (file.stem != f"test_{name}", file))
    return [str(file.relative_to(ROOT)) for file in files]


def run(tests: list[str], limit: float, compiles: bool) -> bool:
    """Whether the tests pass within a time.

    Args:
        limit: seconds.
        compiles: the changed module is compiled, into callers of other modules too.
    """
    process = os.fork()
    if not process:
        _run_tests(tests, compiles)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.05)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


def _run_tests(tests: list[str], compiles: bool) -> None:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    # A change may leave the file's size and second as they were.
    sys.dont_write_bytecode = True
    cache = ROOT / "numba" / (str(os.getpid()) if compiles else "kept")
    numba.config.CACHE_DIR = str(cache)
    # Plugins and messages of failed assertions would take most of the time.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plain = ("-o", "addopts=", "--assert=plain", "-p", "no:cacheprovider", "-m", "not real")
    code = pytest.main(["-x", *plain, *tests])
    if compiles:
        shutil.rmtree(cache, ignore_errors=True)
    os._exit(int(code))


if __name__ == "__main__":
    sample, seed, *names = sys.argv[1:]
    sys.exit(try_changes(names, int(sample), int(seed)) > 0)
