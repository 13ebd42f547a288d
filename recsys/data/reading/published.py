"""Compare the tables of a release with what is published about it."""

import numpy as np

from recsys.common.errors import InputError
from recsys.data.files.text_table import TextTable
from recsys.data.raw_dataset import RawDataset
from recsys.sources.releases import PublishedCounts


def check_published(tables: RawDataset, published: PublishedCounts, table: TextTable) -> None:
    """Check the counts that are published.

    Args:
        table: the ratings, which the error names.

    Raises:
        InputError: one is another. The message names both numbers.
    """
    stars = tables.ratings["rating"].to_numpy(int)
    timestamps = tables.ratings["timestamp"]
    found = {
        "users": len(tables.users),
        "movies": len(tables.movies),
        "rated_movies": tables.ratings["movie"].nunique(),
        "genres": len({name for listed in tables.movies["genres"] for name in listed}),
        "largest_movieid": int(tables.movies["movieid"].max()),
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
