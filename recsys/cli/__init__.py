"""The command `recsys`: a file for each of its commands."""

import sys
from pathlib import Path

from recsys.common.guard import interrupt_quietly

# Not where a test imports this.
if Path(sys.argv[0]).name == "recsys":
    interrupt_quietly()
