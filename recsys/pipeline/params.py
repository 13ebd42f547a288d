"""params.yaml as a whole."""

from pathlib import Path

from recsys.common.errors import InputError
from recsys.common.params import Section, parse_section, read_sections
from recsys.data.params import EncodeParams, SplitParams
from recsys.evaluation.params import EvaluateParams
from recsys.models.params import ModelParams
from recsys.sources.params import FetchParams
from recsys.storage.registry import FeatureParams
from recsys.training.params import TrainParams

SECTIONS: tuple[type[Section], ...] = (
    FetchParams,
    EncodeParams,
    SplitParams,
    FeatureParams,
    ModelParams,
    TrainParams,
    EvaluateParams,
)


def check_params(path: Path) -> None:
    """Check every section of a params file, whatever stage reads it.

    Raises:
        InputError: a section is not known, or a value of one is wrong.
    """
    sections = read_sections(path)
    names = [section.name for section in SECTIONS]
    for key in sections:
        if key not in names:
            raise InputError(f"{path}: {key}: no such section; allowed: {', '.join(names)}")
    for section in SECTIONS:
        parse_section(sections, section, path)
