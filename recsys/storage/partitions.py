"""The partitions of the ratings: which users each has."""


def find_stretch(number: int, partitions: int, users: int) -> tuple[int, int]:
    """The first user of a partition, and the last plus 1: rows of the users table.

    Args:
        partitions, users: how many there are.
    """
    return -(-number * users // partitions), -(-(number + 1) * users // partitions)
