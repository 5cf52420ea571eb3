"""Ways out: one file for each place that a message can go to."""
