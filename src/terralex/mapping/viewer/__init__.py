"""A map as one HTML file that opens in a browser, offline: to turn, to come near, to see what was found."""

from terralex.mapping.viewer.write import FoundPlace, write_viewer

__all__ = ["FoundPlace", "write_viewer"]
