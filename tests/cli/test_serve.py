"""`recsys serve`."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from recsys.cli import extras
from tests.errors import error_of
from tests.imports import ROOT
from tests.runs import Run


@pytest.fixture(autouse=True)
def project(run: Run) -> None:
    """The run's folder is a project."""
    Path("dvc.yaml").write_text("stages: {}\n")


def test_it_says_where_it_listens_and_ends_with_one_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "recsys", "serve", "--port", "0"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address, rest = process.stdout.readline().split(maxsplit=1)
        assert rest == "(end with Ctrl-C)\n"
        assert requests.get(f"{address}/health", timeout=60).json()["users"] == 61
        question = {"userid": 3, "top": 2}
        answer = requests.post(f"{address}/recommendations", json=question, timeout=60).json()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (errors, process.returncode) == ("\nAborted!\n", 1)
    assert len(answer["recommended"]) == 2


def test_a_taken_port_is_refused_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert error_of("serve", "--port", str(port)) == (
            f"cannot listen on 127.0.0.1, port {port} (Address already in use); give another "
            "--host or --port"
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--host nowhere.invalid", "cannot listen on nowhere.invalid, port 8000 ("),
        ("--port 0 --checkpoint models/no", "models/no is no checkpoint"),
        ("--port 0 --log missing.parquet", "missing.parquet"),
    ],
)
def test_what_is_missing_is_named_in_one_line(arguments: str, message: str) -> None:
    assert error_of("serve", *arguments.split()).startswith(message)


@pytest.mark.parametrize(
    ("command", "package"), [("serve", "fastapi"), ("serve", "uvicorn"), ("search", "optuna")]
)
def test_a_command_whose_packages_are_not_installed_names_them(
    command: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == package else object())
    Path("search.yaml").touch()
    assert error_of(command) == (
        f"`recsys {command}` needs the package {package}; run `make .venv/{command}`, or "
        f"`pip install -c requirements/all.lock -e '.[{command}]'`"
    )
