"""Run the stages before training on the toy data, without the command line."""

from pathlib import Path

from recsys.data.encoding import encode_dimensions, encode_ratings
from recsys.data.params import EncodeParams, SplitParams
from recsys.data.presets import preset
from recsys.data.reading.reader import read_dataset
from recsys.data.split_files import read_pairs, write_split
from recsys.data.splitting import assign_parts
from recsys.pipeline.params import load_params
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions, write_dimensions
from recsys.storage.lineage import Lineage
from recsys.storage.parquet import write_parquet
from recsys.storage.vocabulary import Vocabulary
from tests.conftest import PARAMS, unpinned
from tests.toy import Toy, write_dat


def encode_toy(toy: Toy, folder: Path) -> Path:
    """Write the outputs of the stage encode, and return their folder."""
    tables = read_dataset(write_dat(toy, folder / "raw"), preset(unpinned("ml-1m")))
    section = load_params(PARAMS)[EncodeParams]
    dimensions, vocabulary = encode_dimensions(tables, section)
    encoded = folder / "encoded"
    write_dimensions(dimensions, vocabulary, encoded)
    ratings = encode_ratings(tables.ratings, vocabulary)
    metadata = Lineage(vocabulary.ids).to_metadata()
    write_parquet(ratings, encoded / "ratings.parquet", schemas.RATINGS, metadata)
    return encoded


def split_encoded(encoded: Path, parts: Path, **changes: object) -> Path:
    """Write the outputs of the stage split, and return their folder."""
    section = load_params(PARAMS)[SplitParams].model_copy(update=changes)
    pairs = read_pairs(encoded, Vocabulary.load(encoded / "vocabulary.json"))
    assignment = assign_parts(pairs, section)
    parts.mkdir(exist_ok=True)
    write_split(encoded, parts, pairs, assignment, section.follows_time)
    return parts


def load_dimensions(folder: Path) -> Dimensions:
    """Load the tables from a folder that contains `encoded` and `split`."""
    return Dimensions.load(folder / "encoded", folder / "split" / "counts")


def prepare(toy: Toy, folder: Path, **split: object) -> Dimensions:
    """Write `folder`/encoded and `folder`/split, and load the tables."""
    split_encoded(encode_toy(toy, folder), folder / "split", **split)
    return load_dimensions(folder)
