"""The organization above the accounts, and the guardrails that it sets."""
