"""The process's memory between the steps of a loop."""

import ctypes

# Of glibc's malloc.h, and in bytes what they are set to.
OPTIONS = {"M_TRIM_THRESHOLD": (-1, 2**28), "M_MMAP_THRESHOLD": (-3, 2**25)}


def keep_freed_memory() -> None:
    """From now on, freed memory stays with the process, up to 256 MB.

    Each step frees buffers of megabytes that the next one asks for again. glibc gives them back
    to the system in between, and the faults of getting new pages can take as long as scoring
    does. With another C library nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, size in OPTIONS.values():
            mallopt(option, size)
