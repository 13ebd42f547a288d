"""The comment on a pull request."""

import re
from pathlib import Path

import pytest

from recsys.reporting.pages.comment import make_comment
from recsys.reporting.runs.git import git
from tests.errors import refused
from tests.small import SmallProject


def test_a_comment_shows_metrics_and_params_of_two_commits(small: SmallProject) -> None:
    small.set_width(90)
    small.repro()
    small.commit()
    comment = make_comment("HEAD~1")
    # By this the workflow finds its comment again.
    assert comment.startswith("<!-- report of metrics, params and plots -->\n")
    base, head = small.short_name("HEAD~1"), small.short_name()
    assert f"## {base} → {head}\n" in comment
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in comment.splitlines()]
    header = ["metric", base, "workspace", "difference", "95 % interval", "verdict"]
    assert header in cells
    assert ["auc", "0.80000", "0.90000", "+0.10000", "", ""] in cells
    missing = f"the dvc.lock of {base} does not record data/predictions.parquet"
    assert f"\nMetrics without intervals: {missing}.\n" in comment
    assert ["model.width", "80", "90"] in cells
    # Did not change.
    assert not any(row[:1] == ["rows"] for row in cells)
    # GitHub takes no longer one.
    assert len(comment) < 65_536


def test_a_comment_without_a_change_says_so(small: SmallProject) -> None:
    comment = make_comment("HEAD")
    assert comment.count("No change.") == 2


def test_a_comment_on_what_is_not_committed_says_so(small: SmallProject) -> None:
    head = small.short_name()
    small.set_width(90)
    assert f"## {head} → {head} with changes\n" in make_comment("HEAD")


@pytest.mark.parametrize("base", ["nowhere", "--all", "HEAD:dvc.yaml"])
def test_a_commit_that_is_not_there_is_refused(small: SmallProject, base: str) -> None:
    with refused(f"{base}: no such commit in this repository; name another, or `git fetch` it"):
        make_comment(base)


@pytest.mark.parametrize("text", ["<<<<<<< HEAD\n", "- 1", "\0", "3"])
def test_what_is_damaged_in_the_commit_is_left_out(small: SmallProject, text: str) -> None:
    names = ("params.yaml", "metrics/test.json", "dvc.lock")
    right = {name: Path(name).read_text() for name in names}
    for name in names:
        small.write(name, text)
    small.commit()
    for name in names:
        small.write(name, right[name])
    comment = make_comment("HEAD")
    assert re.search(r"\nNot compared: metrics/test.json of \w+ .*; run `dvc repro`\.\n", comment)
    assert re.search(r"\nNot compared: params.yaml of \w+[: ].*\.\n", comment)
    assert "No change." not in comment


def test_a_commit_message_may_have_any_bytes(small: SmallProject) -> None:
    Path("message").write_bytes(b"caf\xe9")
    latin = ("-c", "i18n.commitEncoding=ISO-8859-1")
    small.run("git", *latin, "commit", "--quiet", "--allow-empty", "--file", "message")
    assert git("log", "-1", "--format=%s", "--encoding=ISO-8859-1").strip() == "caf\ufffd"
