"""The base class of the sections of params.yaml, and how a section is read and checked.

Each room declares its own sections in its `params.py`; `recsys.pipeline.params` lists them all.
"""

import re
import textwrap
from collections.abc import Iterable
from pathlib import Path
from reprlib import Repr
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from recsys.common.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


CONFLICT = re.compile(r"^(<{7}|={7}|>{7})(?=\s|$)", re.MULTILINE)
# How many problems of a section one message names.
MAX_PROBLEMS = 5
SHORT = Repr()
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = 80


def list_field(description: str, **limits: Any) -> Any:
    """A field that is a tuple here and a list in YAML, which pydantic's strict mode refuses."""
    return Field(strict=False, description=description, **limits)


# Error messages quote these descriptions.
Fraction = Annotated[float, Field(description="a number above 0 and below 1", gt=0, lt=1)]
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
        unknown = ("extra_forbidden", "invalid_key")
        problems = sorted(error.errors(), key=lambda problem: problem["type"] not in unknown)
        descriptions = "; ".join(_explain(section, problem) for problem in problems[:MAX_PROBLEMS])
        raise InputError(f"{path}: {descriptions}") from error


def read_yaml(path: Path) -> object:
    """Read a YAML file.

    Raises:
        InputError: the file cannot be read, or it is not what `parse_yaml` expects.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        remedy = "run from the project's folder" if missing else "make it a file that you may read"
        raise InputError(f"{path}: {error.strerror}; {remedy}") from error
    return parse_yaml(content, path)


def parse_yaml(content: bytes, path: Path) -> object:
    """Parse the one document of a YAML file into dicts, lists, strings, numbers and dates.

    Args:
        path: the file, which the error message names.

    Raises:
        InputError: the content is not UTF-8, not YAML, or has merge conflicts.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    if conflict := CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        raise InputError(
            f"{path} has merge conflicts (line {line}); resolve them, then `dvc repro`"
        )
    try:
        # DVC reads YAML 1.2 through ruamel; PyYAML (1.1) would make `1e-3` a string.
        return YAML(typ="safe", pure=True).load(text)
    # Besides its own errors, ruamel raises many of Python's: ValueError, KeyError, RecursionError.
    except Exception as error:
        raise InputError(f"{path} is not valid YAML: {_reason(error)}") from error


def show(value: object) -> str:
    """A value for a message: in one short line."""
    return SHORT.repr(value)


def _reason(error: Exception) -> str:
    """An error of ruamel in one short line, with the line of the file where it has one."""
    reason = str(error) or type(error).__name__
    if isinstance(error, MarkedYAMLError) and error.problem and error.problem_mark:
        reason = f"line {error.problem_mark.line + 1}: {error.problem}"
    return textwrap.shorten(reason, 300, placeholder=" ...")


def _explain(section: type[Section], problem: "ErrorDetails") -> str:
    """Turn a pydantic error into "KEY = VALUE: what is allowed"."""
    key = ".".join([section.name, *map(show_key, problem["loc"])])
    if problem["type"] == "value_error":
        return f"{key}: {problem['msg'].removeprefix('Value error, ')}"
    if not problem["loc"]:
        return f"{key} = {show(problem['input'])}: must be a section with the keys {_keys(section)}"
    field = section.model_fields.get(str(problem["loc"][0]))
    if field is None:
        return f"{key} = {show(problem['input'])}: no such key; allowed: {_keys(section)}"
    if get_origin(field.annotation) is Literal:
        allowed = "one of " + ", ".join(get_args(field.annotation))
    else:
        allowed = str(field.description)
    value = "missing" if problem["type"] == "missing" else f"= {show(problem['input'])}"
    return f"{key} {value}: must be {allowed}"


def show_key(key: object) -> str:
    """A key for a message: without quotes if it is a plain word."""
    return str(key) if re.fullmatch(r"[\w.-]{1,80}", str(key)) else show(key)


def _keys(section: type[Section]) -> str:
    return ", ".join(section.model_fields)
