"""What is remembered between events, and in AWS between invocations."""
