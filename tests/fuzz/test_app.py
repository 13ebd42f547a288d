"""Questions of every kind get an answer that the schema of the HTTP interface describes."""

import copy
import random
import time
from collections import Counter
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, checks

from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.people.log import Log
from recsys.serving.recommend.recommender import Recommender
from recsys.serving.server.app import make_app
from tests.fuzz.mutations import SECONDS
from tests.runs import GROUPS, Run, compute_run

# A schema does not say which ids there are, so what fits it may still be refused.
EXCLUDED = (checks.positive_data_acceptance,)
ROUND = settings(
    max_examples=20,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_questions(run: Run, mode: GenerationMode) -> None:
    compute_run(run, "chronological", tuple(set(GROUPS) - {"gp_stars", "gp_like"}))
    recommender = Recommender.load(run.checkpoint, run.features, run.retrieval)
    scorer = recommender.scorer
    app = make_app(recommender, Log(run.ratings, scorer.dimensions))
    operations = [
        result.ok()
        for result in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    ]
    statuses: Counter[int] = Counter()

    def attempt(data: Any) -> None:
        operation = data.draw(st.sampled_from(operations))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if mode is GenerationMode.POSITIVE:
            case.body = with_known_ids(case.body, scorer, data.draw(st.integers(0, 99)))
        statuses[ask(case)] += 1

    end, seed = time.monotonic() + SECONDS, 0
    while time.monotonic() < end or not seed:
        ROUND(hypothesis.seed(seed)(given(data=st.data())(attempt)))()
        seed += 1
    print(f"\n{mode}: {dict(statuses)}")
    assert statuses[422] if mode is GenerationMode.NEGATIVE else statuses[200]


def ask(case: Case) -> int:
    return case.call_and_validate(excluded_checks=list(EXCLUDED)).status_code


def with_known_ids(body: Any, scorer: CheckpointModel, seed: int) -> Any:
    """A question, mostly about users and movies that there are."""
    if not isinstance(body, dict) or not seed % 4:
        return body
    body, rng = copy.deepcopy(body), random.Random(seed)  # noqa: S311
    movieids = scorer.dimensions.ids["movies"].known.tolist()
    if body.get("userid") is not None:
        body["userid"] = rng.choice(scorer.dimensions.ids["users"].known.tolist())
    if "movieids" in body:
        body["movieids"] = [rng.choice(movieids) for _ in body["movieids"]]
    rated = rng.sample(movieids, min(len(movieids), len(body.get("ratings") or [])))
    for rating, movieid in zip(body.get("ratings") or [], rated, strict=False):
        rating["movieid"] = movieid
    return body
