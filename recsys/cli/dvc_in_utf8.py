"""DVC as a program that writes its config files in UTF-8: `python recsys/cli/dvc_in_utf8.py ...`.

DVC 3.67 writes the config files of an experiment's folder in ASCII. They hold the path of the cache
and the content of the checkout's .git/config, so a letter beyond ASCII in them would be an error.
"""

import sys


def main() -> int:
    # The folder of this file. What DVC imports may have the name of a module in it.
    del sys.path[0]
    import configobj  # type: ignore[import-untyped]

    class ConfigObj(configobj.ConfigObj):  # type: ignore[misc]
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **{"default_encoding": "utf-8", **options})

    configobj.ConfigObj = ConfigObj
    # Modules of DVC take the class from there when they are imported.
    from dvc.cli import main as run

    return int(run())


if __name__ == "__main__":
    sys.exit(main())
