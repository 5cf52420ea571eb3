"""Calls that matter for who made them, or when, rather than for what they did."""
