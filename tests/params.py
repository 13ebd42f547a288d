"""Params of runs that take a second."""

from pathlib import Path

from ruamel.yaml import YAML

QUICK = {
    "train.epochs": 2,
    "train.batch_size": 64,
    "train.average_epochs": 0.2,
    "train.learning_rate": 0.01,
    "model.top_layers": [16],
}


def set_params(path: Path = Path("params.yaml"), /, **values: object) -> None:
    """Change values of a params.yaml, which are named as section.key."""
    content = YAML(typ="safe").load(path)
    for key, value in values.items():
        section, name = key.split(".")
        content[section][name] = value
    YAML(typ="safe").dump(content, path)
