"""How a stage ends when DVC is killed or the user presses Ctrl-C.

A stage calls `guard_stage` before it imports anything slow.
"""

import ctypes
import os
import signal
import sys

# DVC and torchrun set one of these in the environment of the processes that they start.
DVC, TORCHRUN = "DVC_STAGE", "TORCHELASTIC_RUN_ID"
PR_SET_PDEATHSIG = 1  # of Linux's sys/prctl.h
ENDED = "the process that started this stage has ended, so the stage ends too"


def guard_stage() -> None:
    """Tie this process to its launcher, and let Ctrl-C end it without a traceback.

    The kernel kills the process when DVC or torchrun ends. Otherwise it would go on writing to
    files that the next run writes too. A stage that a user starts by hand has no launcher.

    Ctrl-C ends the process at once until `recsys.common.command` runs a function. So an import
    that is interrupted prints nothing.
    """
    # A shell lets the processes in its background ignore Ctrl-C. That stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux" and {DVC, TORCHRUN} & os.environ.keys():
        parent = os.getppid()
        # torchrun starts its processes in sessions of their own. DVC does not, so under DVC a
        # parent in another session is the process that adopted this one.
        if TORCHRUN not in os.environ and os.getsid(parent) != os.getsid(0):
            sys.exit(ENDED)
        end_with_parent(parent)


def guard_worker(parent: int) -> None:
    """Tie a worker process to its stage, which blocks Ctrl-C for it, and ends it.

    Args:
        parent: the process of the stage.
    """
    end_with_parent(parent)


def end_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends; exit if that has ended already.

    Args:
        parent: the process that started this one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(ENDED)
