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

    from recsys.retrieval.fit import fit_exposure
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
    counts = np.bincount(movie, minlength=movies)
    # More threads would change the last digits.
    with threadpool_limits(1):
        fitted = fit_exposure(
            user, movie, seconds, counts, params[RetrievalParams], read_metadata(part)
        )
    fitted.save(exposure)
    click.echo(f"exposure: weights of {len(fitted.movies):,} movies from {len(movie):,} ratings")


if __name__ == "__main__":
    main()
