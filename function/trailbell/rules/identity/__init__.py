"""Users, their keys, passwords and second factors."""
