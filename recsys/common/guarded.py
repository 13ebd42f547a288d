"""Guards a stage as soon as it imports this, which it does before all else.

A stage imports for seconds, in which it can be interrupted or lose its DVC. Whatever else imports a
stage, as a test does, is not guarded.
"""

import sys

from recsys.common.interrupt import interrupt_stage

_program = getattr(sys.modules["__main__"], "__spec__", None)
if _program is not None and _program.name.startswith("stages."):
    interrupt_stage()
    # This imports more, so it comes second.
    from recsys.common.guard import guard_stage

    guard_stage()
