"""The parsers on the real archives, compared with what is published about the data."""

import os
from pathlib import Path

import numpy as np
import pytest

from recsys.data.encoding import encode_dimensions
from recsys.data.params import EncodeParams, SplitParams
from recsys.data.presets import preset
from recsys.pipeline.params import load_params
from recsys.sources.archives import fetch_release
from recsys.sources.releases import RELEASES
from tests.conftest import PARAMS
from tests.pairs import assign_all, make_pairs
from tests.raw import Read, read_raw

pytestmark = pytest.mark.real
ENCODE = load_params(PARAMS)[EncodeParams]


def read(name: str, folder: Path) -> Read:
    fetch_release(RELEASES[name], folder, os.environ["MOVIELENS_MIRROR"])
    return read_raw(folder, preset(RELEASES[name]))


@pytest.mark.parametrize(("name", "positive"), [("ml-100k", 0.55375), ("ml-1m", 0.575)])
def test_the_published_files_pass_all_checks(tmp_path: Path, name: str, positive: float) -> None:
    tables = read(name, tmp_path / "raw")
    dimensions, vocabulary = encode_dimensions(tables.dataset, ENCODE)
    ratings = tables.ratings
    counts = RELEASES[name].published_counts
    assert counts is not None
    assert len(ratings) == counts.ratings
    assert ratings["label"].mean() == pytest.approx(positive, abs=5e-4)
    assert ratings["user"].max() + 1 == counts.users
    assert dimensions["movies"]["raw_movieid"][-1].as_py() == counts.largest_movieid
    assert len(vocabulary.names["genres"]) == 18
    assert dimensions["movies"]["year"].to_pandas().min() >= 1900
    # Odd values are rare.
    without_genres = "movies without genres: 2 of 1,682, such as 267"
    assert tables.notes == ((without_genres,) if name == "ml-100k" else ())


def test_chronological_protocols_have_the_published_sizes_and_new_users(tmp_path: Path) -> None:
    """ReLLa needs five earlier ratings of a user; the DCN V2 paper leaves out the threes."""
    tables = read("ml-1m", tmp_path / "raw")
    pairs = make_pairs(tables.ratings)
    params = load_params(PARAMS)[SplitParams].model_copy(update={"method": "chronological"})
    assignment = assign_all(pairs, params)
    assert np.abs(np.bincount(assignment) - [800_167, 100_021, 100_021]).max() < 10
    known = np.bincount(pairs.user[assignment == 0], minlength=pairs.user.max() + 1) > 0
    assert 0 < (~known[pairs.user[assignment == 2]]).mean() < 1
    assignment = assign_all(pairs, params.model_copy(update={"min_history": 5}))
    assert (assignment >= 0).sum() == 970_009
    # The cut lies between two seconds, so some ratings of the second are on the other side.
    assert abs((assignment == 2).sum() - 97_001) < 10
    assert (tables.ratings["rating"] != 3).sum() == 739_012
