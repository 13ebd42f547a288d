"""Stage source: fingerprint the input."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

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
    """Write the checksums of the input to the JSON file SOURCE.

    DVC does not watch the files that the section own of params.yaml names. So it runs this stage
    each time, and runs fetch again when a checksum has changed.
    """
    write_fingerprint(params[FetchParams], params[OwnParams], source)


if __name__ == "__main__":
    main()
