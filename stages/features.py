"""Stage features: statistics and histories of each rating, where params.yaml asks for them."""

from pathlib import Path

import click

from recsys.common.command import PATH, stage
from recsys.common.params import load_params
from recsys.data.params import SplitParams
from recsys.storage.registry import FeatureParams


@stage
@click.argument("encoded", type=PATH)
@click.argument("features", type=PATH)
def main(params: Path, encoded: Path, features: Path) -> None:
    """Describe the ratings in the folder ENCODED by what they may know of each other.

    The folder FEATURES gets a file a part of the split, with the parts' rows in their order, and
    the logs that the histories refer to; only a note where neither is asked for.
    """
    section = load_params(params, FeatureParams)
    split = load_params(params, SplitParams)
    # Slow to import: wrong params are told before.
    from threadpoolctl import threadpool_limits

    from recsys.common.atomic import replacing
    from recsys.features.build import describe_parts

    # Thousands of small matrices: with more threads slower, and with other last digits.
    with threadpool_limits(1), replacing(features) as folder:
        folder.mkdir()
        columns = describe_parts(encoded, split, section, folder)
    click.echo(f"features: {', '.join(columns) if columns else 'none but the tables'}")


if __name__ == "__main__":
    main()
