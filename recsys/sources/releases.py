"""The MovieLens releases: the files in each archive, and the counts published about them.

Source: https://grouplens.org/datasets/movielens/ and the README inside each archive.
"""

import dataclasses
from dataclasses import dataclass

from recsys.common.rating_scale import HALF_STARS, WHOLE_STARS, RatingScale


@dataclass(frozen=True)
class PublishedCounts:
    """Counts that are published for a release; the reader compares the tables with them.

    Attributes:
        rating_counts: the number of ratings with 1, 2, 3, 4 and 5 stars.
        timestamps: the first and the last rating, in seconds since 1970, UTC.
    """

    users: int
    movies: int
    rated_movies: int
    genres: int
    largest_movieid: int
    rating_counts: tuple[int, int, int, int, int]
    timestamps: tuple[int, int]

    @property
    def ratings(self) -> int:
        return sum(self.rating_counts)


@dataclass(frozen=True)
class Release:
    """A MovieLens data set.

    Attributes:
        name: its published name, which params.yaml uses too.
        folder: the folder inside NAME.zip that holds the members.
        members: the names of the files of ratings, movies and (where published) users.
        checksums: the checksum of NAME.zip or of each member, by file name. Members
            where the files also come in another container: ml-100k comes in a wheel, too.
        rating_scale: the stars that users could give.
        encoding: the text encoding of the files.
        published_counts: None where the project knows of none.
    """

    name: str
    folder: str
    members: tuple[str, ...]
    checksums: dict[str, str]
    rating_scale: RatingScale = HALF_STARS
    encoding: str = "utf-8"
    published_counts: PublishedCounts | None = None

    @property
    def archive(self) -> str:
        """The file name of the archive."""
        return f"{self.name}.zip"

    @property
    def is_pinned(self) -> bool:
        """Whether the checksums cover all members."""
        return self.archive in self.checksums or set(self.members) <= self.checksums.keys()


def _csv_release(name: str, checksum: str) -> Release:
    return Release(name, name, ("ratings.csv", "movies.csv"), {f"{name}.zip": checksum})


_ML_100K = Release(
    name="ml-100k",
    folder="ml-100k",
    members=("u.data", "u.item", "u.user"),
    checksums={
        "u.data": "sha256:06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
        "u.item": "sha256:553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
        "u.user": "sha256:f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",
    },
    rating_scale=WHOLE_STARS,
    encoding="latin-1",
    published_counts=PublishedCounts(
        users=943,
        movies=1_682,
        rated_movies=1_682,
        genres=18,
        largest_movieid=1_682,
        rating_counts=(6_110, 11_370, 27_145, 34_174, 21_201),
        timestamps=(874_724_710, 893_286_638),
    ),
)

_ML_1M = Release(
    name="ml-1m",
    folder="ml-1m",
    members=("ratings.dat", "movies.dat", "users.dat"),
    checksums={
        "ratings.dat": "sha256:506d64ca44484487c11dc2d9a28de5c54948213e6b96285e298afe28d6ea4e0f",
        "movies.dat": "sha256:0140fc2356357c1a851d0f52e893a1e4d3696df632c4141cea8d5bc3d621f0b9",
        "users.dat": "sha256:1dc3a95300cb19f7c10e027daf29b8cdf1d908dab65b5edfb45950aa389a10a3",
    },
    rating_scale=WHOLE_STARS,
    encoding="latin-1",
    published_counts=PublishedCounts(
        users=6_040,
        movies=3_883,
        rated_movies=3_706,
        genres=18,
        largest_movieid=3_952,
        rating_counts=(56_174, 107_557, 261_197, 348_971, 226_310),
        timestamps=(956_703_932, 1_046_454_590),
    ),
)

_ML_10M = Release(
    name="ml-10m",
    folder="ml-10M100K",
    members=("ratings.dat", "movies.dat"),
    checksums={"ml-10m.zip": "md5:ce571fd55effeba0271552578f2648bd"},
)

# `recsys.sources.synthetic` draws this release at any size, in the layout of ml-100k.
_SYNTHETIC = dataclasses.replace(
    _ML_100K, name="synthetic", checksums={}, encoding="utf-8", published_counts=None
)

# GroupLens publishes the md5 as NAME.zip.md5. TensorFlow Datasets has the sha256 of archives in
# url_checksums/movielens.txt.
RELEASES: dict[str, Release] = {
    release.name: release
    for release in (
        _ML_100K,
        _ML_1M,
        _ML_10M,
        _csv_release(
            "ml-latest-small",
            "sha256:696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
        ),
        _csv_release(
            "ml-20m", "sha256:96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3"
        ),
        _csv_release(
            "ml-25m", "sha256:8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa"
        ),
        _csv_release("ml-32m", "md5:d472be332d4daa821edc399621853b57"),
        _SYNTHETIC,
    )
}
