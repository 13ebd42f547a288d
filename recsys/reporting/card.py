"""A model card (Mitchell et al. 2019, https://arxiv.org/abs/1810.03993) of a recorded run.

Everything in it is of the run: no date, no machine.
"""

import json
import math
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import safe_open

from recsys.common.errors import InputError
from recsys.data.splitting import PARTS
from recsys.reporting.run_record import RunRecord
from recsys.storage import schemas
from recsys.storage.parquet import count_rows
from recsys.storage.vocabulary import Vocabulary

ENCODED, SPLIT, CHECKPOINT = "data/encoded", "data/split", "models/dlrm"
HISTORY, METRICS = "models/history.csv", "metrics/test.json"
KINDS = {
    "dlrm": "Deep Learning Recommendation Model (DLRM)",
    "dcn": "Deep & Cross Network (DCN V2)",
    "deepfm": "DeepFM",
    "fm": "factorization machine",
    "lr": "logistic regression",
}
METHODS = {
    "random": "Any rating may be in any part. So the model is tested on users and movies that it "
    "knows, and may learn from ratings later than those it is tested on.",
    "chronological": "Trained on the past and tested on the future; users and movies that are new "
    "in a part count as unknown.",
    "leave_last": "Tested on each user's last rating, validated on the one before.",
}
SCORES = {
    "classification": "the probability that the user rates the movie above {threshold:g} stars",
    "regression": "the stars that the user is expected to give",
}
MEANINGS = {
    "auc": "area under the ROC curve",
    "accuracy": "share of right guesses at the threshold {threshold:g}",
    "log_loss": "nats",
    "normalized_entropy": "log loss over that of always saying the base rate",
    "positive_rate": "share of likes",
    "rows": "ratings",
    "grouped_auc": "mean of the users' AUCs, weighed by their ratings",
    "calibration_error": "mean distance of score and truth in groups of equal size",
    "best_possible_auc": "of the probabilities that the ratings were drawn with",
    "rmse": "stars",
    "mae": "stars",
}
LICENCE = """\
GroupLens allows research use of MovieLens under its conditions: no redistribution and no
commercial or revenue-bearing use without permission, no endorsement implied. The README inside
the archive has the full text; read it before you publish or use a model that was trained on it.
To be cited:

> F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. ACM
> Transactions on Interactive Intelligent Systems (TiiS) 5, 4, Article 19 (December 2015), 19
> pages. https://doi.org/10.1145/2827872"""
DRAWN = "The ratings are drawn from a planted model; no licence binds them, and they are of nobody."
LIMITS = """\
- It is told of users by the features named above alone; what they do elsewhere is not known to it.
- A user or movie without a training rating has no embedding of its own; of those with few, the
  scores are less sure (see the slices).
- Ratings are given by those who chose to watch and to rate. Scores of what a user would never
  have chosen are not covered by these metrics.
- Metrics differ between groups of users; the slices show those that the data names.
- The embeddings of users are learnt from their ratings: handle a checkpoint like the data."""


def make_card(project: Path) -> str:
    """The card of the run that a project's dvc.lock records, as Markdown.

    Raises:
        InputError: there is none, or the files at hand are not those of it.
    """
    record = RunRecord(project)
    record.check((ENCODED, SPLIT, CHECKPOINT, HISTORY, METRICS))
    metrics = json.loads((project / METRICS).read_text())
    slices = metrics.pop("slices", [])
    params = record.params
    name = f"{KINDS[str(params['model']['kind'])]} on {params['fetch']['dataset']}"
    return (
        "\n\n".join(
            [
                f"# Model card: {name}",
                "Written by `python -m recsys.cli.card` from the run that `dvc.lock` records.",
                "## Model",
                tell_model(params, project / CHECKPOINT),
                "## Data",
                tell_data(params, project),
                "## Protocol",
                tell_protocol(params, project / HISTORY),
                "## Metrics of the test part",
                tell_metrics(metrics, params),
                *tell_slices(slices, params),
                "## Limits",
                LIMITS,
                "## Licence of the data",
                DRAWN if params["fetch"]["dataset"] == "synthetic" else LICENCE,
                "## Params",
                table(["key", "value"], flatten(params)),
                "## Provenance",
                f"Code: {find_commit(project)}. The hashes are those of dvc.lock (MD5), and of the "
                "files from which this was written.",
                table(
                    ["output", "hash"], [[f"`{k}`", f"`{v}`"] for k, v in record.outputs.items()]
                ),
            ]
        )
        + "\n"
    )


def tell_model(params: dict[str, Any], checkpoint: Path) -> str:
    features = params["features"]
    score = SCORES[params["train"]["task"]].format(threshold=params["encode"]["label_threshold"])
    return "\n".join(
        [
            f"- Takes: {', '.join([*features['sparse'], *features['dense']])}.",
            f"- Says: {score}.",
            f"- Size: {count_weights(checkpoint):,} weights, embeddings of "
            f"{params['model']['embedding_dimension']} numbers.",
            "- For: research and teaching. Not for decisions about people, nor for commercial use.",
        ]
    )


def tell_data(params: dict[str, Any], project: Path) -> str:
    vocabulary = Vocabulary.load(project / ENCODED / "vocabulary.json")
    parts = {part: count_rows(project / SPLIT / f"{part}.parquet", schemas.PART) for part in PARTS}
    dropped = ", ".join(f"{stars:g}" for stars in params["encode"]["drop_ratings"])
    return "\n".join(
        [
            f"- {params['fetch']['dataset']}: {len(vocabulary.userids):,} users, "
            f"{len(vocabulary.movieids):,} movies, {len(vocabulary.genres)} genres, ratings of "
            f"{vocabulary.rating_scale}.",
            f"- Ratings: {', '.join(f'{rows:,} {part}' for part, rows in parts.items())}.",
            f"- A like: above {params['encode']['label_threshold']:g} stars. Left out: "
            f"{f'ratings of {dropped} stars' if dropped else 'none'}.",
        ]
    )


def tell_protocol(params: dict[str, Any], history: Path) -> str:
    split = params["split"]
    shares = f", {split['train']:g} / {split['validation']:g} / {split['test']:g}"
    if split["method"] == "leave_last":
        shares = ""
    epochs = pd.read_csv(history)
    watched, best = find_best(epochs, params["train"]["task"])
    return "\n".join(
        [
            f"- Split: {split['method']}{shares}. {METHODS[split['method']]}",
            f"- Left out of all parts: each user's first {split['min_history']} ratings.",
            f"- Trained for {len(epochs)} epochs; kept is epoch {best['epoch']:g}, the best on the "
            f"validation part ({watched} {best[watched]:.5f}). The test part had no say.",
        ]
    )


def find_best(epochs: pd.DataFrame, task: str) -> tuple[str, "pd.Series[float]"]:
    """The metric that training watched, and the record of the epoch that is best by it."""
    if task == "regression":
        name, sign = "validation_rmse", -1
    elif epochs["validation_auc"].notna().all():
        name, sign = "validation_auc", 1
    else:
        name, sign = "validation_log_loss", -1
    return name, epochs.iloc[int((sign * epochs[name]).argmax())]


def tell_metrics(metrics: dict[str, Any], params: dict[str, Any]) -> str:
    threshold = params["evaluate"]["threshold"]
    return table(
        ["metric", "value", "what"],
        [
            [name, _number(value), MEANINGS.get(name, "").format(threshold=threshold)]
            for name, value in metrics.items()
        ],
    )


def tell_slices(slices: list[dict[str, Any]], params: dict[str, Any]) -> list[str]:
    """Nothing where the run has none."""
    if not slices:
        return []
    metric = "auc" if "auc" in slices[0] else "rmse"
    rows = [
        [
            row["slice"],
            f"{row['rows']:,}",
            _number(row["positive_rate"]),
            _number(row[metric]),
            f"{_number(row['low'])} to {_number(row['high'])}" if row["low"] is not None else "-",
        ]
        for row in slices
    ]
    drawn = params["evaluate"]["bootstrap"]
    return [
        f"Slices, with 95 % intervals from {drawn} redraws of the users:",
        table(["slice", "ratings", "likes", metric, "interval"], rows),
    ]


def flatten(params: dict[str, dict[str, Any]]) -> list[list[str]]:
    return [
        [f"`{section}.{key}`", f"`{json.dumps(value)}`"]
        for section, values in params.items()
        for key, value in values.items()
    ]


def table(names: list[str], rows: Iterable[list[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def count_weights(checkpoint: Path) -> int:
    """Numbers in a checkpoint, of which only the header is read."""
    with safe_open(checkpoint / "model.safetensors", framework="numpy") as weights:
        shapes = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118
    return sum(math.prod(shape) for shape in shapes)


def find_commit(project: Path) -> str:
    """The commit that is checked out, and whether files of it are changed."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(project), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{project} has no Git commit, which the card names") from error
    return f"commit `{commit}`" + (", with changes that are not committed" if changed else "")


def _number(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
