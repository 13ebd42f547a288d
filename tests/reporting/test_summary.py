"""What changed since another run, and what it did."""

from pathlib import Path

import pytest

from recsys.common.errors import InputError
from recsys.reporting.comparison.change import Change
from recsys.reporting.comparison.compare import Comparison
from recsys.reporting.comparison.summary import summarise
from recsys.reporting.pages.report import find_base, make_report
from recsys.reporting.rendering.blocks import Interval
from recsys.reporting.runs.params import changed_params
from tests.small import JUDGE, SmallProject


def runs(*changes: Change) -> Comparison:
    return Comparison(list(changes), [], {}, [])


def test_params_data_and_code_that_changed_are_named(small: SmallProject) -> None:
    assert summarise("HEAD", runs()) == "Nothing changed since HEAD. No metric differs."
    small.set_width(90)
    small.write("judge.py", JUDGE + "# an edit\n")
    small.write("README.md", "No stage depends on this.")
    assert summarise("HEAD", runs()) == (
        "Changed since HEAD: model.width 80 → 90, code (judge.py). No metric differs."
    )
    small.commit()
    # Other content, whatever the params say.
    small.record({}, "judge.py")
    lock = Path("dvc.lock").read_text().replace('"judge.py"', '"data/raw"')
    small.write("dvc.lock", lock)
    assert summarise("HEAD", runs()) == "Changed since HEAD: the data. No metric differs."


def test_many_params_are_counted(small: SmallProject) -> None:
    Path("params.yaml").write_text("model: {a: 1, b: 2, c: 3, d: 4}\n")
    assert summarise("HEAD", runs()).startswith(
        "Changed since HEAD: model.a absent → 1, model.b absent → 2, model.c absent → 3, "
        "2 more params. "
    )


def test_a_new_section_is_one_change_and_an_empty_value_is_not_absent(
    small: SmallProject,
) -> None:
    Path("params.yaml").write_text("model: {width: ''}\nown: {a: '', b: 2}\n")
    assert summarise("HEAD", runs()).startswith(
        'Changed since HEAD: new section own, model.width 80 → "". '
    )
    assert changed_params("HEAD") == [
        ("model.width", "80", '""'),
        ("own.a", "", '""'),
        ("own.b", "", "2"),
    ]


def test_what_it_did_is_sorted_by_verdict(small: SmallProject) -> None:
    found = runs(
        Change("auc", 0.8, 0.81, Interval(0.005, 0.015), True, True),
        Change("log_loss", 0.5, 0.51, Interval(0.005, 0.015), True, True),
        Change("ndcg", 0.5, 0.51, Interval(0.005, 0.015), True),
        Change("accuracy", 0.7, 0.71, Interval(-0.01, 0.03)),
        Change("grouped_auc", 0.7, 0.71),
        Change("mae", 0.7, 0.7),
        # Neither direction is better.
        Change("rows", 10, 20),
    )
    assert summarise("HEAD", found) == (
        "Nothing changed since HEAD. Better: auc (+0.01000). Worse: log_loss (+0.01000). "
        "Better, or noise of the one training seed: ndcg (+0.01000). "
        "Within noise: accuracy. Changed, with no interval: grouped_auc (+0.01000)."
    )


def test_a_report_is_beside_the_commit_that_is_named(small: SmallProject) -> None:
    for width in (90, 70):
        small.set_width(width)
        small.commit()
    first, last = map(small.short_name, ("HEAD~2", "HEAD~1"))
    assert find_base() == last
    assert make_report("HEAD~2").text.startswith(f"Changed since {first}: model.width 80 → 70. ")
    with pytest.raises(InputError, match="nowhere: no such commit"):
        make_report("nowhere")
