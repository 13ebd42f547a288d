"""Packages that only one command needs."""

from importlib.util import find_spec

from recsys.common.errors import InputError


def require_extra(package: str, command: str) -> None:
    """Check that a package of a command's own is there.

    Args:
        package: the package, as it is imported.
        command: the command; its packages are the extra of the same name in pyproject.toml.

    Raises:
        InputError: it is not.
    """
    if find_spec(package) is None:
        raise InputError(
            f"`recsys {command}` needs the package {package}; run `make .venv/{command}`, or `pip "
            f"install -c requirements/all.lock -e '.[{command}]'`"
        )
