"""The HTTP interface of a model; `recsys serve` runs it."""

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.serving.catalogue import Record
from recsys.serving.people.log import Log
from recsys.serving.recommend.filter import find_year_range, list_genres
from recsys.serving.recommend.recommender import Recommender
from recsys.serving.server.messages import (
    MOST_FOUND,
    MOST_QUERY,
    FoundMovies,
    Health,
    Problem,
    RecommendationQuestion,
    Recommendations,
    ScoreQuestion,
    Scores,
    fit,
)
from recsys.serving.server.page import read_page
from recsys.serving.server.service import Service

MOST_BYTES = 2**20
# How many problems of a question are named.
MOST_PROBLEMS = 3
UNITS = {"classification": "probability of a like", "regression": "expected stars"}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is no JSON"},
    413: {"description": f"The body has more than {MOST_BYTES:,} bytes"},
    422: {"model": Problem, "description": "An id is unknown, or a value is not allowed"},
}


def make_app(recommender: Recommender, log: Log) -> FastAPI:
    """The application: routes, their schema and the page.

    Args:
        log: the ratings of the scorer's users.
    """
    # Without the pages /docs and /redoc: they load their scripts from elsewhere.
    app = FastAPI(title="recsys serve", version="1", docs_url=None, redoc_url=None)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MOST_BYTES)
    app.add_exception_handler(InputError, refuse)
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    add_questions(app, Service(recommender, log))
    add_page(app)
    return app


def add_questions(app: FastAPI, service: Service) -> None:
    scorer = service.scorer
    vocabulary = scorer.dimensions.vocabulary
    # FastAPI calls functions that are not async from many threads, which `Service` allows.

    def recommend(asked: RecommendationQuestion) -> Record:
        """Recommend movies to a user of the data set or to a new person."""
        return service.recommend(asked.userid, asked.given(), asked.top, asked.time, asked.wishes())

    def score(asked: ScoreQuestion) -> Record:
        """Score movies for a user of the data set or for a new person."""
        scores = service.score(asked.userid, asked.given(), asked.movieids, asked.time)
        return {"scores": scores}

    for path, handler, question, answer in (
        ("/recommendations", recommend, RecommendationQuestion, Recommendations),
        ("/scores", score, ScoreQuestion, Scores),
    ):
        handler.__annotations__["asked"] = fit(question, vocabulary)
        app.post(path, response_model=answer, responses=PROBLEMS)(handler)

    @app.get("/movies", response_model=FoundMovies, responses={422: PROBLEMS[422]})
    def search(
        query: Annotated[str, Query(max_length=MOST_QUERY, description="words of a title")],
        limit: Annotated[int, Query(ge=1, le=MOST_FOUND)] = 10,
    ) -> Record:
        """Find movies by parts of the words of their titles, in any letter case."""
        return {"movies": service.search(query, limit)}

    scale = vocabulary.rating_scale
    state = {
        "status": "ok",
        "users": len(scorer.userids),
        "movies": len(scorer.movieids),
        "score": UNITS[scorer.description.task],
        "like_above": vocabulary.label_threshold,
        "rating_scale": {"lowest": scale.lowest, "highest": scale.highest, "step": scale.step},
        "genres": list_genres(scorer.dimensions),
        "years": find_year_range(scorer.dimensions),
        "uses_ratings": scorer.store is not None,
    }

    # Async: it answers also while all threads are busy.
    @app.get("/health", response_model=Health)
    async def health() -> Record:
        """Say that the service answers, and of what kind its answers are."""
        return state


def add_page(app: FastAPI) -> None:
    page, headers = read_page()

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def show_page() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)


def refuse(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    # A text may have half a character, which no response can.
    detail = str(error).encode(errors="backslashreplace").decode()
    return JSONResponse({"detail": detail}, 422)


def refuse_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [describe(problem) for problem in error.errors()[:MOST_PROBLEMS]]
    return refuse(request, InputError("; ".join(problems)))


def describe(problem: dict[str, Any]) -> str:
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "json_invalid":
        return f"{place}: no JSON: {problem['ctx']['error']}"
    given = problem["input"]
    value = f" = {show(given)}" if isinstance(given, str | int | float | None) else ""
    return f"{place}{value}: {problem['msg']}"
