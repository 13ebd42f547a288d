"""Shared code of the MovieLens DLRM pipeline; CONTRIBUTING.md says which module does what."""
