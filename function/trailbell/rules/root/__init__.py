"""The root user: its sign-ins, its calls and its credentials."""
