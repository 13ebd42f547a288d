"""The files of the fitted features, which the stage features writes beside the columns.

`features.json` holds the plain values and the digests of the other two files: `fitted.safetensors`,
the numbers of each movie, and `ratings.parquet`, the visible ratings of each user in the order of
time. Its own digest is in the metadata of the columns and in every checkpoint trained on them.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors.numpy import load_file, save_file

from recsys.common.errors import InputError
from recsys.features.online import Fitted
from recsys.features.posterior import Process
from recsys.features.statistics import Catalogue, Constants, MovieSums
from recsys.storage.origin import Origin, digest, require_same_run
from recsys.storage.parquet import read_parquet, write_parquet
from recsys.storage.schemas import FITTED_RATINGS

VERSION = 1
DESCRIPTION, NUMBERS, RATINGS = "features.json", "fitted.safetensors", "ratings.parquet"


def write_fitted(fitted: Fitted | None, ratings: pa.Table | None, folder: Path) -> str:
    """Write the three files, or the first alone if no feature is computed.

    Args:
        ratings: the columns of `schemas.FITTED_RATINGS`.

    Returns:
        the digest of `features.json`
    """
    content: dict[str, Any] = {"standardisation": {}, "histories": []}
    if fitted is not None:
        save_file(_numbers(fitted), folder / NUMBERS)
        write_parquet(ratings, folder / RATINGS, FITTED_RATINGS)
        content = _plain(fitted) | {
            "version": VERSION,
            "files": {name: digest_file(folder / name) for name in (NUMBERS, RATINGS)},
        }
    text = json.dumps(content, indent=2) + "\n"
    (folder / DESCRIPTION).write_text(text)
    return digest(text)


def read_fitted(folder: Path, origin: Origin, other: Path) -> tuple[Fitted, pa.Table]:
    """Read the three files.

    Args:
        origin: the digests of the checkpoint that was trained on the features.
        other: the checkpoint.

    Returns:
        what was fitted, and the columns of `schemas.FITTED_RATINGS`

    Raises:
        InputError: a file is missing, was changed, or is of another run than the checkpoint.
    """
    path = folder / DESCRIPTION
    try:
        text = path.read_text()
        require_same_run(path, {"fitted": digest(text)}, other, origin)
        content = json.loads(text)
        for name, expected in content["files"].items():
            if digest_file(folder / name) != expected:
                raise ValueError(f"{name} was changed")
        numbers = load_file(folder / NUMBERS)
        return _parse(content, numbers), read_parquet(folder / RATINGS, FITTED_RATINGS)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: the fitted features cannot be read ({error}); run `dvc repro features`"
        ) from error


def digest_file(path: Path) -> str:
    return digest(np.frombuffer(path.read_bytes(), np.uint8))


def _plain(fitted: Fitted) -> dict[str, Any]:
    """The values of `Fitted` that JSON holds."""
    plain = {
        field.name: getattr(fitted, field.name)
        for field in dataclasses.fields(fitted)
        if field.name not in ("constants", "catalogue", "movies", "processes")
    }
    processes = {
        group: {"noise": p.noise, "moods": p.moods, "lasting": p.lasting, "fading": p.fading_days}
        for group, p in fitted.processes.items()
    }
    return plain | {"constants": dataclasses.asdict(fitted.constants), "processes": processes}


def _numbers(fitted: Fitted) -> dict[str, np.ndarray]:
    """The arrays of `Fitted`."""
    arrays = {
        "genres": fitted.catalogue.genres,
        "years": fitted.catalogue.years.astype(np.int32),
        **{f"movies.{name}": sums for name, sums in fitted.movies._asdict().items()},
    }
    for group, process in fitted.processes.items():
        arrays |= {f"{group}.mean": process.mean, f"{group}.factors": process.factors}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _parse(content: dict[str, Any], numbers: dict[str, np.ndarray]) -> Fitted:
    constants = content["constants"]
    processes = {
        group: Process(
            mean=numbers[f"{group}.mean"],
            factors=numbers[f"{group}.factors"],
            noise=plain["noise"],
            moods=tuple(tuple(mood) for mood in plain["moods"]),
            lasting=plain["lasting"],
            fading_days=plain["fading"],
        )
        for group, plain in content["processes"].items()
    }
    return Fitted(
        groups=tuple(content["groups"]),
        histories=tuple(content["histories"]),
        history_length=content["history_length"],
        past_only=content["past_only"],
        label_threshold=content["label_threshold"],
        cutoff=content["cutoff"],
        standardisation={n: (mean, std) for n, (mean, std) in content["standardisation"].items()},
        end=content["end"],
        constants=Constants(
            **constants
            | {"last": tuple(constants["last"]), "windows": tuple(constants["windows"])}
        ),
        catalogue=Catalogue(numbers["genres"], numbers["years"]),
        movies=MovieSums(*(numbers[f"movies.{name}"] for name in MovieSums._fields)),
        processes=processes,
    )
