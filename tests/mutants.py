"""Changes the modules that make numbers, one place at a time, and runs the tests of their room.

    python -m tests.mutants [--sample N] [--seed S] [MODULE...]

A module is ROOM/NAME, such as data/splitting; without one, all are drawn from. cosmic-ray makes the
changes, in a copy of the checkout. Exit 1 means that the tests did not notice some: SURVIVED names
them. Tests marked `real` are left out: they take long, and need the archives.
"""

import argparse
import ast
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from cosmic_ray.commands.init import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.testing import run_tests
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome

from tests.imports import ROOT, closure

ROOMS = {
    "scoring": ("metrics",),
    "common": ("pair_hash",),
    "data": ("splitting", "encoding", "negatives"),
    "evaluation": ("bootstrap", "curves", "slices", "ranking", "paired"),
    "features": (
        *("statistics", "histories", "visibility", "gaussian_process/folds"),
        *("gaussian_process/kalman", "gaussian_process/factors", "gaussian_process/co_ratings"),
        "gaussian_process/posterior",
    ),
    "retrieval": (
        *("ease", "nearest", "returning", "histories", "model", "candidates", "best"),
        *("sequence/encoder", "sequence/training"),
    ),
}
MODULES = [f"{room}/{name}" for room, names in ROOMS.items() for name in names]
# Of cosmic-ray's operators, those whose result still computes: `|` in place of `+` fails at once.
OPERATORS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_FloorDiv|Pow_Mul"
    r"|BitAnd_BitOr|BitOr_BitAnd)|ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Eq_NotEq"
    r"|NotEq_Eq|Is_IsNot|IsNot_Is)|ReplaceUnaryOperator_Delete_\w+|ReplaceTrueWithFalse"
    r"|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceBreakWithContinue"
    r"|ReplaceContinueWithBreak|AddNot|NumberReplacer|ZeroIterationForLoop)"
)
MEMORY = 16 * 2**30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("modules", nargs="*", metavar="MODULE", default=MODULES)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        copy_checkout(Path(folder))
        os.chdir(folder)
        survived = try_changes(options.modules, options.sample, options.seed)
        os.chdir(ROOT)
    return int(survived > 0)


def copy_checkout(folder: Path) -> None:
    """Copy what Git knows or would add, as it is in the checkout."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in subprocess.check_output(command, cwd=ROOT, text=True).split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def try_changes(modules: list[str], sample: int, seed: int) -> int:
    """Print what the tests did not notice; return how many they did not."""
    changes = [(name, change) for name in modules for change in find_changes(name)]
    drawn = random.Random(seed).sample(changes, min(sample, len(changes)))  # noqa: S311
    drawn.sort(key=lambda pair: (modules.index(pair[0]), pair[1].start_pos))
    print(f"{len(drawn)} of {len(changes):,} changes", flush=True)
    limits: dict[str, float] = {}
    tried, noticed = Counter[str](), Counter[str]()
    for name, change in drawn:
        command = test_command(name)
        if name not in limits:
            began = time.monotonic()
            if run_tests(command, 600)[0] is not TestOutcome.SURVIVED:
                sys.exit(f"{name}: the tests fail without any change: {command}")
            limits[name] = 20 + 5 * (time.monotonic() - began)
        with tempfile.TemporaryDirectory() as cache:
            # Numba does not see that a kernel changed which another module's kernel calls.
            os.environ["NUMBA_CACHE_DIR"] = cache
            result = mutate_and_test([change], command, limits[name])
        passed = result.test_outcome is TestOutcome.SURVIVED
        tried[name] += 1
        noticed[name] += not passed
        word = "SURVIVED" if passed else "noticed "
        print(f"{word} {name}.py:{change.start_pos[0]}  {show(str(result.diff))}", flush=True)
    for name in tried:
        print(f"{name}: {noticed[name]} of {tried[name]} noticed")
    total = tried.total()
    print(f"all: {noticed.total()} of {total} noticed, {noticed.total() / max(total, 1):.0%}")
    return total - noticed.total()


def find_changes(module: str) -> list[MutationSpec]:
    path, session = Path(f"recsys/{module}.py"), Path("mutants.sqlite")
    session.unlink(missing_ok=True)
    with use_db(str(session), WorkDB.Mode.create) as database:
        init([path], database, {})
        changes = [change for item in database.work_items for change in item.mutations]
    skipped = lines_without_numbers(path.read_text())
    return [
        change
        for change in changes
        if OPERATORS.fullmatch(change.operator_name) and change.start_pos[0] not in skipped
    ]


def lines_without_numbers(source: str) -> set[int]:
    """The lines of messages, assertions, imports, decorators and types."""
    parts: list[ast.AST] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr | ast.Import | ast.ImportFrom):
            parts.append(node)
        parts += getattr(node, "decorator_list", [])
        types = (getattr(node, field, None) for field in ("annotation", "returns"))
        parts += [part for part in types if part is not None]
    return {line for part in parts for line in range(part.lineno, part.end_lineno + 1)}


def test_command(module: str) -> str:
    """Runs the test files of the room that import a module, its own first; no fuzzing."""
    room, name = module.split("/")[0], Path(module).name
    source, fuzz = ROOT / f"recsys/{module}.py", ROOT / "tests/fuzz/mutations.py"
    imported = {file: closure(file) for file in (ROOT / "tests" / room).rglob("test_*.py")}
    files = [file for file, others in imported.items() if source in others and fuzz not in others]
    files.sort(key=lambda file: (file.stem != f"test_{name}", file))
    # Plugins and messages of failed assertions would take most of the time.
    plain = "-o addopts= --disable-plugin-autoload --assert=plain -p no:cacheprovider"
    paths = " ".join(str(file.relative_to(ROOT)) for file in files)
    return f"{sys.executable} -m pytest -x -m 'not real' {plain} {paths}"


def show(diff: str) -> str:
    """The changed lines of a diff, in one."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    sides = [[line[1:].strip() for line in lines if line[:1] == side] for side in "-+"]
    return "  ->  ".join(" ".join(side) for side in sides)


if __name__ == "__main__":
    sys.exit(main())
