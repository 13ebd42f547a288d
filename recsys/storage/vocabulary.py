"""The vocabulary: what the codes, normalised ratings and labels in the tables stand for."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.common.rating_scale import RatingScale
from recsys.storage import schemas
from recsys.storage.registry import COMPUTED, Feature
from recsys.storage.schemas import RAW_IDS
from recsys.storage.sealed import check_files, digest_files, seal, unseal

# The files that the digests in the vocabulary are of.
TABLES = tuple(f"{name}.parquet" for name in RAW_IDS)
# The largest number of 32 bits: columns of larger ones would be infinite.
MAX_FLOAT32 = float(np.finfo(np.float32).max)


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
    names: dict[str, tuple[str, ...]]
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
        """Write the file that `load` reads, beside the tables of users and movies.

        Raises:
            InputError: params.yaml and the data do not fit each other; see `check`.
        """
        check(self)
        content = asdict(self) | {"files": digest_files(path.parent, TABLES)}
        with atomic_write(path) as partial:
            partial.write_text(seal(json.dumps(content, indent=2)))

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read the file that `save` wrote.

        Raises:
            InputError: the file or a table beside it is missing or was changed.
        """
        try:
            content = json.loads(unseal(path.read_bytes().decode()))
            check_files(path.parent, TABLES, content.pop("files"))
            vocabulary: Vocabulary = CONTENT.validate_python(content)
        except (OSError, ValueError, LookupError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{path} is not a vocabulary ({reason}); run `dvc repro encode`, or restore it "
                "with `dvc checkout`"
            ) from error
        return vocabulary


CONTENT = TypeAdapter(Vocabulary)


def check(vocabulary: Vocabulary) -> None:
    """Check what params.yaml says about the data, as the data shows it.

    Raises:
        InputError: names the key, the value and what is allowed.
    """
    scale, threshold = vocabulary.rating_scale, vocabulary.label_threshold
    width = scale.highest - scale.lowest
    step = width if scale.step is None else scale.step
    if not (scale.lowest >= -MAX_FLOAT32 and 0 < step <= width <= MAX_FLOAT32):
        raise InputError(f"rating_scale = {scale}: must ascend, by a step above 0")
    if not scale.lowest <= threshold <= scale.highest:
        raise InputError(
            f"label_threshold = {threshold:g}: must be on the rating scale, {scale}; set "
            "encode.label_threshold in params.yaml"
        )
    taken = {feature.name for feature in COMPUTED}
    for feature in vocabulary.features:
        if feature.name in taken:
            key = "user_features" if feature.table == "users" else "item_features"
            raise InputError(
                f"own.{key}: {show(feature.name)} is the name of another feature; rename the column"
            )
        taken.add(feature.name)
