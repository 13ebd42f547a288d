"""What the Makefile and CI call besides the stages: `python -m scripts.NAME`."""
