"""Run the stages before training on the toy data, without the command line."""

import shutil
from functools import partial
from pathlib import Path

from recsys.data.params import SplitParams
from recsys.data.presets import preset
from recsys.data.split_files import Partitions, write_split
from recsys.data.splitting import assign_parts
from recsys.data.time_cuts import read_cuts
from recsys.engine.engine import choose_engine
from recsys.pipeline.params import load_params
from recsys.storage.dimensions import Dimensions
from tests.conftest import PARAMS, unpinned
from tests.raw import encode_raw
from tests.toy import Toy, write_dat


def encode_toy(toy: Toy, folder: Path) -> Path:
    """Write the outputs of the stage encode, and return their folder."""
    encode_raw(write_dat(toy, folder / "raw"), preset(unpinned("ml-1m")), folder / "encoded")
    return folder / "encoded"


def split_encoded(encoded: Path, parts: Path, **changes: object) -> Path:
    """Write the outputs of the stage split, and return their folder."""
    section = load_params(PARAMS)[SplitParams].model_copy(update=changes)
    if parts.exists():
        shutil.rmtree(parts)
    parts.mkdir()
    partitions, engine = Partitions.open(encoded), choose_engine(parts / "spilled")
    assign = partial(assign_parts, params=section, cuts=read_cuts(partitions, section, engine))
    write_split(partitions, parts, assign, section.follows_time, engine)
    return parts


def load_dimensions(folder: Path) -> Dimensions:
    """Load the tables from a folder that contains `encoded` and `split`."""
    return Dimensions.load(folder / "encoded", folder / "split" / "counts")


def prepare(toy: Toy, folder: Path, **split: object) -> Dimensions:
    """Write `folder`/encoded and `folder`/split, and load the tables."""
    split_encoded(encode_toy(toy, folder), folder / "split", **split)
    return load_dimensions(folder)
