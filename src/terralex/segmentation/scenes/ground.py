"""The Earth under a map: degrees and metres, whatever the map's reference system."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.crs import GeographicCRS

from terralex.imagery import Grid
from terralex.runtime.errors import UsageError

SIDE = 32
"""Pixels over which a map is as good as flat, at most."""

_FLAT = 100e3  # metres, likewise
_TOLERANCE = 0.05  # up to which a projection's own metres pass for metres on the ground


class Ground:
    """The ellipsoid under a reference system.

    Attributes:
        geod: The ellipsoid.

    Args:
        crs: The reference system.
        geodetic: The one of latitudes and longitudes that it is made from.
        geod: Its ellipsoid.
    """

    def __init__(self, crs: CRS, geodetic: CRS, geod: Geod) -> None:
        self.geod = geod
        # Of the same datum, so nothing shifts, but always in degrees: some systems count in grads.
        self._change = Transformer.from_crs(crs, GeographicCRS(datum=geodetic.datum), always_xy=True)

    @classmethod
    def under(cls, grid: Grid) -> Ground | None:
        """The ground under a grid; None if it does not say where it lies, as the grid of a building site."""
        crs = CRS.from_user_input(grid.crs) if grid.crs else None
        geodetic = crs.geodetic_crs if crs else None
        geod = geodetic.get_geod() if geodetic else None
        return cls(crs, geodetic, geod) if crs and geodetic and geod else None

    def degrees(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Longitude, from the datum's own prime meridian, and latitude of places in the reference system."""
        longitude, latitude = self._change.transform(x, y)
        return np.asarray(longitude), np.asarray(latitude)

    def metres(self, grid: Grid) -> tuple[float, float]:
        """Lengths of the sides of the pixel in the middle of a grid, along columns and along rows."""
        column, row = grid.width / 2, grid.height / 2
        places = [grid.xy(*place) for place in ((column, row), (column + 1, row), (column, row + 1))]
        longitude, latitude = self.degrees(*np.array(places).T)
        across, down = (
            self.geod.inv(longitude[0], latitude[0], longitude[n], latitude[n])[2] for n in (1, 2)
        )
        return float(across), float(down)


def ground_resolution(grid: Grid) -> tuple[float, float]:
    """Metres along columns and along rows of the pixel in the middle of a grid.

    A projection's own metres are taken where they are metres on the ground but for a few percent, so that
    10 m stay 10 m; Web Mercator's are not.

    Raises:
        UsageError: The grid has no reference system.
    """
    if grid.crs is None:
        raise UsageError("a ground resolution needs a scene that says its coordinate reference system")
    crs = CRS.from_user_input(grid.crs)
    ground = Ground.under(grid)
    measured = ground.metres(grid) if ground else None
    if measured and crs.is_geographic:
        return measured
    unit = crs.axis_info[0].unit_conversion_factor
    across, down = (length * unit for length in grid.resolution)
    if measured is None or np.allclose(measured, (across, down), rtol=_TOLERANCE, atol=0):
        return across, down
    return measured


def flat_pixels(grid: Grid) -> int:
    """Pixels over which a grid that says where it lies is as good as flat, at least 1."""
    return max(1, min(SIDE, int(_FLAT / max(ground_resolution(grid)))))
