"""The vocabulary: what the codes, normalised ratings and labels in the tables stand for."""

import json
import re
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import AfterValidator, TypeAdapter

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.common.params import show, show_key
from recsys.common.rating_scale import RatingScale
from recsys.storage import schemas
from recsys.storage.json_files import parse_json
from recsys.storage.registry import COMPUTED, Feature
from recsys.storage.schemas import ID_TYPES, RAW_IDS

# More digits than 64 bits have are no integer, however many there are.
WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
# The largest number of 32 bits: columns of larger ones would be infinite.
MOST = float(np.finfo(np.float32).max)


def _require_ascending(names: tuple[str, ...]) -> tuple[str, ...]:
    for name, following in pairwise(names):
        if name >= following:
            raise ValueError(f"{show(following)} follows {show(name)}; each must be greater")
    return names


@dataclass(frozen=True)
class Vocabulary:
    """The names, scale and threshold that the stage encode found for a data set.

    Attributes:
        ids: a digest of the raw ids of users and movies, and of `names`.
        names: the values of each coded feature, ascending; the value at position i has code i.
        rating_scale: the stars that users could give.
        label_threshold: a rating of more stars than this is a like.
        features: the features of the users and movies tables.
        id_types: the names of the raw ids' Arrow types, by table: int32, int64 or string.
        implicit: whether all ratings are positives, beside which the stage split draws negatives.
    """

    ids: str
    names: dict[str, Annotated[tuple[str, ...], AfterValidator(_require_ascending)]]
    rating_scale: RatingScale
    label_threshold: float
    features: tuple[Feature, ...]
    id_types: dict[str, str]
    implicit: bool = False

    @property
    def like_cut(self) -> float:
        """A number of stars between the last rating that is no like and the first that is one."""
        return self.rating_scale.cut_above(self.label_threshold)

    def schema(self, table: str) -> pa.Schema:
        """The columns of the users or movies table."""
        return schemas.dimension(table, self.features, self.id_types[table])

    def save(self, path: Path) -> None:
        """Write the file that `load` reads.

        Raises:
            InputError: `load` would refuse it.
        """
        check(self)
        with atomic_write(path) as partial:
            partial.write_text(json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read the file that `save` wrote.

        Raises:
            InputError: the file is missing or not a vocabulary; names the key and its value.
        """
        try:
            return parse_json(path.read_bytes(), CONTENT)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} is not a vocabulary ({error}); run `dvc repro encode`, or restore it with "
                "`dvc checkout`"
            ) from error


def check(vocabulary: Vocabulary) -> Vocabulary:
    """Check what the types of a vocabulary do not say.

    Raises:
        InputError: some values do not fit each other. Names the key, the value and what is allowed.
    """
    scale, threshold = vocabulary.rating_scale, vocabulary.label_threshold
    width = scale.highest - scale.lowest
    step = width if scale.step is None else scale.step
    if not (scale.lowest >= -MOST and 0 < step <= width <= MOST):
        raise InputError(f"rating_scale = {scale}: must ascend, by a step above 0")
    if not scale.lowest <= threshold <= scale.highest:
        raise InputError(
            f"label_threshold = {threshold:g}: must be on the rating scale, {scale}; set "
            "encode.label_threshold in params.yaml"
        )
    types = vocabulary.id_types
    if types.keys() != RAW_IDS.keys() or not set(types.values()) <= set(ID_TYPES):
        raise InputError(
            f"id_types = {show(types)}: must give {' and '.join(RAW_IDS)} one of "
            f"{', '.join(ID_TYPES)}"
        )
    taken = {feature.name for feature in COMPUTED}
    for place, feature in enumerate(vocabulary.features):
        if feature.name in taken:
            raise InputError(f"features.{place}.name = {show(feature.name)}: there is another one")
        taken.add(feature.name)
        is_column = feature.table != "ratings" and feature.column
        if not is_column or not abs(feature.missing) <= MOST:
            raise InputError(f"features.{place} = {show(feature)}: is no column of users or movies")
    coded = [feature for feature in vocabulary.features if feature.kind != "dense"]
    if vocabulary.names.keys() != {f.name for f in coded} | {f.lookup for f in coded}:
        raise InputError(
            f"names = {show(list(vocabulary.names))}: must have the keys "
            f"{', '.join(show_key(feature.name) for feature in coded)}"
        )
    return vocabulary


# What is in the file, for pydantic. It does not check vocabularies that are made in other ways.
CONTENT = TypeAdapter(Annotated[Vocabulary, AfterValidator(check)])


def find_rows(raw: npt.NDArray[Any], known: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Find the rows of a table that hold some raw ids.

    Args:
        raw: the raw ids to find, integers or texts as `known`, [N]
        known: the table's raw ids, ascending, [T]

    Returns:
        the row of each id, or -1 if the table does not have it, [N]
    """
    places = np.minimum(np.searchsorted(known, raw), len(known) - 1)
    return np.where(known[places] == raw, places, -1).astype(np.int32)


def is_integer(text: str) -> bool:
    """Whether a text is a whole number of 64 bits in its usual spelling."""
    return bool(WHOLE_NUMBER.fullmatch(text)) and -(2**63) <= int(text) < 2**63
