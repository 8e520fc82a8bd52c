"""The web page: identify, map, find, space, models."""
