"""The base class of the sections of params.yaml, and how a section is read and checked.

Each room declares its own sections in its `params.py`; `recsys.pipeline.params` lists them all.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from reprlib import Repr
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from recsys.common.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


# The limits of a YAML file: many times what a params file, search.yaml or dvc.lock needs.
MOST_BYTES, MOST_VALUES, MOST_CHARACTERS = 2**18, 10_000, 1_000
YAML_TAG = "tag:yaml.org,2002:"
TAGS = ("null", "bool", "int", "float", "str", "timestamp", "seq", "map", "merge")
CONFLICT = re.compile(r"^(<{7}|={7}|>{7})(?=\s|$)", re.MULTILINE)
# How many problems of a section one message names.
MOST_PROBLEMS = 5
SHORT = Repr()
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = 80

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
        descriptions = "; ".join(
            _describe(section, problem) for problem in problems[:MOST_PROBLEMS]
        )
        raise InputError(f"{path}: {descriptions}") from error


def read_yaml(path: Path) -> object:
    """Read a YAML file.

    Raises:
        InputError: the file cannot be read, or `parse_yaml` refuses it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        remedy = "run from the project's folder" if missing else "make it a file that you may read"
        raise InputError(f"{path}: {error.strerror}; {remedy}") from error
    return parse_yaml(content, path)


def parse_yaml(content: bytes, path: Path) -> object:
    """Build the one document of a YAML file, as plain dicts, lists, texts, numbers and dates.

    Args:
        path: the file, which the error message names.

    Raises:
        InputError: the content is not YAML in UTF-8, has merge conflicts or values that no params
            file needs, or is so large or so nested that it would take much time or memory.
    """
    if len(content) > MOST_BYTES:
        raise InputError(f"{path} is larger than {MOST_BYTES:,} bytes; shorten it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    if conflict := CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        raise InputError(
            f"{path} has merge conflicts (line {line}); resolve them, then `dvc repro`"
        )
    # DVC reads YAML 1.2 through ruamel; PyYAML (1.1) would make `1e-3` a string.
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
        if root is None:
            return None
        _check_nodes(root, yaml, path)
        return yaml.constructor.construct_document(root)
    except InputError:
        raise
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply; use sections, keys and lists") from error
    # Besides its own errors, ruamel raises many of Python's: ValueError, KeyError, AttributeError.
    except Exception as error:
        raise InputError(f"{path} is not valid YAML: {_reason(error)}") from error


def show(value: object) -> str:
    """A value as messages quote it: in one line, and never long."""
    return SHORT.repr(value)


def _check_nodes(root: Node, yaml: YAML, path: Path) -> None:
    """Refuse tags that no params file needs, scalars that cannot be built, and too many values."""
    sizes: dict[Node, int] = {}
    if _written_out(root, sizes) > MOST_VALUES:
        raise InputError(
            f"{path} has more than {MOST_VALUES:,} values once its aliases are written out; "
            "write fewer"
        )
    for node in sizes:
        place = f"{path} line {node.start_mark.line + 1}"
        kind = str(node.tag).removeprefix(YAML_TAG)
        if kind not in TAGS:
            raise InputError(f"{place}: the tag {show(node.tag)} is not allowed; remove it")
        if not isinstance(node, ScalarNode) or kind == "merge":
            continue
        if len(node.value) > MOST_CHARACTERS:
            raise InputError(
                f"{place}: a value of {len(node.value):,} characters; at most {MOST_CHARACTERS:,}"
            )
        try:
            yaml.constructor.construct_object(node)
        except Exception as error:
            raise InputError(
                f"{place}: {show(node.value)} is not a valid {kind}; correct it, or write it in "
                "quotes if it is a text"
            ) from error


def _written_out(node: Node, sizes: dict[Node, int]) -> int:
    """The number of values in a node, each alias counted as what it stands for.

    Args:
        sizes: the number of each node that was met, which this adds to.
    """
    if node not in sizes:
        # An alias to a node that it lies in has no end.
        sizes[node] = MOST_VALUES + 1
        if isinstance(node, ScalarNode):
            children = []
        elif isinstance(node, MappingNode):
            children = [child for pair in node.value for child in pair]
        else:
            children = node.value
        sizes[node] = 1 + sum(_written_out(child, sizes) for child in children)
    return sizes[node]


def _reason(error: Exception) -> str:
    """An error of ruamel in one line, with the line of the file where it has one."""
    if isinstance(error, MarkedYAMLError) and error.problem and error.problem_mark:
        problem = " ".join(str(error.problem).split())
        return f"line {error.problem_mark.line + 1}: {problem}"
    return " ".join(str(error).split()) or type(error).__name__


def _describe(section: type[Section], problem: "ErrorDetails") -> str:
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
    """A key as messages quote it: plain if it is a plain word."""
    return str(key) if re.fullmatch(r"[\w.-]{1,80}", str(key)) else show(key)


def _keys(section: type[Section]) -> str:
    return ", ".join(section.model_fields)
