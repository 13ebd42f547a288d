"""The stages of the pipeline: click scripts that DVC runs. Their logic is in `recsys`."""
