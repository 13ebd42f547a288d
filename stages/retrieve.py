"""Stage retrieve: learn which movies people pick up, from what else they picked up."""

import recsys.common.guarded  # noqa: F401  # isort: skip

from pathlib import Path

import click

from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.pipeline.stage import stage
from recsys.retrieval.params import RetrievalParams


@stage
@click.argument("encoded", type=PATH)
@click.argument("part", type=PATH)
@click.argument("exposure", type=PATH)
def main(params: Params, encoded: Path, part: Path, exposure: Path) -> None:
    """Fit the exposure model to the ratings in the file PART of the movies in ENCODED.

    The weights go to the folder EXPOSURE.
    """
    # These imports are slow. Here they come after the check of the params, which is quick.
    import numpy as np
    from threadpoolctl import threadpool_limits

    from recsys.retrieval.ease import find_popular, fit_weights
    from recsys.retrieval.exposure import Exposure
    from recsys.retrieval.trend import find_trend
    from recsys.storage import schemas
    from recsys.storage.parquet import count_rows, read_column, read_metadata
    from recsys.storage.vocabulary import Vocabulary

    vocabulary = Vocabulary.load(encoded / "vocabulary.json")
    movies = count_rows(encoded / "movies.parquet", vocabulary.schema("movies"))
    user, movie, label, seconds = (
        read_column(part, schemas.PART, name) for name in ("user", "movie", "label", "timestamp")
    )
    if vocabulary.drawn_negatives:
        # Nobody picked up the items that were drawn.
        user, movie, seconds = (values[label == 1] for values in (user, movie, seconds))
    section = params[RetrievalParams]
    popular = find_popular(movie, movies, section.movies)
    some = np.isin(movie, popular)
    # More threads would change the last digits.
    with threadpool_limits(1):
        weights = fit_weights(user[some], np.searchsorted(popular, movie[some]), section.damping)
    counts = np.bincount(movie, minlength=movies)
    trend = find_trend(movie, seconds, movies, section.trend_days) ** section.trend_weight
    Exposure(popular, weights, counts, section, read_metadata(part), trend).save(exposure)
    click.echo(f"exposure: weights of {len(popular):,} movies from {some.sum():,} ratings")


if __name__ == "__main__":
    main()
