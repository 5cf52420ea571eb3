"""One file a rule, in a folder a group. A file dropped in here is found; no list to keep."""
