"""Changes the modules that make numbers, one place at a time, and runs the tests of their room.

    python -m tests.mutants [--sample N] [--seed S] [MODULE...]

A module is ROOM/NAME, such as data/splitting; without one, all are drawn from. The changes are made
in a copy of the checkout. Exit 1 means that the tests did not notice some: SURVIVED names them.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.imports import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy_checkout(Path(folder))
        draw = (str(options.sample), str(options.seed), *options.modules)
        command = (sys.executable, "-m", "tests.mutants.trial", *draw)
        return subprocess.run(command, cwd=folder).returncode


def copy_checkout(folder: Path) -> None:
    """Copy what Git knows or would add, as it is in the checkout."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in subprocess.check_output(command, cwd=ROOT, text=True).split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


if __name__ == "__main__":
    sys.exit(main())
