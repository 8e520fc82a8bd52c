"""A class map as polygons, traced strip by strip and joined where strips meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely.geometry import Polygon, shape
from shapely.geometry.base import BaseGeometry

from terralex.segmentation.scenes.store import Store

STRIP = 32_000_000
"""Pixels of a strip, at most, but for one row."""


@dataclass(eq=False)
class _Piece:
    """Part of a polygon: what of it lies in one strip. Coordinates are whole pixels, so joining is exact."""

    code: int
    shape: BaseGeometry
    group: list[_Piece] = field(
        default_factory=list
    )  # all pieces known to belong together, the same list for each


def trace(labels: Store, rows: int | None = None) -> Iterator[tuple[int, Polygon]]:
    """Trace the areas of each class; pixels of a class that share a side are one area.

    Args:
        labels: The map; 0 is no data.
        rows: Rows of a strip; by default as many as `STRIP` pixels.

    Yields:
        Code and polygon in pixel coordinates (columns right, rows down), an area as soon as it is complete.
        The polygons do not depend on `rows`, though their order does.
    """
    step = rows or max(1, STRIP // labels.width)
    above: list[_Piece] = []
    for top in range(0, labels.height, step):
        strip = labels.read(0, top, min(top + step, labels.height))
        pieces = _pieces(strip, top) if strip.any() else []
        bottom = top + len(strip)
        _connect(above, pieces, top, labels.width)
        still_open = [piece for piece in pieces if _touches(piece, bottom)] if bottom < labels.height else []
        lasting = {id(piece.group) for piece in still_open}
        yield from _complete((*above, *pieces), lasting)
        above = still_open


def _pieces(strip: NDArray[Any], top: int) -> list[_Piece]:
    found = shapes(strip, mask=strip > 0, connectivity=4, transform=(1, 0, 0, 0, 1, top))
    pieces = [_Piece(int(code), shape(outline)) for outline, code in found]
    for piece in pieces:
        piece.group.append(piece)
    return pieces


def _touches(piece: _Piece, row: int) -> bool:
    _, top, _, bottom = piece.shape.bounds
    return bool(top == row or bottom == row)


def _connect(above: Iterable[_Piece], below: Iterable[_Piece], row: int, width: int) -> None:
    """Put pieces of the same class that share a part of the line above a row into one group."""
    upper, lower = list(above), [piece for piece in below if _touches(piece, row)]
    if not upper or not lower:
        return
    first, second = _owners(upper, row, width), _owners(lower, row, width)
    both = (first >= 0) & (second >= 0)
    for one, other in np.unique(np.stack([first[both], second[both]]), axis=1).T.tolist():
        if upper[one].code == lower[other].code:
            _join(upper[one], lower[other])


def _owners(pieces: list[_Piece], row: int, width: int) -> NDArray[np.int32]:
    """Which piece each column of a line belongs to: its place in the list, -1 for none."""
    owners = np.full(width, -1, np.int32)
    for place, piece in enumerate(pieces):
        for ring in _rings(piece.shape):
            line = ring[:, 1] == row
            for edge in np.flatnonzero(line[:-1] & line[1:]):
                start, stop = sorted((int(ring[edge, 0]), int(ring[edge + 1, 0])))
                owners[start:stop] = place
    return owners


def _join(one: _Piece, other: _Piece) -> None:
    large, small = sorted((one.group, other.group), key=len, reverse=True)
    if large is small:
        return
    large.extend(small)
    for piece in small:
        piece.group = large


def _complete(pieces: Iterable[_Piece], lasting: set[int]) -> Iterator[tuple[int, Polygon]]:
    """The polygons of the groups that nothing further can join, in the order of their first pieces."""
    seen = set(lasting)
    for piece in pieces:
        if id(piece.group) not in seen:
            seen.add(id(piece.group))
            yield from ((piece.code, part) for part in _polygons([part.shape for part in piece.group]))


def _polygons(parts: list[BaseGeometry]) -> Iterator[Polygon]:
    whole = shapely.union_all(parts) if len(parts) > 1 else parts[0]
    if not whole.is_valid:
        whole = shapely.make_valid(whole)
    for part in shapely.get_parts(whole).tolist():
        outer, *inner = (_without_stops(ring) for ring in _rings(part))
        yield Polygon(outer, inner)


def _rings(geometry: BaseGeometry) -> Iterator[NDArray[np.float64]]:
    for ring in shapely.get_rings(geometry).tolist():
        yield shapely.get_coordinates(ring)


def _without_stops(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out the vertices of a ring at which it goes straight on."""
    points: NDArray[np.float64] = ring[:-1]
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    straight = ((before == points) & (after == points)).any(axis=1)
    corners: NDArray[np.float64] = points[~straight]
    return corners
