"""The schemas of the MovieLens releases.

Layouts: https://files.grouplens.org/datasets/movielens/ml-1m-README.txt (`.dat`, two colons),
ml-100k-README.txt (tabs and pipes) and ml-32m-README.html (CSV with a header).
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from recsys.data.schema import Attribute, Column, File, Schema
from recsys.sources.releases import Release
from recsys.storage.registry import movielens_features

RATING_COLUMNS = ("userid", "movieid", "rating", "timestamp")
# A line of u.item ends in one flag for each of these, in this order.
ML_100K_GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime",
    "Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance",
    "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
# Values of a genres field that are not a genre.
NO_GENRES = frozenset({"", "(no genres listed)", "unknown"})
GENRES = Attribute("genres", "list", (Column("genres"),), missing_values=NO_GENRES)
GENRE_FLAGS = Attribute(
    "genres", "flags", tuple(map(Column, ML_100K_GENRES)), missing_values=NO_GENRES
)
USER_ATTRIBUTES = (
    Attribute("gender", "category", (Column("gender"),), allowed=("F", "M")),
    # Years; in ml-1m the lower end of a range.
    Attribute("age", "category", (Column("age"),), allowed=tuple(map(str, range(121)))),
    Attribute("occupation", "category", (Column("occupation"),)),
    Attribute("zip", "category", (Column("zip"),)),
)

_RATINGS_DAT = File(Path("ratings.dat"), separator="::", names=RATING_COLUMNS, quoted=False)
_MOVIES_DAT = replace(_RATINGS_DAT, path=Path("movies.dat"), names=("movieid", "title", "genres"))
_USERS_DAT = replace(
    _RATINGS_DAT,
    path=Path("users.dat"),
    names=("userid", "gender", "age", "occupation", "zip"),
)
_U_DATA = File(Path("u.data"), separator="\t", names=RATING_COLUMNS, quoted=False)
_U_ITEM = replace(
    _U_DATA,
    path=Path("u.item"),
    separator="|",
    names=("movieid", "title", "released", "video", "imdb", *ML_100K_GENRES),
)
_U_USER = replace(
    _U_ITEM, path=Path("u.user"), names=("userid", "age", "gender", "occupation", "zip")
)

_CSV = Schema(
    ratings=File(Path("ratings.csv"), separator=","),
    movies=File(Path("movies.csv"), separator=","),
    user=Column("userid"),
    movie=Column("movieid"),
    rating=Column("rating"),
    time=Column("timestamp"),
    title=Column("title"),
    user_attributes=USER_ATTRIBUTES,
    movie_attributes=(GENRES,),
    id_type="int32",
    complete=True,
)
_TWO_COLONS = replace(_CSV, ratings=_RATINGS_DAT, movies=_MOVIES_DAT)
_TABS_AND_PIPES = replace(
    _CSV, ratings=_U_DATA, movies=_U_ITEM, users=_U_USER, movie_attributes=(GENRE_FLAGS,)
)

PRESETS = {
    "ml-100k": _TABS_AND_PIPES,
    "ml-1m": replace(_TWO_COLONS, users=_USERS_DAT),
    "ml-latest-small": _CSV,
    "ml-10m": _TWO_COLONS,
    "ml-20m": _CSV,
    "ml-25m": _CSV,
    "ml-32m": _CSV,
    "synthetic": _TABS_AND_PIPES,
}


def preset(release: Release) -> Schema:
    """The schema of a release, with its published counts."""
    schema = PRESETS[release.name]
    remedy = f"correct the file, or fetch {release.name} again"
    files: dict[str, Any] = {
        noun: replace(file, encoding=release.encoding, remedy=remedy)
        for noun in ("ratings", "users", "movies")
        if (file := getattr(schema, noun))
    }
    return replace(
        schema,
        **files,
        features=movielens_features(),
        rating_scale=release.rating_scale,
        published=release.published_counts,
    )
