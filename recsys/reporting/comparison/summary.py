"""A summary in a few sentences: what changed since another run, and its effect."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from recsys.common.errors import InputError
from recsys.common.params import read_yaml
from recsys.reporting.comparison.change import METRICS, Change
from recsys.reporting.comparison.compare import Comparison
from recsys.reporting.rendering.blocks import Delta, Verdict
from recsys.reporting.rendering.text import format_cell
from recsys.reporting.runs.git import committed, git
from recsys.reporting.runs.lock import LOCK, RAW, read_lock, recorded_outputs
from recsys.reporting.runs.params import added_sections, changed_params

# The largest number of params, and of files, that are named.
MAX_NAMES = 3
WORDS = {
    Verdict.BETTER: "Better",
    Verdict.WORSE: "Worse",
    Verdict.BETTER_WITH_ONE_SEED: "Better, or noise of the one training seed",
    Verdict.WORSE_WITH_ONE_SEED: "Worse, or noise of the one training seed",
    Verdict.NOISE: "Within noise",
    None: "Changed, with no interval",
}


def summarise(base: str, runs: Comparison) -> str:
    """The params, data and code that changed since a commit, and the metrics that changed."""
    what = [*_params(base), *_data(base), *_code(base)]
    first = (
        f"Changed since {base}: {', '.join(what)}." if what else f"Nothing changed since {base}."
    )
    return " ".join([first, *_effects(runs.all)])


def _params(base: str) -> list[str]:
    try:
        added, changed = added_sections(base), changed_params(base)
    except InputError:
        # The section about the params says why.
        return []
    named = [
        f"{key} {old or 'absent'} → {new or 'absent'}"
        for key, old, new in changed
        if key.split(".")[0] not in added
    ]
    return _shorten([*(f"new section {name}" for name in added), *named], "params")


def _data(base: str) -> list[str]:
    old = committed(str(LOCK), base)
    if old is None or not LOCK.is_file():
        return []
    try:
        before, after = (recorded_outputs(lock).get(RAW) for lock in (old, read_lock(Path())))
    except InputError:
        return []
    return [] if before == after else ["the data"]


def _code(base: str) -> list[str]:
    """The files in Git that a stage depends on, and dvc.yaml."""
    pipeline = read_yaml(Path("dvc.yaml"))
    stages = pipeline.get("stages", {}) if isinstance(pipeline, dict) else {}
    deps = {str(dep) for stage in stages.values() for dep in stage.get("deps", [])}
    places = ["--", "dvc.yaml", *sorted(deps)]
    try:
        files = git("diff", "--name-only", "--relative", base, *places).splitlines()
        files += git("ls-files", "--others", "--exclude-standard", *places).splitlines()
    except subprocess.CalledProcessError:
        return []
    return [f"code ({', '.join(_shorten(files, 'files'))})"] if files else []


def _shorten(names: list[str], noun: str) -> list[str]:
    """The first names, and how many more there are."""
    more = len(names) - MAX_NAMES
    return names if more <= 1 else [*names[:MAX_NAMES], f"{more} more {noun}"]


def _effects(changes: Iterable[Change]) -> list[str]:
    """A sentence for each verdict: the metrics, and by how much they differ."""
    found: dict[Verdict | None, list[str]] = {verdict: [] for verdict in WORDS}
    for change in changes:
        directed = change.name in METRICS and METRICS[change.name].higher_is_better is not None
        if directed and change.delta and (change.verdict or change.old != change.new):
            known = change.verdict is not Verdict.NOISE
            by = f" ({format_cell(Delta(change.delta.value))})" if known else ""
            found[change.verdict].append(f"{change.name}{by}")
    sentences = [
        f"{WORDS[verdict]}: {', '.join(names)}." for verdict, names in found.items() if names
    ]
    return sentences or ["No metric differs."]
