import numpy as np
import pytest

from recsys.features.gaussian_process.kalman import predict_rows
from recsys.features.gaussian_process.posterior import GaussianProcess
from tests.features.gaussian_process import textbook

DAY = 86_400
# Seconds between two ratings of a user, for each kind of log.
GAPS = {
    "one second": [0],
    "pages of ratings": [0, 0, 0, 40, 3600],
    "days": [1, 600, 5 * DAY],
    "decades": [0, 60, 900 * DAY, 9000 * DAY],
}


def make_process(factors: int, moods: int) -> GaussianProcess:
    random = np.random.default_rng(factors + moods)
    return GaussianProcess(
        mean=random.normal(3, 0.5, 40),
        factors=random.normal(0, 0.5, (40, factors)),
        noise=0.6,
        lasting=0.7,
        fading_days=20.0,
        moods=((0.1, 0.02), (0.05, 10.0))[:moods],
        prior_mean=random.normal(0, 1, factors),
        prior_shifts=random.normal(0, 1, (40, factors)),
    )


def make_rows(
    gaps: list[int], users: int = 12, counts: list[int] | None = None
) -> dict[str, np.ndarray]:
    """Rows of users with 1 to 40 ratings, about a third of them no context.

    Args:
        counts: the numbers of their ratings, if they are to be others.
    """
    random = np.random.default_rng(0)
    counts = counts or [1, 2, *random.integers(1, 41, users - 2)]
    users = len(counts)
    user = np.repeat(np.sort(random.choice(100, users, replace=False)), counts)
    seconds = np.concatenate([np.cumsum(random.choice(gaps, count)) for count in counts])
    is_context = random.random(len(user)) < 0.7
    is_context[user == user[-1]] = False
    return {
        "user": user,
        "movie": random.integers(0, 40, len(user)),
        "seconds": seconds + 10**9,
        "values": np.where(is_context, random.normal(3, 1, len(user)), np.nan),
        "is_context": is_context,
    }


@pytest.mark.parametrize("past_only", [False, True])
@pytest.mark.parametrize("gaps", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize(("factors", "moods"), [(1, 0), (1, 2), (5, 0), (5, 1), (16, 2)])
def test_predictions_equal_the_textbooks(
    factors: int, moods: int, gaps: list[int], past_only: bool
) -> None:
    process, rows = make_process(factors, moods), make_rows(gaps)
    for got, expected in zip(
        predict_rows(process, **rows, past_only=past_only),
        textbook.predict_rows(process, **rows, past_only=past_only),
        strict=True,
    ):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("past_only", [False, True])
def test_any_number_of_threads_gives_the_same_bytes(past_only: bool) -> None:
    process, rows = make_process(4, 2), make_rows(GAPS["days"], users=90)
    alone = predict_rows(process, **rows, past_only=past_only)
    for threads in (2, 5):
        together = predict_rows(process, **rows, past_only=past_only, threads=threads)
        assert [part.tobytes() for part in together] == [part.tobytes() for part in alone]


def test_no_rows_give_no_predictions() -> None:
    rows = {name: column[:0] for name, column in make_rows([1]).items()}
    for past_only in (False, True):
        mean, deviation = predict_rows(make_process(2, 1), **rows, past_only=past_only, threads=2)
        assert len(mean) == len(deviation) == 0


def predict_second(process: GaussianProcess, seconds: int, past_only: bool) -> tuple[float, float]:
    """Predict the rating of movie 1, from a rating of movie 0 with 4 stars as long before."""
    mean, deviation = predict_rows(
        process,
        user=np.zeros(2, int),
        movie=np.array([0, 1]),
        seconds=np.array([10**9, 10**9 + seconds]),
        values=np.array([4.0, 0.0]),
        is_context=np.array([True, False]),
        past_only=past_only,
    )
    return mean[1], deviation[1] ** 2


@pytest.mark.parametrize("past_only", [False, True])
@pytest.mark.parametrize(
    ("factors", "moods", "covariance", "variances"),
    [
        # 0.5 x 0.8 (0.75 + 0.25 / e); the variances are 0.5^2 and 0.8^2, whatever lasts.
        ((0.5, 0.8), (), 0.4 * (0.75 + 0.25 * 0.36787944117144233), (0.25, 0.64)),
        # Opposite tastes.
        ((0.5, -0.8), (), -0.4 * (0.75 + 0.25 * 0.36787944117144233), (0.25, 0.64)),
        # Two days are two thirds of the mood's duration.
        ((0.0, 0.0), ((0.3, 3.0),), 0.3 * 0.513417119032592, (0.3, 0.3)),
        (
            (0.0, 0.0),
            ((0.3, 3.0), (0.2, 1.0)),
            0.3 * 0.513417119032592 + 0.2 * 0.1353352832366127,
            (0.5, 0.5),
        ),
    ],
)
def test_two_ratings_by_hand(
    factors: tuple[float, float],
    moods: tuple[tuple[float, float], ...],
    covariance: float,
    variances: tuple[float, float],
    past_only: bool,
) -> None:
    """Two days lie between the ratings, and a fading taste lasts two days.

    The first rating is one star above the movie's mean 3, so the second movie's mean 2.5 shifts by
    covariance / (variance + noise).
    """
    process = GaussianProcess(
        mean=np.array([3.0, 2.5]),
        factors=np.array(factors)[:, None],
        noise=0.6,
        lasting=0.75,
        fading_days=2.0,
        moods=moods,
        prior_mean=np.zeros(1),
        prior_shifts=np.zeros((2, 1)),
    )
    mean, variance = predict_second(process, 2 * DAY, past_only)
    assert mean == pytest.approx(2.5 + covariance / (variances[0] + 0.6))
    assert variance == pytest.approx(variances[1] + 0.6 - covariance**2 / (variances[0] + 0.6))


@pytest.mark.parametrize("past_only", [False, True])
def test_a_prior_mean_by_hand(past_only: bool) -> None:
    """Four context rows of one user share a second, and a query follows."""
    process = GaussianProcess(
        mean=np.array([3.0, 2.0]),
        factors=np.array([[0.0], [0.5]]),
        noise=0.6,
        lasting=0.75,
        fading_days=2.0,
        moods=(),
        prior_mean=np.array([0.2]),
        prior_shifts=np.array([[0.6], [9.0]]),
    )
    mean, _ = predict_rows(
        process,
        user=np.zeros(5, int),
        movie=np.array([0, 0, 0, 0, 1]),
        seconds=np.array([1, 1, 1, 1, 2]),
        values=np.array([5.0, 1.0, 5.0, 1.0, np.nan]),
        is_context=np.array([True, True, True, True, False]),
        past_only=past_only,
    )
    # A movie without factors says nothing about tastes by its stars, but by being rated:
    # 0.2 + 4 x 0.6 / sqrt(4) = 1.4.
    np.testing.assert_allclose(mean, [3, 3, 3, 3, 2 + 0.5 * 1.4])


def test_only_a_rating_of_an_earlier_second_is_past() -> None:
    process = make_process(2, 1)
    mean = process.mean[1] + process.factors[1] @ process.prior_mean
    prior = mean, (process.factors[1] ** 2).sum() + 0.1 + 0.6
    assert predict_second(process, 0, past_only=True) == pytest.approx(prior)
    assert predict_second(process, 1, past_only=True) != pytest.approx(prior)
    assert predict_second(process, 0, past_only=False) != pytest.approx(prior)


@pytest.mark.parametrize("past_only", [False, True])
def test_errors_do_not_add_up_over_a_long_history(past_only: bool) -> None:
    """A row takes the textbook n^3 operations, so only some rows of the user are compared."""
    process, rows = make_process(16, 2), make_rows(GAPS["pages of ratings"], counts=[1500, 1])
    targets = np.isin(np.arange(1501), [0, 1, 700, 1498, 1499])
    for got, expected in zip(
        predict_rows(process, **rows, past_only=past_only),
        textbook.predict_rows(process, **rows, past_only=past_only, targets=targets),
        strict=True,
    ):
        np.testing.assert_allclose(got[targets], expected[targets], rtol=0, atol=1e-9)
