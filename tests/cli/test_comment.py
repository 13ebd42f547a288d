"""The comment on a pull request, and the workflows that write it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from recsys.cli.main import main
from tests.imports import ROOT
from tests.small import SmallProject

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_a_comment_is_printed_from_any_folder(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small.folder / "notes").mkdir()
    monkeypatch.chdir("notes")
    result = CliRunner().invoke(main, ["comment", "HEAD"])
    assert result.exit_code == 0, result.output
    # By this the workflow finds its comment again.
    assert result.output.startswith("<!-- report of ")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_rights_are_few(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in uses)
    workflow = YAML(typ="safe").load(path)
    for job in workflow["jobs"].values():
        rights = job.get("permissions", workflow["permissions"])
        assert rights == {"contents": "read"} or (
            # A job that may write runs no code of the pull request.
            rights == {"pull-requests": "write"} and all("uses" not in s for s in job["steps"])
        )
        assert job["timeout-minutes"]


@pytest.mark.parametrize(("found", "method"), [("", "POST"), ("7", "PATCH")])
def test_the_comment_is_written_once_and_then_anew(tmp_path: Path, found: str, method: str) -> None:
    workflow: dict[str, Any] = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "report.yml")
    (step,) = workflow["jobs"]["comment"]["steps"]
    # Stands in for GitHub's program: prints the comment that it finds, and logs its arguments.
    gh = tmp_path / "gh"
    gh.write_text('#!/bin/sh\ncase "$*" in *--jq*) echo "$FOUND";; *) echo "$@" >> log;; esac\n')
    gh.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "FOUND": found,
        "COMMENT": '<!-- report of it -->\n"two" $lines',
        "REPOSITORY": "our/project",
        "NUMBER": "3",
    }
    command = ["bash", "-e", "-o", "pipefail", "-c", step["run"]]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True)
    log = (tmp_path / "log").read_text()
    assert log.count("--method") == 1
    assert f"--method {method}" in log
    assert environment["COMMENT"] in log
