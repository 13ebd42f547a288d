"""Accuracy of each model on each protocol of MovieLens 1M, compared with published results.

A run takes the params of a recipe, with a `model.kind` and a `train.seed`. It calls the pipeline's
own stages in the folder .accuracy. Results of the same params and code are kept there and reused,
so an interrupted benchmark resumes. `make .venv/bench` installs `myfm`.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
from ruamel.yaml import YAML

from benchmarks import bayesian
from benchmarks.baselines import ON_FEATURES, SIMPLE, judge_baseline
from benchmarks.frozen import judge_frozen
from benchmarks.machine import children_seconds, describe_machine, find_code
from benchmarks.myfm_fold import split_fold
from benchmarks.scale import STAGES
from recsys.common.params import read_yaml
from recsys.pipeline.recipes import Values, apply_changes, load_recipe

ROOT = Path(__file__).parents[1]
RUN_STAGES = tuple(STAGES)[:7]
DATA_STAGES = tuple(STAGES)[:5]
WORK = ROOT / ".accuracy"
# The DLRM as the system's description has it, without the other thresholds.
LITERAL: Values = {"train": {"thresholds": "label"}}
# The same test part, and most of the validation part to learn from.
REFIT: Values = {"split": {"train": 0.89, "validation": 0.01}}
KINDS = ("dcn", "deepfm", "fm", "lr")
# The numbers of training seeds of the DLRM and of the other kinds.
SEEDS, COMPARED_SEEDS = 5, 2
# myFM's Gibbs steps: as many as its published row has.
STEPS = 512
# The model that knows no rating after the training part.
FROZEN = "dlrm, histories frozen"
# A random split is drawn anew from these seeds too, for some training seeds each.
OTHER_SPLITS, OTHER_SEEDS = (7, 123), 2
# The protocol whose test rows are a fold of myFM's example.
FOLD, FOLD_CODE = "stars_fold", "benchmarks/myfm_fold.py"
# For each recipe, and the fold: its protocol, its features, and the best published results.
PROTOCOLS = {
    "random": ("random", "own", "AUC 0.8195 (TF4CTRv2, with age and occupation)"),
    "random_all": ("random", "all", "AUC 0.8195 (TF4CTRv2, fewer features)"),
    "chronological": (
        "chronological",
        "all",
        "AUC 0.8033 (ReLLa, 13B language model, few-shot), 0.7992 (SIM)",
    ),
    "random_without_threes": (
        "random_without_threes",
        "all",
        "AUC 0.9092 (QNN), 0.9076 (FCN), 0.8998 (RecBole's DCN V2), 0.8890 (DLRM)",
    ),
    "stars": ("stars", "all", "RMSE 0.8227 (GLocal-K)"),
    FOLD: (FOLD, "all", "RMSE 0.8140 (myFM)"),
}
# The protocols on which myFM runs: with a vector for each user's day, or for each day.
BAYESIAN = {"random_all": True, FOLD: False}
# A model of a random split knows later ratings than a test row: its figure is for comparison.
SERVABLE = ("chronological",)
METRICS = ("auc", "log_loss", "accuracy", "rmse")


def digest(params: Values, stages: tuple[str, ...], *others: str) -> str:
    """A digest of all that a run depends on: the params and code of its stages, and other files."""
    pipeline = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    code = {dep for stage in stages for dep in pipeline[stage]["deps"]} | set(others)
    sections = sorted({name for stage in stages for name in pipeline[stage]["params"]})
    content = hashlib.sha256(json.dumps([params[name] for name in sections]).encode())
    # A stage depends on its script and on whole rooms. Its data follow from the earlier stages.
    for path in sorted(ROOT / dep for dep in code if not dep.startswith(("data", "models"))):
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            content.update(file.read_bytes())
    return content.hexdigest()[:16]


def run_stage(stage: str, data: Path, folder: Path) -> float:
    """Run a stage and return its CPU seconds, which other programs of the machine change little.

    Args:
        data: the folder that runs share; has the outputs of the stages before train.
        folder: the folder of this run, for the params and everything else.
    """
    shared = ("source.json", "raw", "encoded", "features", "split")
    arguments = [
        str((data if part.split("/")[0] in shared else folder) / part)
        if not part.startswith("--")
        else part
        for part in STAGES[stage].split()
    ]
    command = [sys.executable, "-m", f"stages.{stage}", "--params", str(folder / "params.yaml")]
    start = children_seconds()
    subprocess.run(
        [*command, *arguments], cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True
    )
    return children_seconds() - start


def write_params(params: Values, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    YAML(typ="safe").dump(params, folder / "params.yaml")


def prepare(params: Values, protocol: str) -> Path:
    """The folder with the data of a protocol; runs the stages before train if it is missing."""
    fold = protocol == FOLD
    data = WORK / "data" / (digest(params, DATA_STAGES, FOLD_CODE) + "-fold" * fold)
    if not (data / "seconds").exists():
        write_params(params, data)
        for stage in ("source", "fetch", "encode"):
            run_stage(stage, data, data)
        if fold:
            split_fold(data)
        else:
            run_stage("split", data, data)
        # The stage features takes minutes, which the training seconds of the table leave out.
        (data / "seconds").write_text(f"{run_stage('features', data, data):.0f}")
    return data


def find_run(params: Values, protocol: str) -> Path:
    """The folder of a run of the pipeline."""
    return WORK / "runs" / f"{protocol}-{digest(params, RUN_STAGES)}"


def run(params: Values, protocol: str) -> dict[str, Any]:
    """The metrics of the test part, and the CPU seconds of training."""
    folder = find_run(params, protocol)
    result = folder / "result.json"
    if not result.exists():
        data = prepare(params, protocol)
        write_params(params, folder)
        # If training resumed, the seconds would leave out those before the interruption.
        (folder / "state").unlink(missing_ok=True)
        seconds = run_stage("train", data, folder)
        run_stage("evaluate", data, folder)
        metrics = json.loads((folder / "test.json").read_text())
        result.write_text(json.dumps(metrics | {"seconds": seconds}))
    content: dict[str, Any] = json.loads(result.read_text())
    return content


def run_other(
    name: str,
    params: Values,
    protocol: str,
    judge: Callable[[Path], dict[str, Any]],
    file: str,
    stages: tuple[str, ...] = RUN_STAGES,
) -> dict[str, Any]:
    """The metrics of the test part, and the CPU seconds, of a model that no stage trains.

    Args:
        judge: gets the folder of the data of the protocol.
        file: of its code.
        stages: of the pipeline, that it depends on.
    """
    code = digest(params, stages, file)
    result = WORK / "runs" / f"{protocol}-{name.replace(' ', '_')}-{code}" / "result.json"
    if not result.exists():
        data = prepare(params, protocol)
        result.parent.mkdir(parents=True, exist_ok=True)
        start = time.process_time()
        metrics = judge(data)
        result.write_text(json.dumps(metrics | {"seconds": time.process_time() - start}))
    content: dict[str, Any] = json.loads(result.read_text())
    return content


def list_models(protocol: str) -> dict[str, tuple[Values, int]]:
    """The models that the pipeline trains: the params that make each, and its number of seeds."""
    models: dict[str, tuple[Values, int]] = {"dlrm": ({}, SEEDS)}
    if protocol == "random":
        models["dlrm, label alone"] = LITERAL, SEEDS
    if protocol == "chronological":
        models["dlrm, refit"] = REFIT, SEEDS
        models |= {kind: ({"model": {"kind": kind}}, COMPARED_SEEDS) for kind in KINDS}
    return models


def other_rows(protocol: str, params: Values) -> Iterator[dict[str, Any]]:
    """The rows of a protocol for models that no stage trains."""
    # The features of random are almost only ids and lists, and these models need numbers.
    for name in SIMPLE if protocol == "random" else (*SIMPLE, *ON_FEATURES):
        judge = partial(judge_baseline, name, params=params)
        judged = run_other(name, params, protocol, judge, "benchmarks/baselines.py")
        yield summarise(protocol, name, [judged])
    if protocol in BAYESIAN:
        name = f"myFM, {STEPS} Gibbs steps"

        def sample(data: Path) -> dict[str, Any]:
            return bayesian.judge(data / "split", STEPS, user_days=BAYESIAN[protocol])

        # It takes no features, and half an hour.
        judged = run_other(
            name, params, protocol, sample, "benchmarks/bayesian.py", DATA_STAGES[:-1]
        )
        yield summarise(protocol, name, [judged])
    if protocol == "chronological":
        seeded = apply_changes(params, {"train": {"seed": 1}})
        run(seeded, protocol)
        judge = partial(judge_frozen, checkpoint=find_run(seeded, protocol) / "dlrm")
        judged = run_other("frozen", seeded, protocol, judge, "benchmarks/frozen.py")
        yield summarise(protocol, FROZEN, [judged])


def own_rows(protocol: str, params: Values) -> Iterator[dict[str, Any]]:
    """The rows of a protocol for the models that the pipeline trains."""

    def measure(model: str, changes: Values, seeds: int, split: int = 42) -> dict[str, Any]:
        changed = apply_changes(params, changes)
        runs = [
            run(apply_changes(changed, {"train": {"seed": seed}}), protocol)
            for seed in range(1, seeds + 1)
        ]
        row = summarise(protocol, model, runs, split)
        click.echo(json.dumps(row))
        return row

    for model, (changes, seeds) in list_models(protocol).items():
        yield measure(model, changes, seeds)
    if protocol.startswith("random") or protocol == "stars":
        for seed in OTHER_SPLITS:
            yield measure("dlrm", {"split": {"seed": seed}}, OTHER_SEEDS, seed)


def summarise(
    protocol: str, model: str, runs: list[dict[str, Any]], split_seed: int = 42
) -> dict[str, Any]:
    """Summarise runs with several seeds as a row of the table."""
    name, features, published = PROTOCOLS[protocol]
    row = {
        "protocol": name,
        "model": model,
        "features": features,
        "split_seed": split_seed,
        "seeds": len(runs),
        "servable": protocol in SERVABLE,
        "code": find_code(),
    }
    for name in METRICS:
        values = [run[name] for run in runs if run.get(name) is not None]
        row[f"{name}_mean"] = round(statistics.mean(values), 5) if values else None
        if name in ("auc", "rmse"):
            many = len(values) > 1
            row[f"{name}_std"] = round(statistics.stdev(values), 5) if many else None
    seconds = round(float(np.median([run["seconds"] for run in runs])))
    return row | {"train_seconds": seconds, "published": published}


def row_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("protocol", "features", "model", "split_seed"))


def format_table(rows: list[dict[str, Any]]) -> str:
    def show(value: float | None, deviation: float | None = None) -> str:
        if value is None:
            return ""
        return f"{value:.4f}" + (f" ± {deviation:.4f}" if deviation else "")

    lines = [
        "| protocol | model | features | split | AUC | log loss | accuracy | RMSE | train, s "
        "| published |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['protocol']} | {r['model']} | {r['features']} | {r['split_seed']} "
        f"| {show(r['auc_mean'], r['auc_std'])} "
        f"| {show(r['log_loss_mean'])} | {show(r['accuracy_mean'])} "
        f"| {show(r['rmse_mean'], r['rmse_std'])} | {r['train_seconds']} | {r['published']} |"
        for r in rows
    ]
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(PROTOCOLS)),
    help="Run only this protocol; may be repeated.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/accuracy.json"
)
def main(only: tuple[str, ...], output: Path) -> None:
    rows: list[dict[str, Any]] = []
    for protocol in only or PROTOCOLS:
        base = cast("Values", read_yaml(ROOT / "params.yaml"))
        params = apply_changes(base, load_recipe("stars" if protocol == FOLD else protocol))
        rows += [*own_rows(protocol, params), *other_rows(protocol, params)]
        # Protocols take long, so each is saved at once. The rows of the others are kept.
        others = json.loads(output.read_text())["rows"] if output.exists() else []
        measured = [row_key(row) for row in rows]
        kept = [row for row in others if row_key(row) not in measured]
        content = {"machine": describe_machine(), "rows": kept + rows}
        output.write_text(json.dumps(content, indent=2) + "\n")
    click.echo(format_table(rows))


if __name__ == "__main__":
    main()
