"""Reads and checks params.yaml as a whole."""

from pathlib import Path

from recsys.common.errors import InputError
from recsys.common.params import Params, Section, parse_section, read_yaml
from recsys.data.params import EncodeParams, SplitParams
from recsys.evaluation.params import EvaluateParams
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.models.params import ModelParams
from recsys.sources.params import FetchParams
from recsys.storage.registry import FeatureParams
from recsys.training.params import TrainParams

SECTIONS: tuple[type[Section], ...] = (
    FetchParams,
    EncodeParams,
    SplitParams,
    FeatureParams,
    StatisticsParams,
    GaussianProcessParams,
    ModelParams,
    TrainParams,
    EvaluateParams,
)


def load_params(path: Path) -> Params:
    """Read a params file and check all of its sections.

    Raises:
        InputError: the file cannot be read, a section is unknown, or a value is wrong.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected sections, found {content!r}")
    names = [section.name for section in SECTIONS]
    for key in content:
        if key not in names:
            raise InputError(f"{path}: {key}: no such section; allowed: {', '.join(names)}")
    return Params(parse_section(content.get(s.name), s, path) for s in SECTIONS)
