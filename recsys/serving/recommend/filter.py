"""Which movies may be recommended, to people and in evaluation.

An exported artifact has no such tables; its `scorer` filters without options.

Shapes: M movies.
"""

import numpy as np
import pyarrow.compute as pc

from recsys.common.arrays import Mask
from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.serving.recommend.options import ANY_YEAR, DEFAULT_OPTIONS, RecommendOptions, Years
from recsys.storage.dimensions import Dimensions
from recsys.storage.registry import Feature

# How many genres an error message names.
MAX_NAMES = 40


def find_allowed(dimensions: Dimensions, options: RecommendOptions = DEFAULT_OPTIONS) -> Mask:
    """Whether each movie has a training rating and is of the wanted genres and years, [M].

    Nothing is known about a movie without a training rating.

    Raises:
        InputError: a genre is unknown, the data set has no genres or no years, or no movie is left.
    """
    allowed: Mask = dimensions.training_ratings["movies"] > 0
    if options.genres:
        allowed &= has_genre(dimensions, options.genres)
    if options.years != ANY_YEAR:
        allowed &= is_of_years(dimensions, options.years)
    if (options.genres or options.years != ANY_YEAR) and not allowed.any():
        raise InputError("no movie with a training rating has such a genre and year; ask wider")
    return allowed


def list_genres(dimensions: Dimensions) -> list[str]:
    """The names of all genres, ascending. In own data, of all lists that movies have."""
    names = dimensions.vocabulary.names
    return sorted({name for feature in _list_features(dimensions) for name in names[feature.name]})


def find_year_range(dimensions: Dimensions) -> tuple[int, int] | None:
    """The first and the last release year; None if no title has a year."""
    ends = pc.min_max(dimensions.tables["movies"]["year"]).as_py()
    return None if ends["min"] is None else (ends["min"], ends["max"])


def has_genre(dimensions: Dimensions, wanted: tuple[str, ...]) -> Mask:
    """Whether each movie has one of some genres, [M]. Raises: InputError."""
    known = list_genres(dimensions)
    if not known:
        raise InputError(
            "the movies have no genres: no list in own.item_features of params.yaml; ask without"
        )
    folded = {name.casefold() for name in known}
    for name in wanted:
        if name.casefold() not in folded:
            more = f" and {len(known) - MAX_NAMES:,} more" if len(known) > MAX_NAMES else ""
            raise InputError(
                f"there is no genre {show(name)}; there are {', '.join(known[:MAX_NAMES])}{more}"
            )
    names = {name.casefold() for name in wanted}
    table, found = dimensions.tables["movies"], np.zeros(len(dimensions.tables["movies"]), bool)
    for feature in _list_features(dimensions):
        listed = table[feature.column].combine_chunks()
        codes = [
            code
            for code, name in enumerate(dimensions.vocabulary.names[feature.name])
            if name.casefold() in names
        ]
        movie, code = pc.list_parent_indices(listed).to_numpy(), pc.list_flatten(listed).to_numpy()
        found[movie[np.isin(code, codes)]] = True
    return found


def is_of_years(dimensions: Dimensions, years: Years) -> Mask:
    """Whether each movie is of some years, [M]; one without a year is not. Raises: InputError."""
    ends = find_year_range(dimensions)
    if ends is None:
        raise InputError("no title ends with a year, such as (1995); ask without years")
    first, last = (end if year is None else year for year, end in zip(years, ends, strict=True))
    if last < ends[0] or first > ends[1]:
        wanted = "-".join("" if year is None else str(year) for year in years)
        raise InputError(
            f"no movie is of the years {wanted}; the movies are of {ends[0]}-{ends[1]}"
        )
    year = dimensions.tables["movies"]["year"].fill_null(-1).to_numpy()
    found: Mask = (year >= first) & (year <= last)
    return found


def _list_features(dimensions: Dimensions) -> list[Feature]:
    features = dimensions.vocabulary.features
    return [f for f in features if f.table == "movies" and f.kind == "list"]
