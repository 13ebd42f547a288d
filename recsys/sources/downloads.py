"""Download files over https, with retries and a progress bar on a terminal."""

import logging
import time
from pathlib import Path

import requests
from tqdm import tqdm

# Seconds between attempts.
RETRY_PAUSES = (1, 2, 4)
# HTTP statuses of failures that may be over a moment later.
TEMPORARY_STATUSES = (408, 429, 500, 502, 503, 504)
# Seconds to wait for the connection, and for more bytes.
TIMEOUT = (10, 30)
CHUNK_BYTES = 2**20

log = logging.getLogger(__name__)


class UnavailableError(Exception):
    """The source cannot be reached, or does not have the file."""


def download(url: str, path: Path) -> None:
    """Stream `url` to `path`; after a temporary failure, try again after each of `RETRY_PAUSES`.

    Raises:
        UnavailableError: there is no such file, or every attempt failed.
    """
    for pause in (*RETRY_PAUSES, None):
        try:
            return _stream(url, path)
        except requests.HTTPError as error:
            reason = f"HTTP {error.response.status_code}"
            if error.response.status_code not in TEMPORARY_STATUSES:
                break
        except requests.RequestException as error:
            reason = type(error).__name__
        if pause:
            log.info("%s: %s; trying again in %d s", url, reason, pause)
            time.sleep(pause)
    raise UnavailableError(f"{reason} for {url}")


def _stream(url: str, path: Path) -> None:
    with requests.get(url, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        total = int(response.headers.get("Content-Length", 0)) or None
        # `disable=None` shows the bar on a terminal only.
        bar = tqdm(total=total, unit="B", unit_scale=True, desc=path.name, disable=None)
        with path.open("wb") as file, bar:
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))
