import subprocess
import sys

import numpy as np
import pytest

from recsys.features.gaussian_process import posterior
from recsys.features.gaussian_process.kalman import predict_rows
from recsys.features.gaussian_process.posterior import GaussianProcess, UserPosterior

DAY = 86_400
MOVIES = 50


@pytest.fixture
def process() -> GaussianProcess:
    random = np.random.default_rng(0)
    return GaussianProcess(
        mean=random.normal(3, 0.5, MOVIES),
        factors=random.normal(0, 0.5, (MOVIES, 6)),
        noise=0.6,
        lasting=0.7,
        fading_days=20.0,
        moods=((0.1, 0.02), (0.05, 10.0)),
        prior_mean=random.normal(0, 1, 6),
        prior_shifts=random.normal(0, 1, (MOVIES, 6)),
    )


def test_the_state_of_a_process_by_hand() -> None:
    process = GaussianProcess(
        mean=np.zeros(3),
        factors=np.zeros((3, 2)),
        noise=1.0,
        lasting=0.75,
        fading_days=2.0,
        moods=((0.3, 0.5),),
        prior_mean=np.zeros(2),
        prior_shifts=np.zeros((3, 2)),
    )
    assert process.variances.tolist() == [0.75, 0.75, 0.25, 0.25, 0.3]
    days = [0, 0, 0.5, 0.5, 2]
    np.testing.assert_allclose(process.rates * DAY, days, rtol=1e-15)


@pytest.mark.parametrize("gaps", [[0, 0, 30], [1, DAY, 90 * DAY]])
def test_replayed_log_gives_the_predictions_of_the_batch(
    process: GaussianProcess, gaps: list[int]
) -> None:
    """At each rating the online prediction equals the batch's; so do other movies' as queries."""
    random = np.random.default_rng(1)
    count = 60
    movie, values = random.integers(0, MOVIES, count), random.normal(3, 1, count)
    seconds = 10**9 + np.cumsum(random.choice(gaps, count))
    mean, deviation = predict_rows(
        process, np.zeros(count, int), movie, seconds, values, np.ones(count, bool), past_only=True
    )
    for row in range(count):
        user = UserPosterior(process)
        user.filter_until(movie, values, seconds, int(seconds[row]))
        got = user.predict_ratings(np.arange(MOVIES))
        assert got[0][movie[row]] == pytest.approx(mean[row], abs=1e-9)
        assert got[1][movie[row]] == pytest.approx(deviation[row], abs=1e-9)
    now = int(seconds[-1]) + 5
    queries = np.arange(MOVIES)
    expected = predict_rows(
        process,
        np.zeros(count + MOVIES, int),
        np.append(movie, queries),
        np.append(seconds, np.full(MOVIES, now)),
        np.append(values, np.full(MOVIES, np.nan)),
        np.arange(count + MOVIES) < count,
        past_only=True,
    )
    user = UserPosterior(process)
    user.filter_until(movie, values, seconds, now)
    for got, targets in zip(user.predict_ratings(queries), expected, strict=True):
        np.testing.assert_allclose(got, targets[count:], rtol=0, atol=1e-9)


def test_a_new_user_is_predicted_by_the_prior(process: GaussianProcess) -> None:
    mean, deviation = UserPosterior(process).predict_ratings(np.array([3, 7]))
    np.testing.assert_allclose(mean, (process.mean + process.factors @ process.prior_mean)[[3, 7]])
    # The tastes have variance 1 in sum, and so do the lasting and the fading part.
    variance = (process.factors[[3, 7]] ** 2).sum(1) + 0.1 + 0.05 + 0.6
    np.testing.assert_allclose(deviation, np.sqrt(variance))


def test_the_module_imports_numpy_alone() -> None:
    source = f"import runpy, sys; runpy.run_path({posterior.__file__!r}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd="/"
    ).stdout.split()
    roots = {name.split(".")[0] for name in loaded}
    assert not roots & {"scipy", "numba", "torch", "pandas", "pydantic"}
