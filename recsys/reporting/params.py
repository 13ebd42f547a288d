"""params.yaml beside that of a commit."""

from pathlib import Path
from typing import Any

from dvc.utils.flatten import flatten
from ruamel.yaml import YAML

from recsys.reporting.revisions import committed

PATH = Path("params.yaml")


def flat_params(text: str | None) -> dict[str, Any]:
    """The text of a params file as `{"train.epochs": 20}`."""
    params: dict[str, Any] = flatten(YAML(typ="safe", pure=True).load(text or "{}"))
    return params


def changed_params(base: str) -> list[tuple[str, str, str]]:
    """Key, value in a commit and value in the workspace of each param that differs."""
    new, old = flat_params(PATH.read_text()), flat_params(committed(str(PATH), base))
    return [
        (key, str(old.get(key, "")), str(new.get(key, "")))
        for key in {**new, **old}
        if old.get(key) != new.get(key)
    ]
