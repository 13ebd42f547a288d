"""Compare a release with the counts that are published about it."""

import numpy as np

from recsys.common.errors import InputError
from recsys.data.files.text_table import TextTable
from recsys.data.raw_dataset import RawDataset
from recsys.sources.releases import PublishedCounts


def check_published(dataset: RawDataset, published: PublishedCounts, table: TextTable) -> None:
    """Check the counts of a release.

    Args:
        table: the ratings file, which the error names.

    Raises:
        InputError: a count differs from the published one. The message names both numbers.
    """
    stars = dataset.ratings["rating"].to_numpy(int)
    timestamps = dataset.ratings["timestamp"]
    found = {
        "users": len(dataset.users),
        "movies": len(dataset.movies),
        "rated_movies": dataset.ratings["movie"].nunique(),
        "genres": len({name for listed in dataset.movies["genres"] for name in listed}),
        "largest_movieid": int(dataset.movies["raw_movieid"].max()),
        "rating_counts": tuple(np.bincount(stars, minlength=6)[1:].tolist()),
        "timestamps": (int(timestamps.min()), int(timestamps.max())),
    }
    for name, value in found.items():
        expected = getattr(published, name)
        if value != expected:
            raise InputError(
                f"{table.shown}: {name} is {value}, published {expected}; these are not the "
                f"published files: {table.file.remedy}"
            )
