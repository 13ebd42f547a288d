"""`recsys serve`."""

import socket
from pathlib import Path

import click

from recsys.cli.extras import require_extra
from recsys.cli.project import CHECKPOINT, FEATURES, LOG, RETRIEVAL
from recsys.common.command import command
from recsys.common.errors import InputError

# Requests that are being answered get this many seconds to end.
LAST_SECONDS = 5


@command
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0 for any."
)
@CHECKPOINT
@FEATURES
@RETRIEVAL
@LOG
def main(
    host: str, port: int, checkpoint: Path, features: Path, retrieval: Path, log: Path
) -> None:
    """Serve recommendations and scores over HTTP, with a page.

    POST /recommendations and POST /scores take a user of the data set, ratings of your own, or
    both. GET /movies finds titles, GET /health says what runs, and GET /openapi.json describes all
    of it. No question is stored. There is no login: anyone who can reach the port can ask about
    every user.

    \b
    Examples:
      recsys serve
      recsys serve --port 8080
    """
    for package in ("fastapi", "uvicorn"):
        require_extra(package, "serve")
    # A port in use is refused before the seconds that the imports take.
    with listen(host, port) as listener:
        # Slow to import: wrong options are refused before.
        import torch
        import uvicorn

        from recsys.serving.people.log import Log
        from recsys.serving.recommend.recommender import Recommender
        from recsys.serving.server.app import make_app

        torch.set_num_threads(1)
        recommender = Recommender.load(checkpoint, features, retrieval)
        app = make_app(recommender, Log(log, recommender.scorer.dimensions))
        address = f"[{host}]" if ":" in host else host
        click.echo(f"http://{address}:{listener.getsockname()[1]} (end with Ctrl-C)")
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=LAST_SECONDS
        )
        uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises: InputError, it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        # Python adds the address, which the message has.
        reason = str(error.strerror).split(" (while")[0]
        raise InputError(
            f"cannot listen on {host}, port {port} ({reason}); give another --host or --port"
        ) from error
    # Connections inherit it. Without, the body of an answer waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
