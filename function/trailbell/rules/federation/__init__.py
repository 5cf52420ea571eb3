"""Identities from outside: identity providers, and IAM Identity Center."""
