"""Stage source: say which content fetch would read."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

import os
from pathlib import Path

import click

from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.pipeline.stage import stage
from recsys.sources.fingerprint import write_fingerprint
from recsys.sources.params import FetchParams, OwnParams


@stage
@click.argument("source", type=PATH)
def main(params: Params, source: Path) -> None:
    """Write to the JSON file SOURCE what identifies the content that fetch would read.

    DVC knows the name of a release, but not what MOVIELENS_MIRROR or your own files hold. So it
    runs this stage each time, and fetch only when the content is another one.
    """
    mirror = os.environ.get("MOVIELENS_MIRROR")
    write_fingerprint(params[FetchParams], params[OwnParams], mirror, source)


if __name__ == "__main__":
    main()
