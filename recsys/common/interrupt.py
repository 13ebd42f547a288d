"""Ctrl-C: one line, never a traceback.

A program imports this before all else, so it imports next to nothing itself.
"""

import os
import signal
from collections.abc import Callable
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT

Handler = Callable[[int, FrameType | None], object]
_is_interrupted = False


def interrupt_stage() -> None:
    """Let Ctrl-C end this process with one line, also in the middle of an import."""
    _replace(signal.default_int_handler, _exit_at_once)


def interrupt_until_command() -> None:
    """The same until a command begins. A command can clear up, so there it raises an exception."""
    _replace(signal.default_int_handler, _exit_before_command)


def begin_command() -> None:
    _replace(_exit_before_command, _raise)


def _replace(old: Handler, new: Handler) -> None:
    # A shell lets what runs in its background ignore Ctrl-C: that stays so.
    if signal.getsignal(signal.SIGINT) is old:
        signal.signal(signal.SIGINT, new)


def _exit_at_once(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    say("interrupted")
    os._exit(INTERRUPTED)


def _exit_before_command(number: int, frame: FrameType | None) -> None:
    _exit_at_once(number, frame)


def _raise(number: int, frame: FrameType | None) -> None:
    global _is_interrupted
    _is_interrupted = True
    signal.default_int_handler(number, frame)


def was_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an exception: a module that is being imported may raise another."""
    return _is_interrupted or isinstance(error, KeyboardInterrupt)


def say(text: str) -> None:
    """Print a line on stderr, if anyone listens. Unlike `print`, a signal's handler may do this."""
    try:  # noqa: SIM105
        os.write(2, f"{text}\n".encode())
    except OSError:
        pass
