"""Audits of how things stand: who can get in, with what, and whether somebody should look."""
