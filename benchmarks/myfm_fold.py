"""Fold 0 of a shuffled 10-fold of MovieLens 1M: the test rows of myFM's published example.

scikit-learn shuffles the ratings in the order of the archive, as myFM's example does. A ninetieth
of the other rows chooses the epoch.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from recsys.data.split_files import Partitions, write_split
from recsys.engine.engine import choose_engine
from recsys.storage.schemas import RAW_IDS

FOLDS, SEED = 10, 42
VALIDATION = 1 / 90


def split_fold(data: Path) -> None:
    """Write the folder split beside the folders raw and encoded."""
    partitions = Partitions.open(data / "encoded")
    pairs = partitions.pairs(0, partitions.read(0))
    published = pd.read_csv(data / "raw/ratings.dat", sep="::", header=None, engine="python")
    _, test = next(KFold(FOLDS, shuffle=True, random_state=SEED).split(published))
    in_test = np.zeros(len(published), bool)
    in_test[test] = True
    keys = pd.MultiIndex.from_frame(published[[0, 1]])
    # The rows of the tables are in another order.
    users, movies = (pairs.raw_ids[name] for name in RAW_IDS)
    ids = pd.MultiIndex.from_arrays([users[pairs.user], movies[pairs.movie]])
    tested = in_test[keys.get_indexer(ids)]
    chosen = np.random.default_rng(SEED).random(len(tested)) < VALIDATION
    assignment = np.where(tested, 2, chosen).astype(np.int8)
    (data / "split").mkdir()
    engine = choose_engine(data / "spilled")
    write_split(partitions, data / "split", lambda _: assignment, past_only=False, engine=engine)
