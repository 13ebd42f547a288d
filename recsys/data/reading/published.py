"""Compare a release with the counts that are published about it."""

from recsys.common.errors import InputError
from recsys.data.raw_dataset import RawDataset
from recsys.sources.releases import PublishedCounts


def check_published(dataset: RawDataset, published: PublishedCounts) -> None:
    """Check the counts of a release.

    Raises:
        InputError: a count differs from the published one. The message names both numbers.
    """
    file, summary = dataset.interactions.file, dataset.interactions.summary
    found = {
        "users": len(dataset.users),
        "movies": len(dataset.movies),
        "rated_movies": dataset.rated_movies,
        "genres": len({name for listed in dataset.movies["genres"] for name in listed}),
        "largest_movieid": int(dataset.movies["raw_movieid"].max()),
        "rating_counts": tuple(summary.counts[stars] for stars in range(1, 6)),
        "timestamps": (summary.start, summary.end),
    }
    for name, value in found.items():
        expected = getattr(published, name)
        if value != expected:
            raise InputError(
                f"{file.shown}: {name} is {value}, published {expected}; these are not the "
                f"published files: {file.file.remedy}"
            )
