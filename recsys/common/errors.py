"""Errors that the user can correct."""


class InputError(ValueError):
    """Bad input: the message is one line that names the value, the place and the remedy."""
