"""Two runs: which differences are noise, and the sentence about one without an interval."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

from recsys.common.params import read_yaml
from recsys.evaluation.paired import RANKING, Difference
from recsys.reporting.comparison.change import Change
from recsys.reporting.comparison.compare import (
    CORRECTED,
    Comparison,
    Found,
    _tabulate,
    compare_runs,
)
from recsys.reporting.pages.comment import make_comment
from recsys.reporting.pages.report import make_report
from recsys.reporting.rendering.blocks import Interval, Verdict
from recsys.reporting.rendering.render import as_markdown, html
from recsys.reporting.runs.lock import cached_output
from recsys.reporting.runs.run import Run
from recsys.reporting.runs.seeds import find_seeds, name_seeds
from recsys.scoring.metrics import classification_metrics, regression_metrics
from recsys.storage import schemas
from recsys.storage.parquet import write_parquet
from tests.conftest import PARAMS
from tests.small import SmallProject

OUTPUTS = ("data/predictions.parquet", "data/recommendations.parquet")
IN_GIT = ("dvc.lock", "metrics/test.json", "metrics/ranking.json")
SECTIONS: Any = read_yaml(PARAMS)
# Params of another run, which no seed explains.
OTHER = SECTIONS | {"split": {}}
LINEAGE = {"ids": "1", "split": "2", "top": "10", "relevant": "likes"}


def with_seed(params: dict[str, Any], seed: int) -> dict[str, Any]:
    return params | {"train": params["train"] | {"seed": seed}}


def write_run(
    project: SmallProject,
    shift: float,
    users: int = 50,
    seed: int = 1,
    with_stars: bool = True,
    id_type: str = "int32",
    **meaning: str,
) -> None:
    """A run whose scores of likes and whose ranking metrics are higher by a shift.

    Args:
        seed: the training seed, recorded only.
        with_stars: whether it expects stars too.
        id_type: of the users' ids.
        meaning: differences in the metadata of the lists.
    """
    random = np.random.default_rng(1)
    label = random.integers(0, 2, 20 * users).astype(np.int8)
    score = np.clip(random.random(len(label)) + shift * label, 0.01, 0.99).astype(np.float32)
    predictions = pd.DataFrame(
        {
            "raw_userid": np.repeat(np.arange(users), 20),
            "raw_movieid": np.tile(np.arange(20), users),
            "rating": 2 + 2.0 * label,
            "label": label,
            "score": score,
        }
    )
    if with_stars:
        predictions["stars"] = 1 + 4 * score
    predictions["raw_userid"] = predictions["raw_userid"].astype(
        str if id_type == "string" else int
    )
    schema = schemas.predictions({"users": id_type, "movies": "int32"}, with_stars)
    write_parquet(predictions, Path(OUTPUTS[0]), schema)
    lists = pd.DataFrame(
        {"user": np.arange(users), "movies": [[1, 2]] * users, "scores": [[0.5, 0.1]] * users}
    )
    lists = lists.assign(**dict.fromkeys(RANKING, random.random(users) / 2 + shift))
    write_parquet(lists, Path(OUTPUTS[1]), schemas.RECOMMENDATIONS, LINEAGE | meaning)
    metrics = classification_metrics(label, score, 0.5)
    if with_stars:
        metrics |= regression_metrics(2 + 2.0 * label, 1 + 4 * score)
    project.write("metrics/test.json", json.dumps(metrics))
    project.write("metrics/ranking.json", json.dumps({"ndcg": lists["ndcg"].mean(), "top": 10}))
    project.record(with_seed(SECTIONS, seed), *OUTPUTS)


@pytest.fixture
def runs(small: SmallProject) -> SmallProject:
    """A run that is committed; the workspace has the same."""
    write_run(small, shift=0.1)
    small.commit()
    return small


def by_name(found: Comparison) -> dict[str, Change]:
    return {change.name: change for change in found.all}


def test_a_better_run_is_better_in_the_direction_of_each_metric(runs: SmallProject) -> None:
    write_run(runs, shift=0.2)
    found = compare_runs("HEAD")
    changes = by_name(found)
    assert changes["auc"].interval is not None
    assert 0 < changes["auc"].interval.low < changes["auc"].interval.high
    for name in ("log_loss", "rmse", "mae"):
        assert (changes[name].interval or (0, 0))[1] < 0
    for name in ("auc", "log_loss", "rmse", "mae", "ndcg"):
        assert changes[name].verdict is Verdict.BETTER_WITH_ONE_SEED
    assert changes["ndcg"].interval == pytest.approx((0.1, 0.1))
    assert changes["rows"].delta == (0, None)
    # The small project has no data of which slices could be found.
    slices, seeds = found.notes
    assert slices.startswith("Slices without intervals: data/encoded/")
    assert seeds.startswith("The intervals are over users alone. ")
    cells = re.sub(" +", " ", make_comment("HEAD"))
    assert "| +0.10000 | [+0.10000, +0.10000] | better? |" in cells
    write_run(runs, shift=0.05)
    changes = by_name(compare_runs("HEAD"))
    assert changes["log_loss"].verdict is changes["rmse"].verdict is Verdict.WORSE_WITH_ONE_SEED


def test_users_with_texts_as_ids_are_compared(runs: SmallProject) -> None:
    write_run(runs, shift=0.2)
    expected = compare_runs("HEAD").metrics
    write_run(runs, shift=0.1, id_type="string")
    runs.commit()
    write_run(runs, shift=0.2, id_type="string")
    assert compare_runs("HEAD").metrics == expected


def test_a_run_with_stars_beside_one_without_is_compared_by_its_likes(runs: SmallProject) -> None:
    write_run(runs, shift=0.2, with_stars=False)
    found = compare_runs("HEAD")
    assert found.notes[0] == "Only one of the runs has mae and rmse."
    changes = by_name(found)
    assert changes["auc"].verdict is Verdict.BETTER_WITH_ONE_SEED
    rmse = changes["rmse"]
    assert rmse.old is not None
    assert rmse.new is rmse.interval is rmse.verdict is rmse.delta is None
    assert "rmse" not in make_report("HEAD").text
    assert "Only one of the runs has mae and rmse." in make_comment("HEAD")


def test_a_project_elsewhere_is_compared_with_a_commit_here(
    runs: SmallProject, tmp_path: Path
) -> None:
    """As `recsys verify` does with its clean copy."""
    write_run(runs, shift=0.2)
    shutil.copytree(runs.folder, tmp_path / "copy")
    write_run(runs, shift=0.1)
    found = by_name(compare_runs("HEAD", tmp_path / "copy"))
    assert found["auc"].verdict is found["ndcg"].verdict is Verdict.BETTER_WITH_ONE_SEED


def add_experiment(
    project: SmallProject, shift: float, seed: int, params: dict[str, Any] = SECTIONS
) -> None:
    """An experiment of the commit, as DVC keeps it; the workspace stays as it is."""
    head = project.run("git", "rev-parse", "HEAD").strip()
    here = {name: Path(name).read_bytes() for name in (*OUTPUTS, *IN_GIT)}
    write_run(project, shift)
    project.record(with_seed(params, seed), *OUTPUTS)
    project.commit()
    reference = f"refs/exps/{head[:2]}/{head[2:]}/seed-{seed}-{shift}"
    project.run("git", "update-ref", reference, "HEAD")
    project.run("git", "reset", "--quiet", "--hard", head)
    for name, content in here.items():
        Path(name).write_bytes(content)


def test_seeds_widen_the_interval_and_the_values_are_means(runs: SmallProject) -> None:
    add_experiment(runs, shift=0.2, seed=2)
    write_run(runs, shift=0.4)
    # Another param makes the workspace another run.
    runs.record(OTHER, *OUTPUTS)
    # A seed of one run alone says nothing of the other's.
    found = compare_runs("HEAD")
    assert found.notes[-1].startswith("The intervals are over users alone")
    assert by_name(found)["ndcg"].delta == pytest.approx((0.3, Verdict.BETTER_WITH_ONE_SEED))
    add_experiment(runs, shift=0.6, seed=2, params=OTHER)
    found = compare_runs("HEAD")
    assert found.notes[0] == (
        "Means over train.seed 1, 2 of the workspace, and over train.seed 1, 2 of HEAD; the "
        "intervals are over users and these seeds."
    )
    # Old are .1 and .2 over a common value, new .4 and .6: the means differ by .35.
    ndcg = by_name(found)["ndcg"]
    assert ndcg.delta is not None
    assert ndcg.delta.value == pytest.approx(0.35)
    # Every user gains as much. Welch's variances are .005 / 2 and .02 / 2: 1.47 degrees of freedom.
    margin = stdtrit(1.470588, 0.975) * np.sqrt(0.0125)
    assert ndcg.interval == pytest.approx((0.35 - margin, 0.35 + margin), rel=1e-4)
    assert ndcg.verdict is Verdict.NOISE
    assert not compare_runs("HEAD", seeds=False).metrics[0].several_seeds


def test_a_run_beside_one_of_another_seed_has_no_verdict(runs: SmallProject) -> None:
    """Users alone would call one of them better."""
    add_experiment(runs, shift=0.3, seed=3)
    write_run(runs, shift=0.2, seed=2)
    found = compare_runs("HEAD")
    assert found.notes == [
        "The runs differ in training seeds alone, so every difference is their noise."
    ]
    assert by_name(found)["ndcg"].delta == pytest.approx((0.1, None))


def test_an_experiment_that_is_not_in_the_cache_is_left_out(runs: SmallProject) -> None:
    add_experiment(runs, shift=0.2, seed=2)
    (lost,) = find_seeds(Path("dvc.lock").read_text()).values()
    cached_output(OUTPUTS[1], lost).unlink()
    write_run(runs, shift=0.4)
    runs.record(OTHER, *OUTPUTS)
    left_out, *_, last = compare_runs("HEAD").notes
    assert re.match(
        r"An experiment with another seed is left out: data/recommendations\.parquet of \w+ is not "
        r"in DVC's cache; .*a remote has it\.$",
        left_out,
    )
    assert last.startswith("The intervals are over users alone")


def test_the_seed_of_the_sequence_encoder_is_one_too(runs: SmallProject) -> None:
    other = SECTIONS | {"sequence": SECTIONS["sequence"] | {"seed": 7}}
    add_experiment(runs, shift=0.2, seed=1, params=other)
    found = find_seeds(Path("dvc.lock").read_text())
    assert list(found) == [(1, 7)]
    locks = [Path("dvc.lock").read_text(), runs.run("git", "show", f"{found[1, 7]}:dvc.lock")]
    assert name_seeds(locks) == "sequence.seed 1, 7"


def test_experiments_of_other_params_code_or_data_are_no_seeds(runs: SmallProject) -> None:
    add_experiment(runs, shift=0.2, seed=2)
    lock = Path("dvc.lock").read_text()
    assert list(find_seeds(lock)) == [(2, 1)]
    content = json.loads(lock)
    stage = content["stages"]["evaluate"]
    for change in (
        {"deps": [{"path": "recsys/models", "md5": "1" * 32}]},
        {"outs": [{"path": "data/raw", "md5": "1" * 32}]},
        {"params": {"params.yaml": OTHER}},
    ):
        other = content | {"stages": {"evaluate": stage | change}}
        assert find_seeds(json.dumps(other)) == {}


def test_the_same_run_is_not_compared(runs: SmallProject) -> None:
    found = compare_runs("HEAD")
    assert found.notes == []
    assert {change.verdict for change in found.all} == {None}
    assert "No change." in make_comment("HEAD")


def test_predictions_that_are_not_in_the_cache_leave_plain_differences(runs: SmallProject) -> None:
    for file in (runs.folder / ".dvc/cache").rglob("*"):
        if file.is_file():
            file.unlink()
    write_run(runs, shift=0.2)
    found = compare_runs("HEAD")
    what = "HEAD is not in DVC's cache; `dvc fetch --all-commits` brings it, if a remote has it."
    assert found.notes == [
        f"Metrics without intervals: data/predictions.parquet of {what}",
        f"Ranking without intervals: data/recommendations.parquet of {what}",
    ]
    for name in ("auc", "ndcg"):
        change = by_name(found)[name]
        assert change.interval is change.verdict is None
        assert change.delta is not None
        assert change.delta.value > 0


def test_what_cannot_be_paired_is_said(runs: SmallProject) -> None:
    write_run(runs, shift=0.2, users=40, split="3", top="20")
    assert compare_runs("HEAD").notes == [
        "Metrics without intervals: the runs have other test parts or other likes, so they cannot "
        "be paired.",
        "Ranking without intervals: the runs differ in test part and ranking.top, so they cannot "
        "be paired.",
    ]
    runs.write("metrics/test.json", json.dumps({"rmse": 0.9}))
    assert compare_runs("HEAD").notes[0] == (
        "Metrics without intervals: a run without AUC predicted stars alone, so they cannot be "
        "paired."
    )


def test_predictions_of_another_run_than_the_metrics_are_refused(runs: SmallProject) -> None:
    stale = Path(OUTPUTS[0]).read_bytes()
    write_run(runs, shift=0.2)
    Path(OUTPUTS[0]).write_bytes(stale)
    assert compare_runs("HEAD").notes[0] == (
        "Metrics without intervals: data/predictions.parquet is not what dvc.lock records; run "
        "`dvc checkout`."
    )


@pytest.mark.parametrize(
    ("name", "low", "high", "verdict"),
    [
        ("auc", 0.1, 0.2, Verdict.BETTER),
        ("auc", -0.2, -0.1, Verdict.WORSE),
        ("rmse", 0.1, 0.2, Verdict.WORSE),
        ("log_loss", -0.2, -0.1, Verdict.BETTER),
        # More of it is neither better nor worse.
        ("popularity", 0.1, 0.2, None),
    ],
)
def test_a_verdict_needs_an_interval_and_several_seeds(
    name: str, low: float, high: float, verdict: Verdict | None
) -> None:
    change = Change(name, 0.5, 0.6, Interval(low, high), significant=True, several_seeds=True)
    assert change.verdict is verdict
    noise = Verdict.NOISE if verdict else None
    assert change._replace(significant=False).verdict is noise
    one_seed = change._replace(several_seeds=False).verdict
    assert one_seed is None if verdict is None else one_seed.value == f"{verdict.value}?"
    assert change._replace(interval=None).verdict is None


@pytest.mark.parametrize("seeds", [1, 2])
def test_only_verdicts_of_several_seeds_are_green_or_red(
    runs: SmallProject, seeds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In all that shows a verdict: the page, and the tables and sentences in Markdown."""
    # DVC takes most of a report's time to load the plots.
    monkeypatch.setattr("recsys.reporting.pages.report.load_charts", lambda _: ([], ""))
    write_run(runs, shift=0.2)
    runs.record(OTHER, *OUTPUTS)
    if seeds == 2:
        add_experiment(runs, shift=0.1001, seed=2)
        add_experiment(runs, shift=0.2001, seed=2, params=OTHER)
    report = make_report("HEAD")
    page, comment = html(report), make_comment("HEAD")
    assert (' good">' in page) == (seeds == 2)
    for text in (page, comment, as_markdown(report)):
        assert ("better?" in text) == (seeds == 1)
        assert ("one training seed" in text) == (seeds == 1)
    assert ("Better: auc" in report.text) == (seeds == 2)


WORSE = Change("auc", 0.8, 0.7, Interval(-0.12, -0.08), significant=True, several_seeds=True)
NOISE = Change("auc", 0.8, 0.79, Interval(-0.02, 0.02), several_seeds=True)


def test_slices_that_got_worse_are_named() -> None:
    def sentence(**slices: Change) -> str:
        return Comparison([], [], slices, []).name_slices().removesuffix(CORRECTED).strip()

    assert sentence(all=WORSE, men=WORSE, women=NOISE) == (
        "Slices that got worse: men (-0.10000 auc)."
    )
    assert sentence(men=NOISE) == "No slice is worse beyond noise."
    assert sentence(men=WORSE._replace(interval=None)) == ""
    assert sentence(men=WORSE._replace(several_seeds=False)) == (
        "Slices that may be worse (one training seed): men (-0.10000 auc)."
    )


def test_the_verdict_of_a_slice_is_corrected_for_the_number_of_slices() -> None:
    """A slice of 2.2 standard errors is worse alone, and noise among six."""
    run = {"slices": [{"slice": name, "auc": 0.8} for name in ("all", *"abcdef")]}
    found = {name: Difference(-0.1, 1.0) for name in "bcdef"} | {"a": Difference(-2.2, 1.0)}
    alone, among = (
        _tabulate([Run(run)], [Run(run)], Found(slices=known), []).slices["a"]
        for known in ({"a": found["a"]}, found)
    )
    assert alone.interval == among.interval
    assert alone.verdict is Verdict.WORSE_WITH_ONE_SEED
    assert among.verdict is Verdict.NOISE
