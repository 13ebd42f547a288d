"""Git and DVC repositories that the tests make, and copies of this project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.imports import ROOT
from tests.params import set_params


class Repository:
    """A folder in which commands run, untouched by the settings of who runs the tests."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "test"),
            **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "test@example.invalid"),
            # Keeps DVC's own state out of the home folder.
            "DVC_SITE_CACHE_DIR": str(folder.parent / "site"),
            "DVC_NO_ANALYTICS": "1",
            **environment,
        }

    def run(self, *command: str) -> str:
        """Run a command, which must succeed, and return what it prints."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def init(self) -> None:
        self.run("git", "init", "--quiet", "--initial-branch", "main")

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "test")

    def short_name(self, revision: str = "HEAD") -> str:
        return self.run("git", "rev-parse", "--short", revision).strip()

    def set_params(self, **values: object) -> None:
        set_params(self.folder / "params.yaml", **values)

    @property
    def lock(self) -> str:
        return (self.folder / "dvc.lock").read_text()


def copy_checkout(folder: Path) -> None:
    """Copy the code of the pipeline and its settings, without Git, outputs and dvc.lock."""
    ignored = shutil.ignore_patterns("__pycache__", "epoch.json")
    for name in ("recsys", "stages", ".dvc/plots", "live"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    files = ("dvc.yaml", "params.yaml", ".gitignore", ".dvcignore", ".dvc/config")
    for name in (*files, ".dvc/.gitignore"):
        shutil.copy(ROOT / name, folder / name)
