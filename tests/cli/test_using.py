"""The commands that use a model."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from recsys.cli.main import main
from tests.errors import error_of
from tests.runs import NEW_USER, UNRATED_MOVIE, Run, compute_run, save_model


@pytest.fixture(autouse=True)
def project(run: Run) -> None:
    """The run's folder is a project."""
    Path("dvc.yaml").write_text("stages: {}\n")


def call(command: str, arguments: str) -> Result:
    return CliRunner().invoke(main, [command, *arguments.split()])


def test_recommendations_are_printed_with_what_the_user_liked(run: Run) -> None:
    lines = call("recommend", "--user 3 --top 3").output.splitlines()
    assert lines[0].startswith("user 3 rated ")
    assert lines[6] == "recommended (probability of a like, expected stars):"
    lines = [line for line in lines if not line.lstrip().startswith("because of ")]
    assert len(lines) == 10
    shown = json.loads(call("recommend", "--user 3 --top 3 --json").output)
    assert [len(shown["liked"]), len(shown["recommended"])] == [5, 3]
    for line, movie in zip(lines[7:], shown["recommended"], strict=True):
        assert 1 < movie["stars"] < 5
        numbers = f"  {movie['score']:.3f}   {movie['stars']:.2f}  {movie['movie']:>6}  "
        assert line == f"{numbers}{movie['title']}  [{', '.join(movie['genres'])}]"


def test_a_model_with_the_label_alone_shows_no_stars(run: Run) -> None:
    save_model(run, thresholds="label")
    lines = call("recommend", "--user 3").output.splitlines()
    assert lines[6] == "recommended (probability of a like):"
    movies = json.loads(call("recommend", "--user 3 --json").output)["recommended"]
    assert all(0 < movie["score"] < 1 and movie["stars"] is None for movie in movies)
    assert lines[7].startswith(f"  {movies[0]['score']:.3f}  {movies[0]['movie']:>6}  Café")
    Path("pairs.csv").write_text("userid,movieid\n3,2\n")
    assert call("predict", "pairs.csv scores.csv").exit_code == 0
    assert Path("scores.csv").read_text().splitlines()[0] == '"userid","movieid","score"'


def test_similar_movies_are_printed_whatever_the_features(run: Run) -> None:
    compute_run(run, "random", ("user",))
    lines = call("recommend", "--movie 2 --top 4").output.splitlines()
    assert lines[0].startswith("like 2, Café: 2 (19")
    assert "weight" in lines[1]
    assert len(lines) == 6
    shown = json.loads(call("recommend", "--movie 2 --top 4 --json").output)
    assert [f"{movie['weight']:.3f}" for movie in shown["similar"]] == [
        line.split()[0] for line in lines[2:]
    ]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("recommend", "", "give either --user ID, --ratings FILE or both, or --movie ID"),
        ("recommend", "--user 3 --movie 2", "give either"),
        ("recommend", "--user 3 --all best.csv", "give either"),
        ("recommend", "--all best.txt", "best.txt: its name must end in .parquet or .csv"),
        ("recommend", "--all models/best.csv", "models/best.csv is a folder; name a file"),
        (
            "recommend",
            "--all data/encoded/ratings/00000.parquet",
            "data/encoded/ratings/00000.parquet has the ratings; name another file",
        ),
        ("recommend", "--all best.csv --json", "--all writes a file, and --json prints; leave"),
        ("recommend", "--movie 2 --genre Drama", "--movie takes --top and --json alone; leave"),
        ("recommend", "--user 3 --diversity nan", "--popularity and --diversity are numbers, not"),
        ("recommend", "--user 7", "there is no user 7; the 61 users have ids from 3 to 200, the"),
        (
            "recommend",
            f"--movie {UNRATED_MOVIE}",
            f"movie {UNRATED_MOVIE} has no rating in the training part",
        ),
        ("recommend", "--user 3 --checkpoint models/no", "models/no is no checkpoint"),
        ("predict", "pairs.csv scores.csv", "pairs.csv row 2: there is no user 7; the 61 users"),
        ("card", "", "dvc.lock is not there; run `dvc repro` first"),
    ],
)
def test_an_error_is_one_line(run: Run, command: str, arguments: str, message: str) -> None:
    """And nothing is written."""
    Path("pairs.csv").write_text("userid,movieid\n3,2\n7,2\n")
    Path("models/best.csv").mkdir()
    before = sorted(Path().iterdir())
    assert error_of(command, *arguments.split()).startswith(message)
    assert sorted(Path().iterdir()) == before


def test_a_movie_is_found_by_its_title() -> None:
    usual = call("recommend", "--movie 2 --top 4")
    found = call("recommend", "--movie cafe:2 --top 4")
    assert found.stdout == usual.stdout
    assert usual.stderr == ""
    (line,) = found.stderr.splitlines()
    assert line.startswith('"cafe:2": taking 2, Café: 2 (19')
    assert " more: " in line
    assert call("recommend", "--movie cafe:20 --top 4").stderr == ""


def test_options_limit_the_genres_and_years() -> None:
    options = "--genre comedy --genre Drama --years 1955-1980 --diversity 0.3 --popularity -0.5"
    movies = json.loads(call("recommend", f"--user 3 --json {options}").output)["recommended"]
    assert movies
    for movie in movies:
        assert {"Comedy", "Drama"} & set(movie["genres"])
        assert 1955 <= int(movie["title"][-5:-1]) <= 1980


def test_all_users_get_movies_in_a_file(run: Run) -> None:
    result = call("recommend", "--all best/all.parquet --top 3")
    assert (result.exit_code, result.output) == (0, "183 recommendations for 61 users written\n")
    table = pd.read_parquet("best/all.parquet")
    assert table.columns.tolist() == ["userid", "rank", "movieid", "title", "score", "stars"]
    movies = json.loads(call("recommend", "--user 3 --top 3 --json").output)["recommended"]
    assert table["movieid"][:3].tolist() == [movie["movie"] for movie in movies]


@pytest.mark.parametrize("method", ["chronological", "random"])
def test_a_new_person_gets_movies_for_the_ratings_of_a_file(run: Run, method: str) -> None:
    compute_run(run, method, ("user", "gp_stars"))
    Path("mine.csv").write_text("title,rating\nCafé: 2,5\n")
    lines = call("recommend", "--ratings mine.csv --top 3").output.splitlines()
    assert lines[0] == "a new person rated 1 movies; among the best:"
    assert "Café: 2 (19" in lines[1]
    assert lines[4].strip().startswith("because of Café: 2 (19")
    Path("mine.csv").write_text("movieid,rating\n6,5\n8,1\n")
    known = json.loads(call("recommend", f"--user {NEW_USER} --json").output)
    more = json.loads(call("recommend", f"--user {NEW_USER} --ratings mine.csv --json").output)
    assert more["rated"] == known["rated"] + 2
    early = call("recommend", f"--user {NEW_USER} --time 1990-01-01").output
    line = "ratings that do not count, as they are not before --time: 3\n"
    assert (line in early) == (method == "chronological")
    late = json.loads(call("recommend", f"--user {NEW_USER} --time 2020-01-01 --json").output)
    assert late["recommended"] != known["recommended"]


def test_an_export_prints_its_sizes_and_the_libraries_print_nothing(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    sizes = r"model.json 0.\d\d MB  model.safetensors 0.\d\d MB  .*tables.safetensors .* MB\n"
    for options, retrieval in (("--precision fp16", True), ("--scores-only", False)):
        result = call("export", f"models/dlrm models/serving {options}")
        assert result.exit_code == 0
        assert re.search(sizes, result.output)
        assert ("retrieval.safetensors 0." in result.output) == retrieval
        assert Path("models/serving/retrieval.safetensors").is_file() == retrieval
    assert capfd.readouterr().err == ""


def test_paths_are_found_from_a_folder_of_the_project(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is the project's; what is typed is relative to the current folder."""
    at_root = call("recommend", "--user 3").output
    Path("notes").mkdir()
    monkeypatch.chdir("notes")
    assert call("recommend", "--user 3").output == at_root
    Path("pairs.csv").write_text("userid,movieid\n3,2\n")
    result = call("predict", "pairs.csv scores.csv")
    assert (result.exit_code, result.output) == (0, "1 pairs scored\n")
    assert Path("scores.csv").is_file()
    error = error_of("predict", "pairs.csv", "scores.csv", "--checkpoint", "models/dlrm")
    assert error.startswith("models/dlrm is no checkpoint")
