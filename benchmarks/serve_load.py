"""Load on `recsys serve` over the loopback: answers a second, and how long each takes.

Each of a number of clients asks one question after another, about users of the test part, on a
connection that stays open. A question of /recommendations brings five new ratings. Server and
clients share the machine. It needs the files that `dvc repro` writes to data/ and models/.
"""

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np

from benchmarks.machine import describe_machine
from recsys.models.checkpoint import read_checkpoint
from recsys.serving.people.log import Log

ROOT = Path(__file__).parents[1]
LOG = Path("data/encoded/ratings")
CLIENTS = (1, 8)
MOVIES, RATINGS = 100, 5
Question = tuple[str, str]


@contextmanager
def serving(checkpoint: Path, features: Path) -> Iterator[int]:
    """Run a server. Yields the port."""
    options = ("--port", "0", "--checkpoint", str(checkpoint), "--features", str(features))
    command = [sys.executable, "-u", "-m", "recsys", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            found = re.match(r"http://[^:]+:(\d+) ", process.stdout.readline())
            yield int(found[1])
        finally:
            process.terminate()


def make_questions(checkpoint: Path, count: int, seed: int = 1) -> dict[str, list[Question]]:
    """Questions of each kind, as path and body."""
    rng = np.random.default_rng(seed)
    dimensions = read_checkpoint(checkpoint).dimensions
    log = Log(ROOT / LOG, dimensions)
    userids, movieids = dimensions.raw_ids("users"), dimensions.raw_ids("movies")
    questions: dict[str, list[Question]] = {"recommendations": [], "scores": []}
    for user in rng.choice(len(userids), count):
        unrated = np.setdiff1d(np.arange(len(movieids)), log.of(user).movie)
        some = movieids[rng.choice(unrated, MOVIES, replace=False)].tolist()
        given = [{"movieid": id_, "rating": int(rng.integers(1, 6))} for id_ in some[:RATINGS]]
        who = {"userid": int(userids[user])}
        for name, body in (
            ("recommendations", who | {"ratings": given}),
            ("scores", who | {"movieids": some}),
        ):
            questions[name].append((f"/{name}", json.dumps(body)))
    return questions


def ask(port: int, questions: list[Question]) -> list[float]:
    """The seconds that each question of a client takes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times = []
    for path, body in questions:
        start = time.perf_counter()
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        times.append(time.perf_counter() - start)
        assert response.status == 200, answer
    connection.close()
    return times


def measure(port: int, questions: list[Question], clients: int) -> dict[str, float]:
    ask(port, questions[:20])
    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        shares = pool.map(ask, [port] * clients, [questions[i::clients] for i in range(clients)])
        times = [seconds for share in shares for seconds in share]
    rate = len(times) / (time.perf_counter() - start)
    p50, p99 = (round(float(ms), 1) for ms in np.percentile(times, [50, 99]) * 1000)
    return {"requests_per_second": round(rate, 1), "p50_ms": p50, "p99_ms": p99}


@click.command(help=__doc__)
@click.option("--checkpoint", type=click.Path(path_type=Path), default=ROOT / "models/dlrm")
@click.option("--features", type=click.Path(path_type=Path), default=ROOT / "data/features")
@click.option("--requests", type=click.IntRange(100), default=2_000, show_default=True)
def main(checkpoint: Path, features: Path, requests: int) -> None:
    questions = make_questions(checkpoint, requests)
    found: dict[str, object] = {"machine": describe_machine()}
    with serving(checkpoint, features) as port:
        for name, asked in questions.items():
            for clients in CLIENTS:
                found[f"{name}, {clients} at once"] = measure(port, asked, clients)
    click.echo(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
