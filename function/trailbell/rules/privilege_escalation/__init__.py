"""Rights that grow: policies, roles and the ways to more power."""
