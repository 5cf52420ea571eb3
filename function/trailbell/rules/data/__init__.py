"""Who may read what is stored: buckets, keys, snapshots, queues and functions."""
