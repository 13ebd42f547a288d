"""myFM: a Bayesian factorization machine whose stars are ordered classes, as a baseline.

Of arXiv 1905.01395 this is the Bayesian timeSVD++ "flipped" with an ordered probit. It has a vector
for the user, the movie, the user on that day, the movies that the user rated, and the users who
rated the movie; all of them interact. Predictions are means over the posterior.
"""

import importlib.metadata
import json
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from recsys.scoring.metrics import Metrics, classification_metrics, regression_metrics
from recsys.storage.parts import part_path

RANK, SEED = 32, 1
# The first Gibbs steps are not yet samples of the posterior, and count for nothing.
BURN_IN = 20
STARS = np.arange(1, 6)
DAY = 24 * 60 * 60


def judge(split: Path, steps: int, log: Path | None = None, user_days: bool = True) -> Metrics:
    """The metrics of the test part; learnt from the training part alone.

    Args:
        split: the folder of the parts.
        user_days: whether each day of each user has a vector; if not, each day has one, as in
            myFM's published example.
        log: the metrics after every ten Gibbs steps become lines of this file.
    """
    fm = _import()
    training, test = (_read(part_path(split, name)) for name in ("train", "test"))
    users, movies = (int(pd.concat([training[k], test[k]]).max()) + 1 for k in ("user", "movie"))
    days, test_days = _days(training, test, user_days)
    rated = sparse.csr_matrix(
        (np.ones(len(training)), (training["user"], training["movie"])), shape=(users, movies)
    )
    blocks = {"user": _with_bag(rated), "movie": _with_bag(rated.T.tocsr())}

    def relate(rows: pd.DataFrame) -> list[Any]:
        return [fm.RelationBlock(rows[name].tolist(), block) for name, block in blocks.items()]

    related, total, metrics = relate(test), np.zeros((len(test), len(STARS))), Metrics()
    start = time.process_time()

    def keep(step: int, sample: Any, *_: Any) -> tuple[bool, None]:
        nonlocal total, metrics
        if step >= BURN_IN:
            total += sample.oprobit_predict_proba(test_days, related, 0)
        done = step + 1
        if done > BURN_IN and (done % 10 == 0 or done == steps):
            metrics = _judge(test, total / total.sum(axis=1, keepdims=True))
            if log:
                line = {"steps": done, "seconds": time.process_time() - start} | metrics
                with log.open("a") as file:
                    file.write(json.dumps(line) + "\n")
        return False, None

    model = fm.MyFMOrderedProbit(rank=RANK, random_seed=SEED)
    model.fit(
        days,
        training["rating"].to_numpy().astype(int) - 1,
        relate(training),
        n_iter=steps,
        n_kept_samples=1,
        group_shapes=[days.shape[1], users, movies, movies, users],
        callback=keep,
    )
    return metrics


def _judge(test: pd.DataFrame, chances: np.ndarray) -> Metrics:
    """The metrics of the probabilities of the stars, [rows, 5]; more than 3 are a like."""
    likes = chances[:, STARS > 3].sum(axis=1)
    found = classification_metrics(test["label"].to_numpy(), likes, 0.5)
    return found | regression_metrics(test["rating"].to_numpy(), chances @ STARS)


def _days(
    training: pd.DataFrame, test: pd.DataFrame, user_days: bool
) -> tuple[sparse.csr_matrix, ...]:
    """A column for each (user's) day in the training part; a day that it lacks has no entry."""
    keys = [
        part["timestamp"] // DAY + user_days * 10**6 * part["user"].astype("int64")
        for part in (training, test)
    ]
    known = pd.Index(keys[0].unique())
    matrices = []
    for key in keys:
        column = known.get_indexer(key)
        row = np.flatnonzero(column >= 0)
        shape = (len(key), len(known))
        matrices.append(sparse.csr_matrix((np.ones(len(row)), (row, column[row])), shape=shape))
    return tuple(matrices)


def _with_bag(rated: sparse.csr_matrix) -> sparse.csr_matrix:
    """For each row itself, and the bag of those that it is rated with, of length 1."""
    count = np.maximum(np.asarray(rated.sum(axis=1)).ravel(), 1)
    bag = sparse.diags(count**-0.5) @ rated
    return sparse.hstack([sparse.identity(len(count)), bag]).tocsr()


def _read(part: Path) -> pd.DataFrame:
    return pd.read_parquet(part, columns=["user", "movie", "rating", "label", "timestamp"])


def _import() -> Any:
    """myFM, whose releases for Python before 3.12 ask setuptools, which is gone, for a version."""
    if "pkg_resources" not in sys.modules:
        shim = types.ModuleType("pkg_resources")
        vars(shim).update(
            DistributionNotFound=importlib.metadata.PackageNotFoundError,
            get_distribution=importlib.metadata.distribution,
        )
        sys.modules["pkg_resources"] = shim
    import myfm

    return myfm
