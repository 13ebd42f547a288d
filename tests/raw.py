"""Read raw files and encode their ratings, as the stage encode does."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.data.encoding import encode_dimensions
from recsys.data.params import EncodeParams
from recsys.data.partitioning import partition_ratings
from recsys.data.raw_dataset import RawDataset
from recsys.data.reading.reader import read_dataset
from recsys.data.schema import Schema
from recsys.engine.engine import choose_engine
from recsys.pipeline.params import load_params
from recsys.storage import schemas
from recsys.storage.dimensions import write_dimensions
from recsys.storage.parquet import read_parquet
from tests.conftest import PARAMS


@dataclass(frozen=True)
class Read:
    """A data set that was read, with its encoded ratings and all notes. It has the attributes of
    the `RawDataset`, too."""

    dataset: RawDataset
    ratings: pd.DataFrame
    notes: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dataset, name)


def encode_raw(raw: Path, schema: Schema, encoded: Path, **changes: object) -> Read:
    """Read the files in the folder `raw` and write the outputs of the stage encode.

    Args:
        changes: of the section `encode` of params.yaml. A label_threshold of None stands for the
            lowest rating.
    """
    section = load_params(PARAMS)[EncodeParams].model_copy(update=changes)
    (encoded / "ratings").mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=encoded.parent) as name:
        folder = Path(name)
        engine = choose_engine(folder / "spilled")
        dataset = read_dataset(raw, schema, folder / "interactions.parquet", engine)
        if section.label_threshold is None:
            lowest = dataset.rating_scale.lowest
            section = section.model_copy(update={"label_threshold": lowest})
        dimensions, vocabulary = encode_dimensions(dataset, section)
        write_dimensions(dimensions, vocabulary, encoded)
        _, notes = partition_ratings(
            dataset,
            vocabulary,
            section.partitions,
            section.drop_ratings,
            folder / "scattered",
            encoded / "ratings",
        )
    ratings = read_parquet(encoded / "ratings", schemas.RATINGS).to_pandas()
    return Read(dataset, ratings, (*dataset.notes, *notes))


def read_raw(raw: Path, schema: Schema, **changes: object) -> Read:
    """Read the files in the folder `raw` and encode their ratings, keeping no file."""
    with tempfile.TemporaryDirectory() as name:
        return encode_raw(raw, schema, Path(name) / "encoded", **changes)
