"""Which files of the project a file imports, read from its source."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def direct_imports(path: Path) -> set[str]:
    """The dotted names that a file imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def project_files(name: str) -> set[Path]:
    """The project's files that importing a dotted name runs: the module and its packages."""
    parts = name.split(".")
    files = set()
    for end in range(1, len(parts) + 1):
        base = ROOT.joinpath(*parts[:end])
        files |= {f for f in (base / "__init__.py", base.with_suffix(".py")) if f.is_file()}
    return files


def closure(path: Path, without: Path | None = None) -> set[Path]:
    """The file and all files of the project that it imports, directly or indirectly.

    Args:
        without: a folder whose files are left out and whose imports are not followed.
    """
    found, todo = set(), [path, *project_files(path.relative_to(ROOT).parts[0])]
    while todo:
        file = todo.pop()
        if file not in found and (without is None or without not in file.parents):
            found.add(file)
            todo += [f for name in direct_imports(file) for f in project_files(name)]
    return found
