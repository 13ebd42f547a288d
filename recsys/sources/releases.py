"""The MovieLens releases: the files in each archive, and the counts published about them.

Source: https://grouplens.org/datasets/movielens/ and the README inside each archive.
"""

import dataclasses
from dataclasses import dataclass

from recsys.common.rating_scale import HALF_STARS, WHOLE_STARS, RatingScale

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True)
class Member:
    """A file of an archive.

    Attributes:
        name: its name inside the release's folder.
        max_bytes: the largest size that is accepted.
        sha256: its checksum, where the release is pinned.
    """

    name: str
    max_bytes: int
    sha256: str | None = None


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
        members: the files of ratings, movies and (where published) users, in this order.
        rating_scale: the stars that users could give.
        encoding: the text encoding of the files.
        published_counts: None where the project knows of none.
    """

    name: str
    folder: str
    members: tuple[Member, ...]
    rating_scale: RatingScale = HALF_STARS
    encoding: str = "utf-8"
    published_counts: PublishedCounts | None = None

    @property
    def pinned(self) -> bool:
        """Whether the sha256 of every member is known."""
        return all(member.sha256 for member in self.members)


def _csv_release(name: str) -> Release:
    members = (Member("ratings.csv", 4 * GIB), Member("movies.csv", 64 * MIB))
    return Release(name, name, members)


_ML_100K = Release(
    name="ml-100k",
    folder="ml-100k",
    members=(
        Member(
            "u.data",
            1_979_173,
            "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
        ),
        Member(
            "u.item",
            236_344,
            "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
        ),
        Member(
            "u.user",
            22_628,
            "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c",
        ),
    ),
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
    members=(
        Member(
            "ratings.dat",
            24_594_131,
            "506d64ca44484487c11dc2d9a28de5c54948213e6b96285e298afe28d6ea4e0f",
        ),
        Member(
            "movies.dat",
            171_308,
            "0140fc2356357c1a851d0f52e893a1e4d3696df632c4141cea8d5bc3d621f0b9",
        ),
        Member(
            "users.dat",
            134_368,
            "1dc3a95300cb19f7c10e027daf29b8cdf1d908dab65b5edfb45950aa389a10a3",
        ),
    ),
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
    members=(Member("ratings.dat", GIB), Member("movies.dat", 64 * MIB)),
)

# `recsys.sources.synthetic` draws this release at any size, in the layout of ml-100k.
_SYNTHETIC = dataclasses.replace(
    _ML_100K,
    name="synthetic",
    members=tuple(Member(member.name, 16 * GIB) for member in _ML_100K.members),
    encoding="utf-8",
    published_counts=None,
)

RELEASES: dict[str, Release] = {
    release.name: release
    for release in (
        _ML_100K,
        _ML_1M,
        _csv_release("ml-latest-small"),
        _ML_10M,
        _csv_release("ml-20m"),
        _csv_release("ml-25m"),
        _csv_release("ml-32m"),
        _SYNTHETIC,
    )
}
