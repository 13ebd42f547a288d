"""The command `recsys`: a file for each of its commands."""

import sys
from pathlib import Path

from recsys.common.interrupt import interrupt_until_command

# Not where a test imports this.
if Path(sys.argv[0]).name == "recsys":
    interrupt_until_command()
