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
    MAX_FOUND,
    MAX_QUERY,
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

MAX_BYTES = 2**20
# How many problems of a question are named.
MAX_PROBLEMS = 3
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is no JSON"},
    413: {"description": f"The body has more than {MAX_BYTES:,} bytes"},
    422: {"model": Problem, "description": "An id is unknown, or a value is not allowed"},
}


def make_app(recommender: Recommender, log: Log) -> FastAPI:
    """The application: routes, their schema and the page.

    Args:
        log: the ratings of all users.
    """
    # Without the pages /docs and /redoc: they load their scripts from elsewhere.
    app = FastAPI(title="recsys serve", version="1", docs_url=None, redoc_url=None)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BYTES)
    app.add_exception_handler(InputError, refuse)
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    add_questions(app, Service(recommender, log))
    add_page(app)
    return app


def add_questions(app: FastAPI, service: Service) -> None:
    scorer, dimensions = service.scorer, service.dimensions
    vocabulary = dimensions.vocabulary
    # FastAPI calls functions that are not async in many threads, which `Service` allows.

    def recommend(asked: RecommendationQuestion) -> Record:
        """Recommend movies to a user of the data set or to a new person."""
        return service.recommend(asked)

    def score(asked: ScoreQuestion) -> Record:
        """Score movies for a user of the data set or for a new person."""
        return {"scores": service.score(asked)}

    for path, handler, question, answer in (
        ("/recommendations", recommend, RecommendationQuestion, Recommendations),
        ("/scores", score, ScoreQuestion, Scores),
    ):
        handler.__annotations__["asked"] = fit(question, vocabulary)
        app.post(path, response_model=answer, responses=PROBLEMS)(handler)

    @app.get("/movies", response_model=FoundMovies, responses={422: PROBLEMS[422]})
    def search(
        query: Annotated[str, Query(max_length=MAX_QUERY, description="words of a title")],
        limit: Annotated[int, Query(ge=1, le=MAX_FOUND)] = 10,
    ) -> Record:
        """Find movies by parts of the words of their titles, in any letter case."""
        return {"movies": service.search(query, limit)}

    scale = vocabulary.rating_scale
    state: Record = {
        "status": "ok",
        **{table: len(ids) for table, ids in dimensions.ids.items()},
        "score": "probability of a like",
        "has_stars": bool(scorer.heads.stars),
        "like_above": vocabulary.label_threshold,
        "rating_scale": {"lowest": scale.lowest, "highest": scale.highest, "step": scale.step},
        "genres": list_genres(dimensions),
        "years": find_year_range(dimensions),
        "uses_ratings": scorer.online is not None,
    }

    # Async: it answers also while all threads are busy.
    @app.get("/health", response_model=Health)
    async def health() -> Record:
        """Describe the state of the server, and what its answers mean."""
        return state


def add_page(app: FastAPI) -> None:
    page, headers = read_page()

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def show_page() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)


def refuse(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    # A text may hold half of a surrogate pair, which UTF-8 cannot encode.
    detail = str(error).encode(errors="backslashreplace").decode()
    return JSONResponse({"detail": detail}, 422)


def refuse_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [describe_problem(problem) for problem in error.errors()[:MAX_PROBLEMS]]
    return refuse(request, InputError("; ".join(problems)))


def describe_problem(problem: dict[str, Any]) -> str:
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "json_invalid":
        return f"{place}: no JSON: {problem['ctx']['error']}"
    given = problem["input"]
    value = f" = {show(given)}" if isinstance(given, str | int | float | None) else ""
    return f"{place}{value}: {problem['msg']}"
