"""Who looks around: refused calls, inventories, keys that are tried out."""
