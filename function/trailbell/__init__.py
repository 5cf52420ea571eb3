"""trailbell rings in chat when somebody touches the keys of an AWS account."""

__version__ = "0.1.0"
