from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from recsys.sources import downloads
from recsys.sources.downloads import UnavailableError, download

CONTENT = b"movielens" * 1000


class Handler(BaseHTTPRequestHandler):
    """Answers each request with the next status of its server; 206 means a cut connection."""

    def do_GET(self) -> None:
        status = self.server.statuses.pop(0)
        self.send_response(200 if status == 206 else status)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:100] if status == 206 else CONTENT)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setattr(downloads, "RETRY_PAUSES", (0.01, 0.01))
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("statuses", [[200], [503, 200], [429, 206, 200]])
def test_temporary_failures_are_retried(
    tmp_path: Path, server: HTTPServer, statuses: list[int]
) -> None:
    server.statuses = list(statuses)
    download(f"http://127.0.0.1:{server.server_port}/file", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert not server.statuses


@pytest.mark.parametrize(
    ("statuses", "message"),
    [
        ([404], "HTTP 404 for http"),
        ([503, 503, 503], "HTTP 503 for http"),
        ([206, 206, 206], "ChunkedEncodingError for http"),
    ],
)
def test_lasting_failures_are_reported(
    tmp_path: Path, server: HTTPServer, statuses: list[int], message: str
) -> None:
    server.statuses = list(statuses)
    with pytest.raises(UnavailableError, match=message):
        download(f"http://127.0.0.1:{server.server_port}/file", tmp_path / "file")
    assert not server.statuses


def test_a_missing_network_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "RETRY_PAUSES", ())
    with pytest.raises(UnavailableError, match="ConnectionError"):
        download("http://127.0.0.1:9/file", tmp_path / "file")
