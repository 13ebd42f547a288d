"""The report of a run, and the page in a browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from recsys.common.errors import InputError
from recsys.evaluation.baselines import PRIOR, Means, _learn, baselines
from recsys.reporting.pages.data_summary import histogram
from recsys.reporting.pages.examples import choose
from recsys.reporting.pages.report import make_report
from recsys.reporting.rendering.blocks import Report, Section, Table
from recsys.reporting.rendering.render import as_markdown, html
from recsys.storage import schemas
from recsys.storage.parquet import write_parquet
from recsys.storage.parts import part_path
from tests.browser import CHROMIUM, open_browser
from tests.params import set_params
from tests.repository import copy_checkout
from tests.small import SmallProject
from tests.stages import run_all

OUTPUTS = ("data/predictions.parquet", "data/recommendations.parquet")
SYNTHETIC = {
    "fetch.dataset": "synthetic",
    "fetch.synthetic_users": 60,
    "fetch.synthetic_movies": 50,
    "fetch.synthetic_ratings": 700,
    "split.seed": 1,
    "train.epochs": 2,
    "train.batch_size": 64,
    "train.learning_rate": 0.01,
    "evaluate.bootstrap": 20,
    "evaluate.calibration_bins": 5,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One run committed, and another in the workspace; the current folder."""
    folder = tmp_path_factory.mktemp("report") / "project"
    copy_checkout(folder)
    small = SmallProject(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DVC_SITE_CACHE_DIR", str(folder.parent / "site"))
        set_params(**SYNTHETIC)
        run_all()
        small.record(YAML(typ="safe").load(Path("params.yaml")), *OUTPUTS)
        small.init()
        small.commit()
        set_params(**{"train.learning_rate": 0.02})
        run_all()
        small.record(YAML(typ="safe").load(Path("params.yaml")), *OUTPUTS)
        yield folder


@pytest.fixture(scope="module")
def pages(project: Path) -> tuple[str, str]:
    report = make_report()
    return html(report), as_markdown(report)


def read_rows(markdown: str) -> dict[str, list[str]]:
    """The cells of all tables by the first of their row, of which the first row counts."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in markdown.splitlines()]
    return {row[0]: row for row in reversed(rows) if row}


def test_a_report_shows_the_run_beside_the_last_and_baselines(pages: tuple[str, str]) -> None:
    _, markdown = pages
    cells = read_rows(markdown)
    small = SmallProject(Path())
    header = ["workspace", "difference", "verdict", "95 % interval", small.short_name()]
    assert cells["metric"][1:] == [*header, "base rate", "user and movie means"]
    new = json.loads(Path("metrics/test.json").read_text())
    old = json.loads(small.run("git", "show", "HEAD:metrics/test.json"))
    assert cells["auc"][1] == f"{new['auc']:.5f}"
    assert cells["auc"][5:7] == [f"{old['auc']:.5f}", "0.50000"]
    assert float(cells["auc"][2]) == pytest.approx(new["auc"] - old["auc"], abs=1e-9)
    for name in ("auc", "log_loss", "rmse", "mae", "men"):
        low, high = json.loads(cells[name][4].replace("+", ""))
        # The verdict of a slice is stricter than its interval.
        noise = cells[name][3] == "within noise"
        assert noise if low <= 0 <= high else name == "men" or not noise
        assert noise or cells[name][3] in ("better?", "worse?")
    assert cells["train.learning_rate"] == ["train.learning_rate", "0.01", "0.02"]
    assert cells["ratings"][1] == "700"
    men = new["slices"][2]
    assert cells["men"][-3:-1] == [f"{men['rmse']:.5f}", f"{men['rows']:,}"]
    assert float(cells["rmse"][-1]) > 0
    for title in ("Plots", "Calibration", "Data", "Provenance"):
        assert f"## {title}" in markdown
    assert markdown.count(": in report.html\n") == 6


def test_a_ring_marks_the_kept_epoch_of_each_run(pages: tuple[str, str]) -> None:
    page, _ = pages
    rings = re.findall(
        r'<path aria-label="epoch: (\d); value: [^"]*; rev: (\w+)"[^>]*"point"[^>]* stroke="#', page
    )
    history = pd.read_csv("models/history.csv")
    kept = str(history["epoch"][history["validation_auc"].idxmax()])
    # Loss, AUC, log loss, RMSE and MAE; the other run's are in no cache.
    assert rings == [(kept, "workspace")] * 5


def test_a_report_shows_lists_of_three_people_and_why(pages: tuple[str, str]) -> None:
    _, markdown = pages
    cells = read_rows(markdown)
    ranking = json.loads(Path("metrics/ranking.json").read_text())
    popular = ranking["popular"]["ndcg"]
    assert cells["ndcg"][1] == f"{ranking['ndcg']:.5f}"
    assert f"{popular:.5f}" in cells["ndcg"]
    titles = re.findall(r"^\*\*User (\d+), of those with (\w+) ratings", markdown, re.MULTILINE)
    assert [name for _, name in titles] == ["few", "some", "many"]
    assert markdown.count("Rated highest before the test part: ") == 3
    lists = pd.read_parquet("data/recommendations.parquet").set_index("user")["movies"]
    movies = pd.read_parquet("data/encoded/movies.parquet")["title"]
    users = pd.read_parquet("data/encoded/users.parquet")["raw_userid"]
    rows = [int(np.searchsorted(users, int(user))) for user, _ in titles]
    assert all(movies[movie] in cells for row in rows for movie in lists[row])
    # The first person's list comes first, so these are its cells.
    row = rows[0]
    ratings = pd.read_parquet("data/encoded/ratings")
    own = set(movies[ratings.loc[ratings["user"] == row, "movie"]])
    assert all(set(cells[movies[movie]][1].split("; ")) <= own | {""} for movie in lists[row])


def test_three_people_stand_for_all_whatever_their_order() -> None:
    counts = np.random.default_rng(1).permutation(100)
    found = choose(counts)
    named = {name: counts[person] for name, person in found.items()}
    assert named == {"few": 10, "some": 50, "many": 90}
    assert list(choose(np.array([5])).values()) == [0]
    assert choose(np.array([], int)) == {}


def test_a_page_holds_the_plots_and_loads_nothing(pages: tuple[str, str]) -> None:
    page, _ = pages
    # The names of SVG's namespaces are no addresses.
    page = re.sub(r' xmlns(:xlink)?="[^"]*"', "", page)
    pipeline = YAML(typ="safe").load(Path("dvc.yaml"))
    plots = [*pipeline["plots"], *pipeline["stages"]["evaluate"]["plots"]]
    assert page.count("<svg") == len(plots)
    assert not re.findall(r"https?://|<script|@import|url\((?!#)", page)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(source.startswith(("#", "data:")) for source in sources)
    # Of two drawings one would otherwise be clipped as the other.
    names = re.findall(r'\bid="([^"]*)"', page)
    assert len(names) == len(set(names))


def test_a_report_without_data_says_what_is_missing(small: SmallProject) -> None:
    markdown = as_markdown(make_report())
    assert "run `dvc repro`" in markdown
    assert read_rows(markdown)["auc"][1] == "0.80000"
    Path("metrics/test.json").unlink()
    with pytest.raises(InputError, match=r"metrics/test\.json is not there; run `dvc repro` first"):
        make_report()


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC takes most of a report's time to load the plots."""
    monkeypatch.setattr("recsys.reporting.pages.report.load_charts", lambda _: ([], ""))


@pytest.mark.parametrize(
    "text", ["", "<<<<<<< HEAD\n", "predicted,actual\n1,1\n", "predicted,actual,rows\na,1,2\n"]
)
@pytest.mark.usefixtures("no_plots")
def test_a_damaged_calibration_is_left_out(small: SmallProject, text: str) -> None:
    small.write("metrics/plots/calibration.csv", text)
    (section,) = (s for s in make_report().sections if s.title == "Calibration")
    assert section.text == "metrics/plots/calibration.csv is damaged; run `dvc repro`."


@pytest.mark.usefixtures("no_plots")
def test_ranking_is_shown_by_the_time_since_the_last_rating(small: SmallProject) -> None:
    gaps = {"same_second": {"people": 3, "ndcg": 0.5}, "a_day_or_more": {"people": 4, "ndcg": None}}
    small.write("metrics/ranking.json", json.dumps({"ndcg": 0.25, "gaps": gaps}))
    (section,) = (s for s in make_report().sections if s.title == "Ranking")
    assert section.text == ""
    lists, by_gap = section.blocks
    assert isinstance(lists, Table)
    assert [row[:2] for row in lists.rows] == [["ndcg", 0.25]]
    assert isinstance(by_gap, Table)
    assert by_gap.rows == [["same second", 3, 0.5], ["a day or more", 4, None]]


@pytest.mark.usefixtures("no_plots")
def test_ranking_says_how_many_people_are_judged_and_what_that_buys(small: SmallProject) -> None:
    ranking = {"people": 1000, "eligible_people": 2000, "ndcg": 0.25}
    judged = "1,000 of 2,000 people with a relevant movie are judged (ranking.people)"
    intervals = {"ndcg": [0.2, 0.3]}
    wide = f"{judged}: that makes the 95 % interval of NDCG 0.1000 wide."
    for content, text in ((ranking, f"{judged}."), (ranking | {"intervals": intervals}, wide)):
        small.write("metrics/ranking.json", json.dumps(content))
        (section,) = (s for s in make_report().sections if s.title == "Ranking")
        assert section.text == text


def test_the_first_run_stands_beside_nothing(small: SmallProject) -> None:
    report = make_report()
    assert report.text == "The first run: there is none to compare it with."
    assert html(report).count("<svg") == 1


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_a_page_in_a_browser(pages: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(pages[0])
    # The width of the page and of what is in it; the drawings, and those that do not show.
    look = """[
      document.documentElement.clientWidth,
      document.documentElement.scrollWidth,
      document.querySelectorAll("svg").length,
      [...document.querySelectorAll("svg")].filter(s => !s.getBoundingClientRect().height).length,
      [...document.images].filter(image => !image.naturalWidth).length,
      document.querySelector("#metrics th:nth-child(4)").getBoundingClientRect().right,
    ]"""
    with open_browser(tmp_path / "profile") as browser:
        for width in (390, 1280):
            browser.open(path.as_uri(), width)
            client, content, drawings, hidden, broken, verdict = browser.run(look)
            assert width - 20 <= client <= width
            assert content == client
            assert drawings >= 6
            assert hidden == broken == 0
            # The difference and its verdict are in sight before anything is scrolled.
            assert verdict < client
        assert browser.console == []


def test_text_is_escaped() -> None:
    tag = "<mark>"
    report = Report(tag, tag, [Section(tag, tag, [Table(tag, [tag, "a|b"], [[tag, "](c)"]])])])
    assert tag not in html(report)
    markdown = as_markdown(report)
    assert markdown.count(tag) == markdown.count("\\" + tag) == 7
    assert r"a\|b" in markdown
    assert r"]\(c)" in markdown


def test_every_count_is_in_the_histogram() -> None:
    counts = np.array([1, 1, 2, 4, 5, 700])
    rows = histogram(counts)
    assert sum(count for _, count, _ in rows) == len(counts)
    assert rows[:3] == [("1", 2, 2 / 6), ("2 to 4", 2, 2 / 6), ("5 to 9", 1, 1 / 6)]
    assert rows[-1] == ("500 to 999", 1, 1 / 6)


def test_means_of_users_and_movies_by_hand(tmp_path: Path) -> None:
    rows = {"user": [0, 0], "movie": [0, 1], "label": [1, 0]}
    parts = {"train": rows, "test": rows | {"user": [0, 9]}}
    for name, columns in parts.items():
        part = pd.DataFrame({column: [0, 0] for column in schemas.PART.names})
        write_parquet(part.assign(**columns), tmp_path / f"{name}.parquet", schemas.PART)
    means = _learn(*(tmp_path / f"{name}.parquet" for name in parts), {"label": Means(0.5)})
    movie = 0.5 / (1 + PRIOR)
    # The movies' offsets cancel each other in the user's, and user 9 has no training rating.
    test = {name: np.array(column) for name, column in parts["test"].items()}
    assert means["label"].answer(test) == pytest.approx([0.5 + movie, 0.5 - movie])


def test_baselines_of_stars(tmp_path: Path) -> None:
    for name, stars in {"train": [2.0, 4.0], "test": [3.0, 5.0]}.items():
        part = pd.DataFrame({column: [0, 0] for column in schemas.PART.names})
        path = part_path(tmp_path, name)
        path = path if path.suffix else path / "00000.parquet"
        write_parquet(part.assign(rating=stars), path, schemas.PART)
    found = baselines(tmp_path)["base rate"]
    assert {name: found[name] for name in ("rmse", "mae", "rows", "accuracy")} == {
        "rmse": 1.41421,
        "mae": 1.0,
        "rows": 2,
        "accuracy": 1.0,
    }
