"""Stage features: compute features from rating histories."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

from dataclasses import replace
from pathlib import Path

import click

from recsys.common.atomic import atomic_write
from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.pipeline.stage import stage
from recsys.storage.registry import FeatureParams, select_features


@stage
@click.argument("encoded", type=PATH)
@click.argument("parts", type=PATH)
@click.argument("features", type=PATH)
def main(params: Params, encoded: Path, parts: Path, features: Path) -> None:
    """Compute the features of the ratings in ENCODED that come from other ratings.

    The folder PARTS says which part each rating is in. The folder FEATURES gets one file for each
    part, with the same rows, and the logs that the histories refer to. If params.yaml selects
    neither statistics nor histories, it gets only features.json, without features.
    """
    # These imports are slow. Here they come after the check of the params, which is quick.
    from threadpoolctl import threadpool_limits

    from recsys.features import build
    from recsys.features.files import write_fitted
    from recsys.storage.parquet import read_parquet
    from recsys.storage.vocabulary import Vocabulary

    section = params[FeatureParams]
    settings = build.Settings(section, params[StatisticsParams], params[GaussianProcessParams])
    needed = [f for f in select_features(section.names, ()) if f.table == "ratings"]
    with atomic_write(features) as folder:
        folder.mkdir()
        if not needed:
            write_fitted(None, None, folder)
            click.echo("features: none but those of the tables")
            return
        vocabulary = Vocabulary.load(encoded / "vocabulary.json")
        split = build.read_log(encoded / "ratings", parts, vocabulary.implicit)
        movies = read_parquet(encoded / "movies.parquet", vocabulary.schema("movies"))
        groups = tuple(feature.name for feature in needed if feature.kind == "dense")
        if vocabulary.implicit:
            build.require_ratings_of_both_labels(section)
        build.warn_about_leaks(split.log.past_only, vocabulary.implicit, section)
        # The matrices are small: more threads would be slower, and would change the last digits.
        with threadpool_limits(1):
            catalogue = build.make_catalogue(movies, settings.statistics)
            computed = build.compute_features(
                split.log, catalogue, groups, settings, vocabulary.like_cut
            )
        fitted = write_fitted(computed.fitted, computed.ratings, folder)
        build.write_columns(computed, split, folder, replace(split.lineage, fitted=fitted))
    click.echo(f"features: {', '.join([*computed.dense, *computed.histories])}")


if __name__ == "__main__":
    main()
