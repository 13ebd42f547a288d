"""Settings of the C library's memory allocator."""

import ctypes

# Options of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Let the process keep up to 256 MB of freed memory for its next allocations.

    Each step of a loop frees buffers of megabytes that the next step allocates again. By default
    glibc returns them to the system in between. The page faults of the next allocation can then
    take as long as scoring itself. With another C library this function does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, 2**28)
        mallopt(M_MMAP_THRESHOLD, 2**25)
