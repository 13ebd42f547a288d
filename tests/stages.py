"""The stages through click, in this process and in the current folder."""

from importlib import import_module

import click
from click.testing import CliRunner, Result

STAGES = {
    "source": "data/source.json",
    "fetch": "data/source.json data/raw",
    "encode": "data/raw data/encoded",
    "split": "data/encoded data/split",
    "features": "data/encoded data/split data/features",
    "train": "data/encoded data/split data/features models/dlrm models/history.csv "
    "--state models/train.state --live live/epoch.json",
    "evaluate": "data/split/test.parquet data/features models/dlrm data/predictions.parquet "
    "metrics/test.json metrics/plots",
    "retrieve": "data/encoded data/split/train data/split/validation.parquet "
    "models/retrieval "
    "--state models/retrieval.state",
    "rank": "data/encoded data/split/test.parquet data/features models/dlrm models/retrieval "
    "data/recommendations.parquet metrics/ranking.json",
}


def command(stage: str) -> click.Command:
    main: click.Command = import_module(f"stages.{stage}").main
    return main


def run(stage: str) -> Result:
    return CliRunner().invoke(command(stage), ["--params", "params.yaml", *STAGES[stage].split()])


def refuse(stage: str) -> str:
    """Run a stage that must fail, and return what it prints, which is one line."""
    result = run(stage)
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    return line


def run_all(last: str = "rank") -> str:
    """Run the stages up to one, and return what they print."""
    output = ""
    for stage in list(STAGES)[: list(STAGES).index(last) + 1]:
        result = run(stage)
        assert result.exit_code == 0, result.output
        output += result.output
    return output
