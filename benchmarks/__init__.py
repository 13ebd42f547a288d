"""Speed and quality, side by side with what else one could use; not part of the tests."""
