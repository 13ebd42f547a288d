"""The typed sections of params.yaml: the only module that reads YAML."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from recsys.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


# Errors quote the descriptions.
Share = Annotated[float, Field(description="a number above 0 and below 1", gt=0, lt=1)]
Dropout = Annotated[float, Field(description="a number from 0 to below 1", ge=0, lt=1)]
Positive = Annotated[float, Field(description="a number above 0, up to 1e6", gt=0, le=1e6)]
NotNegative = Annotated[float, Field(description="a number from 0 to 1e6", ge=0, le=1e6)]
Seed = Annotated[int, Field(description="an integer from 0 to 2**63 - 1", ge=0, lt=2**63)]
Count = Annotated[int, Field(description="an integer from 1 to 1e9", ge=1, le=10**9)]
Width = Annotated[int, Field(description="an integer from 1 to 65536", ge=1, le=2**16)]
Workers = Annotated[int, Field(description="an integer from 1 to 1024", ge=1, le=1024)]
Points = Annotated[int, Field(description="an integer from 2 to 10000", ge=2, le=10_000)]
# YAML has lists only; strict mode would refuse one where a tuple is declared.
Widths = Annotated[
    tuple[Width, ...], Field(strict=False, description="a list of integers from 1 to 65536")
]
Stars = Annotated[
    tuple[float, ...], Field(strict=False, description="a list of numbers of stars, or []")
]
SparseFeature = Literal[
    "userid", "movieid", "liked", "disliked", "genres", "age", "occupation", "zip", "period"
]
DenseFeature = Literal["gender", "user", "movie", "affinity", "recent", "time", "taste", "liking"]


class Section(BaseModel):
    """One section of params.yaml, immutable; `name` is its key there."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    name: ClassVar[str]


class FetchParams(Section):
    name = "fetch"
    dataset: Literal[
        "ml-100k",
        "ml-1m",
        "ml-latest-small",
        "ml-10m",
        "ml-20m",
        "ml-25m",
        "ml-32m",
        "synthetic",
    ]
    synthetic_users: Count
    synthetic_movies: Count
    synthetic_ratings: Count
    synthetic_seed: Seed


class EncodeParams(Section):
    name = "encode"
    label_threshold: Annotated[float, Field(description="a number of stars")]
    drop_ratings: Stars


class SplitParams(Section):
    name = "split"
    method: Literal["random", "chronological", "leave_last"]
    min_history: Annotated[int, Field(description="an integer from 0 to 1e6", ge=0, le=10**6)]
    train: Share
    validation: Share
    test: Share
    seed: Seed

    @model_validator(mode="after")
    def _shares_make_a_whole(self) -> "SplitParams":
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test is {total:g}; it must be 1")
        return self


def _some_of(names: object) -> Any:
    """A field that lists some of a Literal's names."""
    described = f"a list of at least one of {', '.join(get_args(names))}"
    return Field(strict=False, min_length=1, description=described)


class FeatureParams(Section):
    name = "features"
    sparse: Annotated[tuple[SparseFeature, ...], _some_of(SparseFeature)]
    dense: Annotated[tuple[DenseFeature, ...], _some_of(DenseFeature)]
    history_length: Count

    @property
    def ordered(self) -> tuple[str, ...]:
        """The sparse features, those of one table side by side, whatever the order they are in."""
        return tuple(name for name in get_args(SparseFeature) if name in self.sparse)

    @property
    def statistics(self) -> tuple[str, ...]:
        """The dense features that are computed from other ratings."""
        return tuple(name for name in self.dense if name != "gender")

    @property
    def histories(self) -> tuple[str, ...]:
        """The sparse features that are lists of other ratings' movies."""
        return tuple(name for name in self.sparse if name in ("liked", "disliked"))

    @model_validator(mode="after")
    def _none_is_twice(self) -> "FeatureParams":
        for names in (self.sparse, self.dense):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{name} is listed twice; name it once")
        return self


class ModelParams(Section):
    name = "model"
    kind: Literal["dlrm", "dcn", "deepfm", "fm", "lr"]
    embedding_dimension: Width
    pooling: Literal["sum", "mean"]
    embedding_std: Positive
    bottom_layers: Widths
    top_layers: Annotated[
        Widths, Field(min_length=1, description="a list of at least one integer from 1 to 65536")
    ]
    dropout: Dropout
    cross_layers: Width
    cross_rank: Width


class TrainParams(Section):
    name = "train"
    task: Literal["classification", "regression"]
    learning_rate: Annotated[float, Field(description="a number above 0", gt=0)]
    weight_decay: NotNegative
    embedding_optimizer: Literal["adam", "rowwise_adagrad"]
    embedding_learning_rate: Annotated[float, Field(description="a number above 0", gt=0)]
    average_epochs: NotNegative
    batch_size: Count
    epochs: Count
    patience: Count
    checkpoint_every: Annotated[int, Field(description="an integer from 0 to 1e9", ge=0, le=10**9)]
    seed: Seed
    threads: Workers
    processes: Workers
    device: Literal["cpu", "cuda"]


class EvaluateParams(Section):
    name = "evaluate"
    threshold: Share
    batch_size: Count
    calibration_bins: Points
    curve_points: Points
    bootstrap: Annotated[int, Field(description="an integer from 0 to 100000", ge=0, le=10**5)]
    seed: Seed
    threads: Workers


SECTIONS: tuple[type[Section], ...] = (
    FetchParams,
    EncodeParams,
    SplitParams,
    FeatureParams,
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
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected sections, found {content!r}")
    names = [known.name for known in SECTIONS]
    for key in content:
        if key not in names:
            raise InputError(f"{path}: {key}: no such section; allowed: {', '.join(names)}")
    try:
        return section.model_validate(content.get(section.name))
    except ValidationError as error:
        # Unknown keys first: the key that they were meant to be is among the missing.
        problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        told = "; ".join(_describe(section, problem) for problem in problems)
        raise InputError(f"{path}: {told}") from error


def read_yaml(path: Path) -> object:
    """The content of a file. Raises: InputError: it cannot be read or is no YAML."""
    try:
        # DVC reads YAML 1.2 through ruamel; PyYAML (1.1) would make `1e-3` a string.
        return YAML(typ="safe", pure=True).load(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; run from the project's folder") from error
    except YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error


def _describe(section: type[Section], problem: "ErrorDetails") -> str:
    """A pydantic error as "KEY = VALUE: what is allowed"."""
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
