"""The questions and answers over HTTP as pydantic models, which become the OpenAPI schema."""

from types import GenericAlias
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from recsys.common.rating_scale import RatingScale
from recsys.serving.recommend.options import DEFAULT_OPTIONS, RecommendOptions, check_years
from recsys.storage.vocabulary import Vocabulary

MAX_RATINGS, MAX_MOVIES, MAX_RECOMMENDED = 5_000, 5_000, 1_000
MAX_FOUND, MAX_QUERY, MAX_ID_LENGTH, MAX_GENRES = 50, 100, 200, 100
# The end of the year 9999.
LAST_SECOND = 253_402_300_799

Id = int | str
Seconds = Annotated[int, Field(ge=0, le=LAST_SECOND)]
Year = Annotated[int, Field(ge=0, le=9999)]
TIME = (
    "the time of the question, in seconds since 1970; later ratings do not count. Else just after "
    "the person's last rating"
)
M = TypeVar("M", bound=BaseModel)


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class GivenRating(Message):
    """A rating that the data set does not have."""

    movieid: Id = Field(description="the published id")
    rating: float = Field(description="on the rating scale of the data set")
    timestamp: Seconds | None = Field(
        None, description="in seconds since 1970; else the time of the data set's last rating"
    )


class Question(Message):
    """A person, and when they ask."""

    userid: Id | None = Field(None, description="the published id; null for a new person")
    ratings: list[GivenRating] = Field(
        default=[],
        max_length=MAX_RATINGS,
        description="ratings that the data set does not have, a movie once; nothing is stored",
    )
    time: Seconds | None = Field(None, description=TIME)


class RecommendationQuestion(Question):
    """Which movies would this person like?"""

    top: int = Field(10, ge=1, le=MAX_RECOMMENDED, description="how many movies to recommend")
    genres: list[str] = Field(
        default=[],
        max_length=MAX_GENRES,
        description="names, in any letter case: a movie needs one of them; empty for any movie",
    )
    from_year: Year | None = Field(None, description="the first release year")
    to_year: Year | None = Field(None, description="the last release year")
    popularity: float = Field(
        DEFAULT_OPTIONS.popularity,
        ge=-1,
        le=1,
        description="below 0, lesser known movies come first; above 0, better known ones",
    )
    diversity: float = Field(
        DEFAULT_OPTIONS.diversity,
        ge=0,
        le=1,
        description="how much a movie loses that is similar to one before it in the list",
    )

    def options(self) -> RecommendOptions:
        years = check_years((self.from_year, self.to_year))
        return RecommendOptions(tuple(self.genres), years, self.popularity, self.diversity)


class ScoreQuestion(Question):
    """How would this person like these movies?"""

    movieids: list[Id] = Field(min_length=1, max_length=MAX_MOVIES, description="the published ids")


class Movie(Message):
    movieid: Id = Field(validation_alias="movie", description="the published id")
    title: str
    genres: list[str]


class RatedMovie(Movie):
    rating: float = Field(description="the person's stars")


class ScoredMovie(Movie):
    score: float = Field(description="the probability of a like")
    stars: float | None = Field(description="the expected stars, or null: see has_stars of /health")


class RecommendedMovie(ScoredMovie):
    because: list[str] = Field(description="titles of the person's movies that weigh most")


class FoundMovie(Movie):
    # A number of a record is a float.
    ratings: int = Field(strict=False, description="number of ratings in the training part")


class Recommendations(Message):
    userid: Id | None = Field(validation_alias="user", description="null for a new person")
    rated: int = Field(description="number of ratings that count, in the log and in the question")
    in_training: bool = Field(description="whether the training part has a rating of the user")
    liked: list[RatedMovie] = Field(description="some movies that the person rated best")
    recommended: list[RecommendedMovie] = Field(description="unrated movies, the best first")


class Scores(Message):
    scores: list[ScoredMovie] = Field(description="in the order of the question")


class FoundMovies(Message):
    movies: list[FoundMovie] = Field(description="the best first")


class Scale(Message):
    lowest: float
    highest: float
    step: float | None = Field(description="null if any number between is on the scale")


class Health(Message):
    """The state of the server, and what its answers mean."""

    status: str
    users: int
    movies: int
    score: str = Field(description="what a score is")
    has_stars: bool = Field(
        description="whether answers have expected stars: whether the model has more thresholds "
        "than the label's"
    )
    like_above: float = Field(description="a rating of more stars is a like")
    rating_scale: Scale
    genres: list[str] = Field(description="what a question may name; none in some own data")
    years: tuple[int, int] | None = Field(
        description="the first and the last release year; null if no title has one"
    )
    uses_ratings: bool = Field(
        description="whether the ratings of a question change its scores: whether the model has "
        "features that come from ratings"
    )


class Problem(Message):
    """What is wrong with a question."""

    detail: str


def fit(model: type[M], vocabulary: Vocabulary) -> type[M]:
    """A model of questions with the ids and the rating scale of a data set."""
    users, movies = (id_type(vocabulary.id_types[table]) for table in ("users", "movies"))
    rating = narrow(GivenRating, movieid=movies, rating=stars_type(vocabulary.rating_scale))
    types = {
        "userid": users | None,
        "ratings": GenericAlias(list, (rating,)),
        "movieids": GenericAlias(list, (movies,)),
    }
    return narrow(model, **{name: types[name] for name in types.keys() & model.model_fields.keys()})


def narrow(model: type[M], **types: object) -> type[M]:
    """The model with other types of some fields; all else about the fields stays."""
    fields = {name: (kind, model.model_fields[name]) for name, kind in types.items()}
    return create_model(model.__name__, __base__=model, __doc__=model.__doc__, **fields)  # type: ignore[call-overload]


def stars_type(scale: RatingScale) -> Any:
    """The type of ratings on a scale."""

    def check(stars: float) -> float:
        if scale.has(stars):
            return stars
        problem = "Input should be on the rating scale, {scale}"
        raise PydanticCustomError("rating_scale", problem, {"scale": str(scale)})

    schema = {"type": "number", "minimum": scale.lowest, "maximum": scale.highest}
    return Annotated[float, AfterValidator(check), WithJsonSchema(schema)]


def id_type(name: str) -> Any:
    """The type of ids, from the name of their Arrow type."""
    if name == "string":
        return Annotated[str, Field(max_length=MAX_ID_LENGTH)]
    return Annotated[int, Field(ge=-(2**63), lt=2**63)]
