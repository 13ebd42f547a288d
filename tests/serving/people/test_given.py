from pathlib import Path

import pytest

from recsys.common.errors import InputError
from recsys.serving.people.given import read_given
from recsys.storage.dimensions import Dimensions
from tests.runs import Run

END = 10**9


@pytest.fixture
def dimensions(run: Run) -> Dimensions:
    return run.dimensions()


def write(text: str) -> Path:
    path = Path("mine.csv")
    path.write_text(text)
    return path


@pytest.mark.parametrize("time", ["1000000000", "2001-09-09 01:46:40"])
def test_movies_by_id_with_times(dimensions: Dimensions, time: str) -> None:
    text = f"movieid,rating,timestamp\n4,5,{time}\n2,1,{time}\n"
    given = read_given(write(text), dimensions, END + 7)
    assert dimensions.ids["movies"].take(given.movie) == [4, 2]
    assert given.stars.tolist() == [5, 1]
    assert given.label.tolist() == [1, 0]
    assert given.seconds.tolist() == [10**9] * 2


def test_movies_by_title_in_any_case_with_and_without_the_year(dimensions: Dimensions) -> None:
    titles = dimensions.tables["movies"]["title"].to_pylist()
    short = titles[1].rpartition(" (")[0].upper()
    given = read_given(write(f"Rating;Title\n3;{titles[0]}\n4;{short}\n"), dimensions, END)
    assert given.movie.tolist() == [0, 1]
    assert given.stars.tolist() == [3, 4]
    assert given.seconds.tolist() == [END, END]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.csv is empty"),
        ("movieid,stars\n2,5\n", "mine.csv has no column 'rating'"),
        ("movie,rating\n2,5\n", "mine.csv has no column movieid or title"),
        (
            "movieid,rating\n2,5\n3,5\n",
            r"line 3: there is no movie 3; the 42 movies .* the nearest 2 and 4; correct the file",
        ),
        ("movieid,rating\n2.5,5\n", "line 2: there is no movie '2.5': the 42 movies have whole"),
        ("movieid,rating\n2,5\n2,4\n", "line 3: movieid = '2' is there twice"),
        ("movieid,rating\n2,6\n", "line 2: rating = '6' is not on the rating scale, 1 to 5"),
        ("movieid,rating\n2,4.5\n", "line 2: rating = '4.5' is not on the rating scale, 1 to 5"),
        ("movieid,rating\n2,good\n", "line 2: rating = 'good' is not a number"),
        ("title,rating\nNone such,5\n", "line 2: title = 'None such' is no movie"),
        ("movieid,rating,timestamp\n2,5,soon\n", "timestamp = 'soon' is not a time like"),
        ("movieid,rating,timestamp\n2,5,12\n", "timestamp = '12' is a time before 1990"),
    ],
)
def test_bad_ratings_are_refused(dimensions: Dimensions, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_given(write(text), dimensions, END)


def test_a_title_of_several_movies_is_refused(dimensions: Dimensions) -> None:
    movies = dimensions.tables["movies"].to_pandas()
    movies.loc[:1, "title"] = ["Heat (1995)", "Heat (1986)"]
    table = dimensions.tables["movies"].from_pandas(movies, dimensions.tables["movies"].schema)
    dimensions.tables["movies"] = table
    with pytest.raises(InputError, match=r"'heat' is the title of 2 movies; add the year"):
        read_given(write("title,rating\nheat,5\n"), dimensions, END)
    assert read_given(write("title,rating\nheat (1986),5\n"), dimensions, END).movie.tolist() == [1]
