"""Stage features: compute features from rating histories."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

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

    The folder PARTS says which part each rating is in. The folder FEATURES gets the files of each
    part, with the same rows, and the logs that the histories refer to. If params.yaml selects
    neither statistics nor histories, it gets only features.json, without features.
    """
    # These imports are slow. Here they come after the check of the params, which is quick.
    from threadpoolctl import threadpool_limits

    from recsys.engine.engine import choose_engine
    from recsys.features.batch.build import Settings, build_features
    from recsys.features.batch.catalogue import make_catalogue
    from recsys.features.batch.checks import require_ratings_of_both_labels, warn_about_leaks
    from recsys.features.batch.partition_files import PartitionFiles
    from recsys.features.files import write_fitted
    from recsys.storage.parquet import read_parquet
    from recsys.storage.vocabulary import Vocabulary

    section = params[FeatureParams]
    settings = Settings(section, params[StatisticsParams], params[GaussianProcessParams])
    needed = [f for f in select_features(section.names, ()) if f.table == "ratings"]
    with atomic_write(features) as folder:
        folder.mkdir()
        if not needed:
            write_fitted(None, folder)
            click.echo("features: none but those of the tables")
            return
        vocabulary = Vocabulary.load(encoded / "vocabulary.json")
        partitions = PartitionFiles.open(encoded, parts, vocabulary.implicit)
        movies = read_parquet(encoded / "movies.parquet", vocabulary.schema("movies"))
        groups = tuple(feature.name for feature in needed if feature.kind == "dense")
        if vocabulary.implicit:
            require_ratings_of_both_labels(section)
        warn_about_leaks(partitions.past_only, vocabulary.implicit, section)
        catalogue = make_catalogue(movies, settings.statistics)
        engine = choose_engine(folder / "engine")
        # The matrices are small: more threads would be slower, and would change the last digits.
        with threadpool_limits(1):
            fitted = build_features(
                partitions, catalogue, groups, settings, vocabulary.like_cut, folder, engine
            )
    click.echo(f"features: {', '.join([*fitted.standardisation, *fitted.histories])}")


if __name__ == "__main__":
    main()
