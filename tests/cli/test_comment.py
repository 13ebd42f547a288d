"""The comment on a pull request, and the workflows that write it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT
from tests.small import SmallProject

SCRIPT = str(ROOT / "recsys/cli/pull_request_comment")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_a_comment_tells_metrics_params_and_plots_of_two_commits(small: SmallProject) -> None:
    small.set_width(90)
    small.repro()
    small.commit()
    comment = small.run(SCRIPT, "HEAD~1")
    assert comment.startswith("<!-- report of ")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in comment.splitlines()]
    assert ["metrics/test.json", "auc", "0.8", "0.9", "0.1"] in cells
    assert ["params.yaml", "model.width", "80", "90"] in cells
    assert comment.count("```mermaid") == 1
    # Guessing, the base and this.
    assert len(re.findall(r"^  line \[", comment, re.MULTILINE)) == 3
    # GitHub takes no longer one.
    assert len(comment) < 65_536


def test_a_comment_without_a_change_says_so(small: SmallProject) -> None:
    assert small.run(SCRIPT, "HEAD").count("No change.") == 2


def test_a_commit_that_is_not_there_is_told(small: SmallProject) -> None:
    done = subprocess.run([SCRIPT, "nowhere"], capture_output=True, text=True, cwd=small.folder)
    assert done.returncode == 1
    assert done.stderr == "nowhere: no such commit here; name another, or git fetch it\n"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_rights_are_few(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in uses)
    workflow = YAML(typ="safe").load(path)
    for job in workflow["jobs"].values():
        rights = job.get("permissions", workflow["permissions"])
        assert rights == {"contents": "read"} or (
            # One that writes runs no code of the pull request.
            rights == {"pull-requests": "write"} and all("uses" not in s for s in job["steps"])
        )
        assert job["timeout-minutes"]


@pytest.mark.parametrize(("found", "method"), [("", "POST"), ("7", "PATCH")])
def test_the_comment_is_written_once_and_then_anew(tmp_path: Path, found: str, method: str) -> None:
    workflow: dict[str, Any] = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "report.yml")
    (step,) = workflow["jobs"]["comment"]["steps"]
    # Stands in for GitHub's: says which comment it finds, and writes down what it is told.
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
