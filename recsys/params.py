"""The typed sections of params.yaml: the only module that reads YAML."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from recsys.errors import InputError

Fraction = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Size = Annotated[int, Field(ge=1)]
# YAML has lists only; strict mode would refuse one where a tuple is declared.
Layers = Annotated[tuple[Size, ...], Field(strict=False, min_length=1)]


class Section(BaseModel):
    """One section of params.yaml, immutable; `name` is its key there."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    name: ClassVar[str]


class FetchParams(Section):
    name = "fetch"
    dataset: Literal["ml-100k", "ml-1m", "ml-latest-small", "ml-10m", "ml-20m", "ml-25m", "ml-32m"]


class EncodeParams(Section):
    name = "encode"
    label_threshold: float


class SplitParams(Section):
    name = "split"
    method: Literal["random", "chronological"]
    train: Fraction
    validation: Fraction
    test: Fraction
    seed: Seed

    @model_validator(mode="after")
    def _fractions_make_a_whole(self) -> "SplitParams":
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test is {total:g}; it must be 1")
        return self


class ModelParams(Section):
    name = "model"
    embedding_dimension: Size
    pooling: Literal["sum", "mean"]
    embedding_std: Annotated[float, Field(gt=0)]
    bottom_layers: Annotated[tuple[Size, ...], Field(strict=False)]
    top_layers: Layers
    dropout: Annotated[float, Field(ge=0, lt=1)]


class TrainParams(Section):
    name = "train"
    task: Literal["classification", "regression"]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    average_epochs: Annotated[float, Field(ge=0)]
    batch_size: Size
    epochs: Size
    patience: Size
    seed: Seed
    threads: Size
    device: Literal["cpu", "cuda"]


class EvaluateParams(Section):
    name = "evaluate"
    threshold: Fraction
    batch_size: Size
    calibration_bins: Annotated[int, Field(ge=2, le=1000)]
    curve_points: Annotated[int, Field(ge=2, le=10_000)]
    threads: Size


SECTIONS: tuple[type[Section], ...] = (
    FetchParams,
    EncodeParams,
    SplitParams,
    ModelParams,
    TrainParams,
    EvaluateParams,
)
S = TypeVar("S", bound=Section)


def load_params(path: Path, section: type[S]) -> S:
    """Read one section of a params file.

    Only that section's values are looked at: a stage must not fail on, or depend on, another's.

    Raises:
        InputError: the file cannot be read, or a key is misspelt, missing, of the wrong type or
            out of range; the line names the key, its value and what is allowed.
    """
    try:
        # DVC reads YAML 1.2 through ruamel; PyYAML (1.1) would make `1e-3` a string.
        content = YAML(typ="safe", pure=True).load(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; run from the project's folder") from error
    except YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected sections, found {content!r}")
    names = [known.name for known in SECTIONS]
    for key in content:
        if key not in names:
            raise InputError(f"{path}: {key}: no such section; allowed: {', '.join(names)}")
    try:
        return section.model_validate(content.get(section.name))
    except ValidationError as error:
        problems = "; ".join(_describe(section, dict(problem)) for problem in error.errors())
        raise InputError(f"{path}: {problems}") from error


def _describe(section: type[Section], problem: dict[str, object]) -> str:
    location = problem["loc"]
    assert isinstance(location, tuple)
    key = ".".join([section.name, *map(str, location)])
    if problem["type"] == "extra_forbidden":
        return f"{key}: no such key; allowed: {', '.join(section.model_fields)}"
    if problem["type"] == "missing":
        return f"{key}: missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    value = "" if problem["type"] == "value_error" else f" = {problem['input']!r}"
    return f"{key}{value}: {message[0].lower()}{message[1:]}"
