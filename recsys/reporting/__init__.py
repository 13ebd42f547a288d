"""What a run is worth next to another: for people, for pull requests, for checks."""
