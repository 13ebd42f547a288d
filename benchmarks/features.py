"""The stage features with all features: its time, peak memory, and the size of its fitted files.

The data are MovieLens 1M, from MOVIELENS_MIRROR or GroupLens, and synthetic ratings of the shape of
MovieLens 25M: as many users, movies and ratings, and a user with as many ratings as its largest.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from benchmarks.machine import describe_machine
from benchmarks.scale import ROOT, run_stage
from recsys.pipeline.recipes import apply_changes, load_recipe
from recsys.storage import schemas
from recsys.storage.parquet import read_metadata, read_parquet, write_parquet

DATA = {
    "ml-1m": {"dataset": "ml-1m"},
    "ml-25m's shape": {
        "dataset": "synthetic",
        "synthetic_users": 162_541,
        "synthetic_movies": 59_047,
        "synthetic_ratings": 25_000_095,
    },
}
LARGEST_USER = 32_202
FITTED = ("features.json", "fitted.safetensors", "ratings.parquet")


def write_params(data: str, recipe: str, threads: int, folder: Path) -> None:
    """Write a params.yaml with a recipe's features for some data."""
    yaml = YAML(typ="safe")
    params = yaml.load(ROOT / "params.yaml")
    params = apply_changes(params, load_recipe(recipe))
    params["fetch"] |= DATA[data]
    params["gaussian_process"]["threads"] = threads
    yaml.dump(params, folder / "params.yaml")


def enlarge_user(path: Path, count: int) -> None:
    """Give the first user ratings of others, until there are `count`.

    Args:
        path: the only partition of the ratings.
    """
    ratings, random = read_parquet(path, schemas.RATINGS).to_pandas(), np.random.default_rng(1)
    own = np.flatnonzero(ratings["user"] == 0)
    others = random.permutation(np.flatnonzero(ratings["user"] != 0))
    movies, first = np.unique(ratings["movie"].to_numpy()[others], return_index=True)
    new = first[~np.isin(movies, ratings["movie"].to_numpy()[own])]
    taken = others[random.permutation(new)[: count - len(own)]]
    ratings.loc[taken, "user"] = np.int32(0)
    ratings = ratings.sort_values(["user", "timestamp", "movie"], ignore_index=True)
    write_parquet(ratings, path, schemas.RATINGS, read_metadata(path))


def measure(data: str, recipe: str, threads: tuple[int, ...]) -> list[dict[str, Any]]:
    """A row for each number of threads."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in threads:
            write_params(data, recipe, number, folder)
            if not rows:
                for stage in ("source", "fetch", "encode"):
                    run_stage(stage, folder)
                if data != "ml-1m":
                    enlarge_user(folder / "encoded/ratings/00000.parquet", LARGEST_USER)
                run_stage("split", folder)
            cost = run_stage("features", folder)
            ratings = pd.read_parquet(folder / "encoded/ratings", columns=["user"])
            size = sum((folder / "features" / file).stat().st_size for file in FITTED)
            rows.append(
                {
                    "data": data,
                    "recipe": recipe,
                    "ratings": len(ratings),
                    "largest_user": int(ratings["user"].value_counts().max()),
                    "threads": number,
                    "seconds": cost["seconds"],
                    "peak_mb": cost["peak_mb"],
                    "fitted_mb": round(size / 1e6, 1),
                }
            )
    return rows


@click.command(help=__doc__)
@click.option("--data", type=click.Choice(list(DATA)), multiple=True, default=tuple(DATA))
@click.option("--recipe", default="random_all", show_default=True)
@click.option("--threads", type=int, multiple=True, default=(1, 2), show_default=True)
@click.option(
    "--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/features.json"
)
def main(data: tuple[str, ...], recipe: str, threads: tuple[int, ...], output: Path) -> None:
    rows: list[dict[str, Any]] = []
    for name in data:
        rows += measure(name, recipe, threads)
        # The large data take long, so what is known is saved at once.
        content = {"machine": describe_machine(), "rows": rows}
        output.write_text(json.dumps(content, indent=2) + "\n")
        click.echo(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
