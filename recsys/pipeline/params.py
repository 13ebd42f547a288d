"""Reads and checks params.yaml as a whole."""

from collections.abc import Iterator
from pathlib import Path

from recsys.common.errors import InputError
from recsys.common.params import Params, Section, parse_section, read_yaml, show, show_key
from recsys.data.params import EncodeParams, SplitParams, own_features
from recsys.evaluation.params import EvaluateParams, RankingParams
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.models.params import ModelParams
from recsys.retrieval.params import RetrievalParams, SequenceParams
from recsys.sources.params import FetchParams, OwnParams
from recsys.storage.registry import FeatureParams, movielens_features
from recsys.training.params import TrainParams

SECTIONS: tuple[type[Section], ...] = (
    FetchParams,
    OwnParams,
    EncodeParams,
    SplitParams,
    FeatureParams,
    StatisticsParams,
    GaussianProcessParams,
    ModelParams,
    TrainParams,
    EvaluateParams,
    RetrievalParams,
    SequenceParams,
    RankingParams,
)


def load_params(path: Path) -> Params:
    """Read a params file and check all of its sections.

    Raises:
        InputError: the file cannot be read, a section is unknown, a value is wrong, or two values
            do not go together.
    """
    return parse_params(read_yaml(path), path)


def parse_params(content: object, path: Path) -> Params:
    """Check the content of a params file.

    Args:
        path: the file, which the error message names.

    Raises:
        InputError: as for `load_params`.
    """
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected sections, found {show(content)}")
    names = [section.name for section in SECTIONS]
    for key in content:
        if key not in names:
            raise InputError(
                f"{path}: {show_key(key)}: no such section; allowed: {', '.join(names)}"
            )
    params = Params(parse_section(content.get(s.name), s, path) for s in SECTIONS)
    for problem in _conflicts(params):
        raise InputError(f"{path}: {problem}")
    return params


def _conflicts(params: Params) -> Iterator[str]:
    """Values that are right by themselves but do not go together."""
    model, train = params[ModelParams], params[TrainParams]
    statistics = params[StatisticsParams]
    dimension = model.embedding_dimension
    if train.embedding_optimizer == "rowwise_adagrad" and dimension % 4:
        yield (
            f"model.embedding_dimension = {dimension}: train.embedding_optimizer = "
            "rowwise_adagrad needs a multiple of 4; change one of them"
        )
    own = params[FetchParams].dataset == "own"
    known = own_features(params[OwnParams]) if own else movielens_features()
    yield from params[FeatureParams].find_unknown(known)
    # `recent` has columns for each number in one of these lists, and the model needs a column.
    key = "last" if params[SplitParams].follows_time else "windows"
    if params[FeatureParams].dense == ("recent",) and not getattr(statistics, key):
        yield (
            f"features.dense = ['recent']: statistics.{key} = [] gives it no column; add a number, "
            "or name another dense feature"
        )
    # Each number names columns of its own.
    for key, values in (("last", statistics.last), ("windows", statistics.windows)):
        if len(set(values)) < len(values):
            yield f"statistics.{key} = {show(list(values))}: a number is listed twice; name it once"
