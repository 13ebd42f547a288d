"""Lists of ten recommendations by several systems: how good they are, their time and memory.

MovieLens 1M, from MOVIELENS_MIRROR or GroupLens. The protocols are recipes. Every system learns
from the training part and ranks all movies for each person of the test part, except the movies that
the person rated before. The seconds are CPU time on one thread, for fitting and for recommending to
all people. For ours they include the stages features, train and retrieve. The memory is the peak of
a process of its own, or of the largest one.

`make .venv/bench` installs `implicit`. Its models are the item-kNN and the ALS here. `--tune`
judges the values of `GRIDS` on the validation part, and writes ranking_tuning.json. The table has
the best values there. Ours has the values of the recipe.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import click
from ruamel.yaml import YAML

from benchmarks.machine import children_seconds, describe_machine, find_code
from benchmarks.scale import ROOT, run_measured, run_stage
from benchmarks.systems import NEEDS, SYSTEMS, TOP, Task, read_task
from recsys.common.params import read_yaml
from recsys.evaluation.params import RankingParams
from recsys.evaluation.ranking import catalogue_metrics, metrics_by_gap, per_user_metrics
from recsys.pipeline.params import load_params
from recsys.pipeline.recipes import apply_changes, load_recipe
from recsys.retrieval.params import RetrievalParams

# For each protocol, its recipe. The likes of the random split are what params.yaml has.
PROTOCOLS = {
    "likes_random": "random",
    "likes_chronological": "likes_chronological",
    "leave_last": "leave_last",
}
# Values are judged by the mean over systems of these ages in days, which do not learn from as many
# last days of the training part. The chronological test part covers two years, and the validation
# part 27 days. So new systems alone would choose values for the first days.
AGES = {"likes_random": (0,), "likes_chronological": (0, 27, 60), "leave_last": (0,)}
TUNED = ROOT / "benchmarks/ranking_tuning.json"
Values = dict[str, Any]
DAMPINGS = [300.0, 500.0, 1e3, 3e3, 1e4, 3e4]
WEIGHTS = [0.5, 0.75, 1.0]
RETURNS = {"return_weight": WEIGHTS, "return_days": [15.0, 30.0, 60.0]}
# For each system, the values that are tried of each of its params.
GRIDS: dict[str, dict[str, list[Any]]] = {
    "item_knn": {"neighbours": [5, 10, 20, 100, 300, 1000, 3000, 10000]},
    "als": {
        "alpha": [0.3, 1.0, 3.0, 10.0],
        "regularization": [10.0, 30.0, 100.0],
        # Last, for many factors take long.
        "factors": [32, 64, 128, 256],
    },
    "ease": {"damping": DAMPINGS},
    "ease_returning": {"damping": [3e3, 1e4, 3e4], "return_weight": WEIGHTS},
    "ours": {
        "damping": DAMPINGS,
        "star_weight": [0.0, 0.5, 1.0],
        "user_power": [0.0, 0.25, 0.5],
        "like_weight": [0.25, 0.5, 1.0, 2.0],
        **RETURNS,
    },
}
# Of a protocol, in place of those.
OTHER_GRIDS = {("leave_last", "als"): {"factors": [64, 128, 512]}}


def judge(system: str, task: Task, values: Values) -> dict[str, Any]:
    """The metrics of a system's lists, and the CPU seconds of making them."""
    start = time.process_time()
    lists = SYSTEMS[system](task, **values)
    seconds = time.process_time() - start
    people = per_user_metrics(lists, task.people.relevant)
    found: dict[str, Any] = {name: float(values.mean()) for name, values in people.items()}
    found |= catalogue_metrics(lists, task.ratings)
    row: dict[str, Any] = {name: round(value, 5) for name, value in found.items()}
    row["seconds"] = round(seconds, 2)
    if task.people.gaps is not None:
        row["gaps"] = metrics_by_gap(people, task.people.gaps)
    return row


def make_run(protocol: str, folder: Path) -> list[str]:
    """Make the parts of a protocol, and return the systems that it has."""
    params = apply_changes(
        cast("dict[str, Values]", read_yaml(ROOT / "params.yaml")), load_recipe(PROTOCOLS[protocol])
    )
    YAML(typ="safe").dump(params, folder / "params.yaml")
    for stage in ("source", "fetch", "encode", "split"):
        run_stage(stage, folder)
    left_out = set() if params["retrieval"]["return_weight"] else {"ease_returning"}
    # Where P(like) has no say, ours knows nothing but what it learnt, whenever it is asked.
    if protocol != "likes_chronological":
        left_out.add("ours_at_once")
    return [system for system in SYSTEMS if system not in left_out]


def measure(protocol: str, system: str, folder: Path) -> dict[str, Any]:
    """A row of the table.

    Args:
        folder: of the run.
    """
    values = {} if system in NEEDS else find_best_values(protocol, system)
    if system == "ours_refit":
        change_params(folder, {"retrieval": {"refit": True}})
    seconds, peak = run_stages(NEEDS.get(system, ()), folder)
    command = ["-m", "benchmarks.ranking", "--judge", system, json.dumps(values), str(folder)]
    judged = run_measured(command, ROOT, system)
    row = json.loads((folder / f"{system}.json").read_text())
    row["seconds"] = round(row["seconds"] + seconds, 2)
    row["peak_mb"] = max(peak, judged["peak_mb"])
    named = {"protocol": protocol, "system": system, "k": TOP, "params": values}
    return named | {"code": find_code()} | row


def run_stages(stages: tuple[str, ...], folder: Path) -> tuple[float, int]:
    """Run stages, each once for its params, and return their CPU seconds and peak memory in MB."""
    refit = load_params(folder / "params.yaml")[RetrievalParams].refit
    runs = [run_once(stage, folder, refit and stage == "retrieve") for stage in stages]
    return sum(run[0] for run in runs), max((run[1] for run in runs), default=0)


@cache
def run_once(stage: str, folder: Path, _refit: bool) -> tuple[float, int]:
    """Run a stage, and return its CPU seconds and peak memory in MB.

    Args:
        _refit: tells two runs of retrieve apart.
    """
    start = children_seconds()
    peak = run_stage(stage, folder)["peak_mb"]
    return children_seconds() - start, peak


def change_params(folder: Path, changes: Values) -> None:
    params = cast("dict[str, Values]", read_yaml(folder / "params.yaml"))
    YAML(typ="safe").dump(apply_changes(params, changes), folder / "params.yaml")


def find_best_values(protocol: str, system: str) -> Values:
    """The tuned values with the highest NDCG; none for a system without values."""
    rows = json.loads(TUNED.read_text())["rows"]
    tuned = [row for row in rows if (row["protocol"], row["system"]) == (protocol, system)]
    best: Values = max(tuned, key=lambda row: row["ndcg"])["params"] if tuned else {}
    return best


def tune(protocol: str, system: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Judge values of `GRIDS`.

    One param after the other takes the best of its values, until none changes. The first values
    are in the middle of the grid; for ours, they come from the recipe. Learning from all ratings
    and, where likes are relevant, from likes alone are tuned apart.

    Args:
        folder: of the run.
    """
    tasks = [read_task(folder, tuned=True, age=age) for age in AGES[protocol]]
    grid = GRIDS[system] | OTHER_GRIDS.get((protocol, system), {})
    params = load_params(folder / "params.yaml")
    starts = [
        {"likes_only": likes_only} | {name: grid[name][len(grid[name]) // 2] for name in grid}
        for likes_only in ((True, False) if params[RankingParams].relevant == "likes" else (False,))
    ]
    if system == "ours":
        section = params[RetrievalParams].model_dump()
        left_out = () if section["return_weight"] else RETURNS
        grid = {name: grid[name] for name in grid if name not in left_out}
        starts = [{name: section[name] for name in grid}]
    for best in starts:
        found: dict[str, float] = {}
        before = None
        while best != before:
            before = dict(best)
            for name in grid:
                tried = [best | {name: value} for value in grid[name]]
                for values in tried:
                    if str(values) not in found:
                        rows = [judge(system, task, values) for task in tasks]
                        means = {
                            metric: round(sum(row[metric] for row in rows) / len(rows), 5)
                            for metric in ("ndcg", "recall")
                        }
                        found[str(values)] = means["ndcg"]
                        yield {"protocol": protocol, "system": system, "params": values} | means
                best |= max(tried, key=lambda values: found[str(values)])


@click.command(help=__doc__)
@click.option("--protocol", type=click.Choice(list(PROTOCOLS)), multiple=True)
@click.option("--system", type=click.Choice(list(SYSTEMS)), multiple=True)
@click.option("--tune", "tuned", is_flag=True, help="Judge the values of GRIDS instead.")
@click.option("--judge", "judged", nargs=3, hidden=True)
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/ranking.json")
def main(
    protocol: tuple[str, ...],
    system: tuple[str, ...],
    tuned: bool,
    judged: tuple[str, str, str] | None,
    output: Path,
) -> None:
    # Here for the processes that this one starts, and before NumPy computes anything in them.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if judged:
        name, values, place = judged
        row = judge(name, read_task(Path(place), tuned=False), json.loads(values))
        (Path(place) / f"{name}.json").write_text(json.dumps(row))
        return
    for one in protocol or PROTOCOLS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            systems = make_run(one, folder)
            for name in [name for name in systems if name in (system or SYSTEMS)]:
                if not tuned:
                    row = measure(one, name, folder)
                    click.echo(json.dumps(row))
                    save([row], output)
                # The encoder of leave_last takes ten minutes for each value.
                elif name in GRIDS and (one, name) != ("leave_last", "ours"):
                    run_stages(NEEDS.get(name, ()), folder)
                    save(list(tune(one, name, folder)), TUNED)


def save(new: list[dict[str, Any]], output: Path) -> None:
    """Write the rows of a system at once, for some take long. The others are kept."""
    content = {"machine": describe_machine(), "rows": new}
    if output.exists():
        key = new[0]["protocol"], new[0]["system"]
        old = json.loads(output.read_text())["rows"]
        order = [(protocol, system) for protocol in PROTOCOLS for system in SYSTEMS]
        # A system of an older version may be gone.
        others = [place for place in order if place != key]
        kept = [row for row in old if (row["protocol"], row["system"]) in others]
        content["rows"] = kept + new
        content["rows"].sort(key=lambda row: order.index((row["protocol"], row["system"])))
    # Many short rows read best with a line each.
    text = json.dumps(content, indent=2 if output != TUNED else None)
    output.write_text(text.replace('}, {"protocol"', '},\n{"protocol"') + "\n")


if __name__ == "__main__":
    main()
