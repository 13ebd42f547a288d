"""Params of the best model of each protocol, as files of what differs from params.yaml.

dvc exp run $(python -m benchmarks.recipes chronological)
"""

import json
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "recipes"
Params = dict[str, dict[str, Any]]


def load_recipe(name: str) -> Params:
    """Sections with the values that differ. Raises: click.ClickException: no such recipe."""
    path = FOLDER / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.yaml")))
        raise click.ClickException(f"recipe {name!r}: no such file in recipes/; there are {known}")
    changes: Params = YAML(typ="safe").load(path) or {}
    return changes


def apply_changes(params: Params, changes: Params) -> Params:
    """Params with some values replaced."""
    return {section: values | changes.get(section, {}) for section, values in params.items()}


def load_params_file() -> Params:
    params: Params = YAML(typ="safe").load(ROOT / "params.yaml")
    return params


def as_options(changes: Params) -> str:
    """As options of `dvc exp run`, without a space within one."""
    return " ".join(
        f"-S {section}.{key}={json.dumps(value, separators=(',', ':')).replace(chr(34), '')}"
        for section, values in changes.items()
        for key, value in values.items()
    )


@click.command(help=__doc__)
@click.argument("name")
def main(name: str) -> None:
    click.echo(as_options(load_recipe(name)))


if __name__ == "__main__":
    main()
