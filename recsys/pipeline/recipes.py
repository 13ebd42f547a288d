"""Recipes: what differs from params.yaml to get the best model of a protocol, a file each."""

import json
import re
from pathlib import Path
from typing import Any, cast

from recsys.common.errors import InputError
from recsys.common.params import read_yaml, show
from recsys.pipeline.params import parse_params

FOLDER = Path(__file__).parents[2] / "recipes"
# A text that needs no quotes, neither for the shell nor for DVC.
PLAIN = re.compile(r"[\w./:|-]*")
# Values by section and key.
Values = dict[str, dict[str, Any]]


def load_recipe(name: str, folder: Path = FOLDER) -> Values:
    """The values that a recipe changes in the params.yaml beside the folder.

    Raises:
        InputError: there is no such recipe, or it makes no right params of params.yaml.
    """
    names = list_recipes(folder)
    if name not in names:
        there = ", ".join(names) or "none"
        raise InputError(f"recipe {show(name)}: no such file in {folder}; there are {there}")
    path, base = folder / f"{name}.yaml", folder.parent / "params.yaml"
    changes, params = read_yaml(path), read_yaml(base)
    if changes is None:
        return {}
    if not isinstance(changes, dict):
        raise InputError(f"{path}: expected sections, found {show(changes)}")
    parse_params(params, base)
    parse_params(apply_changes(cast("Values", params), changes), path)
    return changes


def list_recipes(folder: Path = FOLDER) -> list[str]:
    """The names of all recipes."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def apply_changes(params: Values, changes: Values) -> Values:
    """Params with some values replaced; what is no section of values is taken as it is."""
    merged: Values = params | changes
    for section in params.keys() & changes.keys():
        if isinstance(changes[section], dict):
            merged[section] = params[section] | changes[section]
    return merged


def as_options(changes: Values) -> str:
    """Values as options of `dvc exp run`; no option has a space in it but that after `-S`.

    Raises:
        InputError: a text would need quotes.
    """
    options = []
    for section, values in changes.items():
        for key, value in values.items():
            texts = value if isinstance(value, list) else [value]
            if any(isinstance(text, str) and not PLAIN.fullmatch(text) for text in texts):
                raise InputError(
                    f"{section}.{key} = {show(value)}: no option can hold this; write it into "
                    "params.yaml, and leave it out of the recipe"
                )
            written = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace('"', "")
            options.append(f"-S {section}.{key}={written}")
    return " ".join(options)
