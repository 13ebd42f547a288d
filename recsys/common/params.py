"""The base class of the sections of params.yaml, and how a section is read and checked.

Each room declares its own sections in its `params.py`; `recsys.pipeline.params` lists them all.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from recsys.common.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


# Error messages quote these descriptions.
Share = Annotated[float, Field(description="a number above 0 and below 1", gt=0, lt=1)]
Positive = Annotated[float, Field(description="a number above 0, up to 1e6", gt=0, le=1e6)]
NotNegative = Annotated[float, Field(description="a number from 0 to 1e6", ge=0, le=1e6)]
Seed = Annotated[int, Field(description="an integer from 0 to 2**63 - 1", ge=0, lt=2**63)]
Count = Annotated[int, Field(description="an integer from 1 to 1e9", ge=1, le=10**9)]
Width = Annotated[int, Field(description="an integer from 1 to 65536", ge=1, le=2**16)]
Workers = Annotated[int, Field(description="an integer from 1 to 1024", ge=1, le=1024)]


class Section(BaseModel):
    """One section of params.yaml, immutable; `name` is its key in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    name: ClassVar[str]


S = TypeVar("S", bound=Section)


class Params:
    """The checked sections of a params file, looked up by class: `params[TrainParams]`."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._sections = {type(section): section for section in sections}

    def __getitem__(self, section: type[S]) -> S:
        found = self._sections[section]
        assert isinstance(found, section)
        return found


def parse_section(content: object, section: type[S], path: Path) -> S:
    """Check the content of one section.

    Args:
        path: the params file, which the error message names.

    Raises:
        InputError: a key is misspelt or missing, or a value has the wrong type or is out of range.
            The message names the key, its value and what is allowed.
    """
    try:
        return section.model_validate(content)
    except ValidationError as error:
        # Unknown keys come first: a misspelt key explains why the right one is missing.
        problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        descriptions = "; ".join(_describe(section, problem) for problem in problems)
        raise InputError(f"{path}: {descriptions}") from error


def read_yaml(path: Path) -> object:
    """Read a YAML file.

    Raises:
        InputError: the file cannot be read, or it is not valid YAML.
    """
    try:
        # DVC reads YAML 1.2 through ruamel; PyYAML (1.1) would make `1e-3` a string.
        return YAML(typ="safe", pure=True).load(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; run from the project's folder") from error
    except YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error


def _describe(section: type[Section], problem: "ErrorDetails") -> str:
    """Turn a pydantic error into "KEY = VALUE: what is allowed"."""
    key = ".".join([section.name, *map(str, problem["loc"])])
    if problem["type"] == "value_error":
        return f"{key}: {problem['msg'].removeprefix('Value error, ')}"
    if not problem["loc"]:
        return f"{key} = {problem['input']!r}: must be a section with the keys {_keys(section)}"
    if problem["type"] == "extra_forbidden":
        return f"{key} = {problem['input']!r}: no such key; allowed: {_keys(section)}"
    field = section.model_fields[str(problem["loc"][0])]
    if get_origin(field.annotation) is Literal:
        allowed = "one of " + ", ".join(get_args(field.annotation))
    else:
        allowed = str(field.description)
    value = "missing" if problem["type"] == "missing" else f"= {problem['input']!r}"
    return f"{key} {value}: must be {allowed}"


def _keys(section: type[Section]) -> str:
    return ", ".join(section.model_fields)
