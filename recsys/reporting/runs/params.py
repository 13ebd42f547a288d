"""params.yaml of the workspace beside a commit's."""

from pathlib import Path
from typing import Any

from dvc.utils.flatten import flatten

from recsys.common.errors import InputError
from recsys.common.params import parse_yaml, show
from recsys.reporting.runs.git import committed

PATH = Path("params.yaml")


def flat_params(text: str | bytes, place: str = str(PATH)) -> dict[str, Any]:
    """The text of a params file as `{"train.epochs": 20}`.

    Args:
        place: where the text is, which the error message names.

    Raises:
        InputError: it is no params file.
    """
    content = parse_yaml(text.encode() if isinstance(text, str) else text, Path(place))
    if not isinstance(content, dict):
        raise InputError(f"{place}: expected sections, found {show(content)}")
    params: dict[str, Any] = flatten(content)
    return params


def changed_params(base: str) -> list[tuple[str, str, str]]:
    """Key, value in a commit and value in the workspace of each param that differs.

    A value is its text, `""` if it is empty, and nothing where the param is absent.

    Raises:
        InputError: one of them has no params file that can be read.
    """
    old, new = _read_both(base)
    differ = [
        key for key in {**new, **old} if key not in old or key not in new or old[key] != new[key]
    ]
    return [(key, _show(old, key), _show(new, key)) for key in differ]


def added_sections(base: str) -> list[str]:
    """The sections of the workspace that a commit lacks.

    Raises:
        InputError: one of them has no params file that can be read.
    """
    old, new = ([key.split(".")[0] for key in params] for params in _read_both(base))
    return [section for section in dict.fromkeys(new) if section not in old]


def _read_both(base: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The params of a commit, and the params of the workspace."""
    new = flat_params(PATH.read_bytes())
    return flat_params(committed(str(PATH), base) or "{}", f"{PATH} of {base}"), new


def _show(params: dict[str, Any], key: str) -> str:
    return (str(params[key]) or '""') if key in params else ""
