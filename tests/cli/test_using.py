"""The commands that use a model, through click."""

import json
from importlib import import_module
from pathlib import Path

import click
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from recsys.storage.registry import FeatureParams
from tests.runs import UNRATED_MOVIE, Run, save_model

USES = ("recommend", "predict", "export", "card")


def call(stage: str, arguments: str) -> Result:
    command: click.Command = import_module(f"recsys.cli.{stage}").main
    return CliRunner().invoke(command, arguments.split())


def test_recommendations_are_printed_with_what_the_user_liked(run: Run) -> None:
    lines = call("recommend", "--user 3 --top 3").output.splitlines()
    assert lines[0].startswith("user 3 rated ")
    assert lines[6] == "recommended (probability of a like):"
    assert len(lines) == 10
    shown = json.loads(call("recommend", "--user 3 --top 3 --json").output)
    assert [len(shown["liked"]), len(shown["recommended"])] == [5, 3]
    for line, movie in zip(lines[7:], shown["recommended"], strict=True):
        for told in (movie["title"], f"[{', '.join(movie['genres'])}]", f"{movie['score']:.3f}"):
            assert told in line


def test_a_regression_recommends_by_stars(run: Run) -> None:
    save_model(run, task="regression")
    assert "recommended (stars expected):" in call("recommend", "--user 3").output
    movies = json.loads(call("recommend", "--user 3 --json").output)["recommended"]
    assert all(1 <= movie["score"] <= 5 for movie in movies)


def test_similar_movies_are_printed_whatever_the_features(run: Run) -> None:
    sparse = ("movieid", "liked")
    save_model(run, features=FeatureParams(sparse=sparse, dense=("gender",), history_length=1))
    lines = call("recommend", "--movie 2 --top 4").output.splitlines()
    assert lines[0].startswith("like 2, Café: 2 (19")
    assert "cosine" in lines[1]
    assert len(lines) == 6
    shown = json.loads(call("recommend", "--movie 2 --top 4 --json").output)
    assert [f"{movie['cosine']:.3f}" for movie in shown["similar"]] == [
        line.split()[0] for line in lines[2:]
    ]


@pytest.mark.parametrize(
    ("stage", "arguments", "message"),
    [
        ("recommend", "", "give either --user ID or --movie ID"),
        ("recommend", "--user 3 --movie 2", "give either"),
        ("recommend", "--user 7", "there is no user 7; the 61 users have ids from 3 to 200, the"),
        ("recommend", "--movie 7", "there is no movie 7; the 42 movies have ids from 2 to 102"),
        ("recommend", f"--movie {UNRATED_MOVIE}", f"movie {UNRATED_MOVIE} has no rating in data"),
        ("recommend", "--user 3 --checkpoint models/no", "models/no is no checkpoint"),
        ("predict", "pairs.csv scores.txt", "scores.txt: its name must end in .parquet or .csv"),
        ("predict", "missing.csv scores.csv", "missing.csv cannot be read"),
        ("predict", "pairs.csv scores.csv", "pairs.csv row 2: userid = 7 is none of the 61"),
        ("export", "models/no models/serving", "models/no is no checkpoint"),
        ("card", "", "dvc.lock: No such file"),
    ],
)
def test_what_is_wrong_is_one_line(run: Run, stage: str, arguments: str, message: str) -> None:
    Path("pairs.csv").write_text("userid,movieid\n3,2\n7,2\n")
    result = call(stage, arguments)
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith(f"Error: {message}")
    assert not [path for path in Path().iterdir() if path.name.startswith(("scores", "serving"))]


def test_predictions_are_those_of_the_recommendations(run: Run) -> None:
    movies = json.loads(call("recommend", "--user 3 --json").output)["recommended"]
    pairs = pd.DataFrame({"userid": 3, "movieid": [movie["movie"] for movie in movies]})
    pairs.to_csv("pairs.csv", index=False)
    result = call("predict", "pairs.csv scores.parquet")
    assert (result.exit_code, result.output) == (0, "10 pairs scored\n")
    scores = pd.read_parquet("scores.parquet")["score"].round(4).tolist()
    assert scores == pytest.approx([movie["score"] for movie in movies])


def test_an_export_says_its_sizes_and_the_libraries_nothing(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    result = call("export", "models/dlrm models/serving --precision fp16")
    assert result.exit_code == 0
    (line,) = result.output.splitlines()
    assert line.startswith("model.pt2 0.")
    files = {"model.pt2", "tables.pt", "serving.py"}
    assert {path.name for path in Path("models/serving").iterdir()} == files
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("stage", USES)
def test_help_tells_what_goes_in_and_out(stage: str) -> None:
    command: click.Command = import_module(f"recsys.cli.{stage}").main
    _, text = CliRunner().invoke(command, ["--help"]).output.split("\n\n", 1)
    for parameter in command.params:
        option = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.name
        assert option.upper() in text.upper()
