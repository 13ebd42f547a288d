"""The stages of the pipeline: click scripts that DVC runs. Their logic is in `recsys`."""

import sys

# In `python -m stages.NAME`, argv does not have the stage's file yet. The stage is about to import
# for seconds, in which it can be interrupted or lose its DVC. So this comes first.
if sys.argv[0] == "-m":
    from recsys.common.interrupt import interrupt_stage

    interrupt_stage()
    from recsys.common.guard import guard_stage

    guard_stage()
