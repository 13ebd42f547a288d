"""Recipes: what differs from params.yaml to get the best model of a protocol, a file each."""

import json
from pathlib import Path
from typing import Any, cast

from recsys.common.errors import InputError
from recsys.common.params import read_yaml

FOLDER = Path(__file__).parents[2] / "recipes"
# Values by section and key.
Values = dict[str, dict[str, Any]]


def load_recipe(name: str, folder: Path = FOLDER) -> Values:
    """The values that a recipe changes. Raises: InputError: there is no such recipe."""
    names = list_recipes(folder)
    if name not in names:
        raise InputError(f"recipe {name!r}: no such file in {folder}; there are {', '.join(names)}")
    return cast("Values", read_yaml(folder / f"{name}.yaml") or {})


def list_recipes(folder: Path = FOLDER) -> list[str]:
    """The names of all recipes."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def apply_changes(params: Values, changes: Values) -> Values:
    """Params with some values replaced."""
    return {section: values | changes.get(section, {}) for section, values in params.items()}


def as_options(changes: Values) -> str:
    """Values as options of `dvc exp run`; no option has a space in it but that after `-S`."""
    return " ".join(
        f"-S {section}.{key}={json.dumps(value, separators=(',', ':')).replace(chr(34), '')}"
        for section, values in changes.items()
        for key, value in values.items()
    )
