"""The pipeline's stages: click scripts that DVC runs, without logic of their own."""
