"""The movies as people know them: ids, titles and genres.

Shapes: M movies.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.storage.dimensions import Dimensions

Record = dict[str, object]


def list_movies(dimensions: Dimensions) -> pd.DataFrame:
    """The movies in the order of their rows: movie (its published id), title and genres (names)."""
    table = dimensions.tables["movies"].to_pandas()
    genres: list[list[str]] = [[] for _ in range(len(table))]
    for feature in dimensions.vocabulary.features:
        if feature.table == "movies" and feature.kind == "list":
            names = np.array(dimensions.vocabulary.names[feature.name], object)
            for listed, codes in zip(genres, table[feature.column], strict=True):
                listed += names[codes].tolist()
    return pd.DataFrame({"movie": table["raw_movieid"], "title": table["title"], "genres": genres})


def movie_records(
    catalogue: pd.DataFrame, rows: npt.ArrayLike, **numbers: npt.ArrayLike | None
) -> list[Record]:
    """Some movies as JSON objects, each with some numbers.

    Args:
        catalogue: from `list_movies`.
        numbers: by their keys, a number of each movie; None where no movie has one.
    """
    movies: list[Record] = catalogue.iloc[np.asarray(rows, int)].to_dict("records")  # type: ignore[assignment]
    for name, values in reversed(numbers.items()):
        column: list[float | None] = [None] * len(movies)
        if values is not None:
            column = [round(value, 4) for value in np.asarray(values, float).tolist()]
        movies = [{name: number} | movie for number, movie in zip(column, movies, strict=True)]
    return movies
