"""A copy of the project on small synthetic data, and what a run leaves in it."""

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.repository import Repository, copy_checkout

PARAMS: dict[str, object] = {
    "fetch.dataset": "synthetic",
    "fetch.synthetic_users": 200,
    "fetch.synthetic_movies": 120,
    "fetch.synthetic_ratings": 5000,
    "features.sparse": ["userid", "movieid", "genres", "liked"],
    "features.dense": ["gender", "user", "movie"],
    "train.epochs": 6,
    "train.patience": 6,
    "train.batch_size": 64,
}
FOLDERS = ("data", "models", "metrics", "live")
MADE = ("data", "models", "metrics", "dvc.lock", ".dvc/cache", ".dvc/tmp")


class KilledProject(Repository):
    """A project in a folder of its own, with a cache of its own.

    Args:
        target: the last stage to run.
        changes: params.
    """

    def __init__(self, folder: Path, target: str = "evaluate", **changes: object) -> None:
        settings = {
            "OMP_NUM_THREADS": "1",
            "DVC_SITE_CACHE_DIR": str(folder.with_name(f"{folder.name}-site")),
            # So that a killed training resumes.
            "RECSYS_SAVE_EVERY": "10",
            # Where it is dash, it stays beside a stage whose command has no `exec`.
            "SHELL": "/bin/sh",
        }
        super().__init__(folder, **settings)
        self.aim_at(target)
        copy_checkout(folder)
        self.set_params(**PARAMS | changes)
        self.init()

    def aim_at(self, stage: str) -> None:
        """Let runs end with this stage."""
        self.command = (sys.executable, "-m", "dvc", "repro", stage)

    def start(self) -> subprocess.Popen[bytes]:
        """Start `dvc repro` as a terminal does, in a process group of its own."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def clear(self) -> None:
        """Remove all that a run makes."""
        for name in MADE:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def mend(self, lock: str) -> bool:
        """Remove the files that DVC left half-written, as docs/experiments.md says.

        DVC 3.67 writes them in place, so a kill cuts them off. A dvc.lock that ends after the hash
        of a stage's last output is valid, and DVC never completes it: the next run keeps an entry
        whose hashes agree, although it lacks the size or the number of files.

        Args:
            lock: the whole dvc.lock. DVC adds one stage after the other.

        Returns:
            Whether there was such a file.
        """
        cut = []
        path = self.folder / ".dvc/tmp/rwlock"
        with contextlib.suppress(FileNotFoundError):
            try:
                json.loads(path.read_text())
            except json.JSONDecodeError:
                cut.append(path)
        path = self.folder / "dvc.lock"
        starts = [match.start() for match in re.finditer(r"^  \w+:$", lock, re.MULTILINE)]
        if path.exists() and self.lock not in {lock[:end] for end in (*starts[1:], len(lock))}:
            cut.append(path)
        for path in cut:
            path.unlink()
        return bool(cut)

    def outputs(self) -> dict[str, str]:
        """The digest of each file that a run made, also of those that should not be there."""
        paths = [path for name in FOLDERS for path in sorted((self.folder / name).rglob("*"))]
        digests = {}
        for path in paths:
            if path.is_file() and path.name != ".gitignore":
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                digests[str(path.relative_to(self.folder))] = digest
        return digests

    def processes(self) -> dict[int, str]:
        """The command line of each process that runs in the project's folder."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink() == self.folder:
                    command = (process / "cmdline").read_bytes()
                    found[int(process.name)] = command.replace(b"\0", b" ").decode()
        return found
