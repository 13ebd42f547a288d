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
    windows = params[StatisticsParams].windows
    dimension = model.embedding_dimension
    if train.embedding_optimizer == "rowwise_adagrad" and dimension % 4:
        yield (
            f"model.embedding_dimension = {dimension}: train.embedding_optimizer = "
            "rowwise_adagrad needs a multiple of 4; change one of them"
        )
    own = params[FetchParams].dataset == "own"
    known = own_features(params[OwnParams]) if own else movielens_features()
    yield from params[FeatureParams].find_unknown(known)
    dense, split = params[FeatureParams].dense, params[SplitParams]
    if "recent" in dense and split.follows_time:
        yield (
            "features.dense: recent describes ratings before and after; remove it, as a split by "
            f"time (split.method = {split.method}) sees the past alone"
        )
    # `recent` has columns for each of these numbers, and the model needs a column.
    if dense == ("recent",) and not windows:
        yield (
            "features.dense = ['recent']: statistics.windows = [] gives it no column; add a "
            "number, or name another dense feature"
        )
    if len(set(windows)) < len(windows):
        yield f"statistics.windows = {show(list(windows))}: a number is listed twice; name it once"
