"""Where the pixels of an image lie on the ground."""

from dataclasses import dataclass

Transform = tuple[float, float, float, float, float, float]

Window = tuple[int, int, int, int]
"""Part of an image in pixels: (column, row, width, height), the column and row of its upper left pixel."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A raster's georeference: coordinate reference system, affine transform and size.

    A pixel's corner at (column, row) lies at x = a * column + b * row + c, y = d * column + e * row + f;
    columns count to the right and rows down, from the upper left corner of the upper left pixel.

    Attributes:
        crs: "EPSG:nnnn" or WKT; None if the file has a transform but no reference system.
        transform: (a, b, c, d, e, f), in units of the reference system (metres or degrees) per pixel.
        width: Number of columns.
        height: Number of rows.
    """

    crs: str | None
    transform: Transform
    width: int
    height: int

    @property
    def resolution(self) -> tuple[float, float]:
        """Lengths of a pixel's sides along columns and rows, in units of the reference system."""
        a, b, _, d, e, _ = self.transform
        return (a * a + d * d) ** 0.5, (b * b + e * e) ** 0.5

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top): the smallest box around all four corners."""
        corners = [self.xy(column, row) for column in (0, self.width) for row in (0, self.height)]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def xy(self, column: float, row: float) -> tuple[float, float]:
        """Return the coordinates of a pixel's corner; add 0.5 to both for its centre."""
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def window(self, column: int, row: int, width: int, height: int) -> "Grid":
        """Return the grid of the part that starts at (column, row); it may reach beyond this one."""
        a, b, _, d, e, _ = self.transform
        x, y = self.xy(column, row)
        return Grid(self.crs, (a, b, x, d, e, y), width, height)
