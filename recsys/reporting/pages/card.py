"""A model card (Mitchell et al. 2019, https://arxiv.org/abs/1810.03993) of a recorded run.

Everything in it comes from the run: no date, no machine.
"""

import json
import math
import subprocess
from pathlib import Path

import pandas as pd
from safetensors import safe_open

from recsys.common.errors import InputError
from recsys.evaluation.epochs import HISTORY, best_epoch
from recsys.pipeline.params import parse_params
from recsys.reporting.comparison.change import meaning
from recsys.reporting.rendering.render import render_markdown
from recsys.reporting.runs.git import git
from recsys.reporting.runs.lock import LOCK, read_lock, recorded_outputs, recorded_params
from recsys.reporting.runs.metrics import (
    PATH,
    RANKING,
    Content,
    load_metrics,
    load_ranking,
    numbers,
    slices,
)
from recsys.reporting.runs.stages import check_files
from recsys.storage import schemas
from recsys.storage.parquet import count_rows
from recsys.storage.parts import part_path
from recsys.storage.vocabulary import Vocabulary

ENCODED, SPLIT, CHECKPOINT = "data/encoded", "data/split", "models/dlrm"


def make_card(project: Path) -> str:
    """The card of the run that a project's dvc.lock records, as Markdown.

    Raises:
        InputError: there is no such run, its files differ or are missing, or the project has no
            Git commit.
    """
    lock = read_lock(project)
    if not lock:
        raise InputError(f"{project / LOCK} is not there; run `dvc repro` first")
    check_files(project, (ENCODED, SPLIT, CHECKPOINT, HISTORY, str(PATH), str(RANKING)))
    params = recorded_params(lock)
    try:
        parse_params(params, project / LOCK)
    except InputError as error:
        raise InputError(f"{error}; run `dvc repro`") from error
    metrics = load_metrics(project)
    vocabulary = Vocabulary.load(project / ENCODED / "vocabulary.json")
    epochs = pd.read_csv(project / HISTORY)
    records = slices(metrics)
    return render_markdown(
        "card.md",
        params=params,
        code=name_code(project),
        weights=count_weights(project / CHECKPOINT),
        users=count_rows(project / ENCODED / "users.parquet", vocabulary.schema("users")),
        movies=count_rows(project / ENCODED / "movies.parquet", vocabulary.schema("movies")),
        vocabulary=vocabulary,
        parts={
            part: count_rows(part_path(project / SPLIT, part), schemas.PART)
            for part in schemas.PARTS
        },
        epochs=len(epochs),
        best=best_epoch(epochs),
        metrics=[(name, value, meaning(name)) for name, value in numbers(metrics).items()],
        slice_columns=list(records[0]) if records else [],
        slices=[list(record.values()) for record in records],
        ranking=tabulate_ranking(load_ranking(project)),
        flat_params=[
            (f"{section}.{key}", json.dumps(value))
            for section, values in params.items()
            for key, value in values.items()
        ],
        outputs=recorded_outputs(lock),
    )


def tabulate_ranking(ranking: Content) -> list[list[object]]:
    """Name, value, ends of the interval, value of the most popular movies, and meaning."""
    intervals, popular = ranking.get("intervals", {}), ranking.get("popular", {})
    return [
        [name, value, *intervals.get(name, (None, None)), popular.get(name), meaning(name)]
        for name, value in numbers(ranking).items()
    ]


def count_weights(checkpoint: Path) -> int:
    """The number of weights of a checkpoint, from the header of its file."""
    with safe_open(checkpoint / "model.safetensors", framework="numpy") as weights:
        shapes = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118
    return sum(math.prod(shape) for shape in shapes)


def name_code(project: Path) -> str:
    """The commit that is checked out, and whether tracked files differ from it.

    Raises:
        InputError: the project has no Git commit.
    """
    try:
        commit = git("rev-parse", "HEAD", folder=project).strip()
        changed = git("status", "--porcelain", "--untracked-files=no", folder=project)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(f"{project} has no Git commit, which the card names") from error
    return f"commit `{commit}`" + (", with changes that are not committed" if changed else "")
