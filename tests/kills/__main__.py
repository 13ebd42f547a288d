"""Kill `dvc repro` many times; compare the outputs with an undisturbed run, byte by byte.

    python -m tests.kills [KILLS] [SEED]

It starts from nothing, kills the run at one moment after the other, lets it finish, and begins
anew. Exit 1 means that something was wrong: each kill's line says what.
"""

import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.kills.killer import Kill, finish, kill_run, plan_kills, plan_kills_of_two
from tests.kills.project import KilledProject

IN_A_ROW = 12
AT_ONCE = 3


def main(count: int = 200, seed: int = 1) -> int:
    generator = random.Random(seed)  # noqa: S311
    of_two = count // 10
    rows = [plan_kills(size, generator) for size in split(count - of_two, IN_A_ROW)]
    rows_of_two = [plan_kills_of_two(size, generator) for size in split(of_two, 5)]
    began = time.monotonic()
    totals: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        place = Path(folder)
        jobs = [
            pool.submit(kill_rows, place / str(number), rows[number::AT_ONCE], {})
            for number in range(AT_ONCE)
        ]
        jobs.append(pool.submit(kill_rows, place / "two", rows_of_two, {"train.processes": 2}))
        for job in jobs:
            totals += job.result()
    print(
        f"{totals['kills']} kills, {totals['late']} of them after the run's end; "
        f"{totals['files']:,} files compared, {totals['wrong']} wrong; DVC's own files cut off "
        f"{totals['mended']} times; {time.monotonic() - began:.0f} s"
    )
    return bool(totals["wrong"])


def split(count: int, size: int) -> list[int]:
    """Sizes up to `size` that sum up to `count`."""
    return [min(size, count - done) for done in range(0, count, size)]


def kill_rows(folder: Path, rows: list[list[Kill]], changes: dict[str, object]) -> Counter[str]:
    """Kill the runs of one project; count what happened."""
    project = KilledProject(folder, **changes)
    if code := project.start().wait():
        raise RuntimeError(f"{(folder / 'log').read_text()}\ndvc repro ended with {code}")
    expected, lock = project.outputs(), project.lock
    totals: Counter[str] = Counter()
    for row in rows:
        project.clear()
        for kill in row:
            outcome = kill_run(project, kill, expected, lock)
            totals["kills"] += 1
            totals["late"] += not outcome.done
            totals["files"] += outcome.files
            totals["wrong"] += len(outcome.wrong)
            totals["mended"] += outcome.mended
            if outcome.finished:
                project.clear()
            verdict = "; ".join(outcome.wrong) or ("well" if outcome.done else "too late")
            print(f"{kill}: {verdict}", flush=True)
        wrong = finish(project, expected, lock)
        totals["files"] += len(expected)
        totals["wrong"] += len(wrong)
        print(f"then finished: {'; '.join(wrong) or 'the same bytes'}", flush=True)
    return totals


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
