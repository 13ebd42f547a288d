"""Measures speed and accuracy, compared with alternatives; not part of the tests."""
