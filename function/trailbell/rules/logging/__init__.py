"""The trails, recorders and detectors that watch the account."""
