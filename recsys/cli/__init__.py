"""The command `recsys`: a file for each of its commands."""
