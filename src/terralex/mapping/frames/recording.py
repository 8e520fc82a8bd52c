"""Recordings kept as files, one for each picture, depth map and label map, whatever folders are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from terralex.mapping.frames import files, poses
from terralex.mapping.frames.classes import ClassTable
from terralex.mapping.frames.frame import Frame, Intrinsics
from terralex.mapping.frames.sequence import PosedSequence
from terralex.runtime.errors import InputError
from terralex.runtime.resume import digest

_Number = TypeVar("_Number", np.float32, np.int32)

Size = tuple[int, int]
"""Height and width in pixels."""

ASPECT_TOLERANCE = 0.02
"""How far the aspect ratios of a frame's files may differ, as a part of one (0.4 % in ScanNet)."""


@dataclass(frozen=True, eq=False)
class Shot:
    """Where the parts of a frame are.

    Attributes:
        id: What the frame is called.
        rgb: File of the picture.
        depth: File of the depth map.
        pose: float64 (4, 4), camera to world, in OpenCV axes.
        labels: File of the label map, if there is one.
        confidence: File that says how sure each depth is, if there is one.
    """

    id: str
    rgb: Path
    depth: Path
    pose: NDArray[np.float64]
    labels: Path | None = None
    confidence: Path | None = None


@dataclass(frozen=True, eq=False)
class Listing:
    """What a layout says of a recording, before anything but small files is read.

    Attributes:
        name: What people call it.
        path: Its folder.
        shots: Each frame in the order of recording, or its id and why it cannot be used.
        intrinsics: The camera, in pixels of a picture of `camera_size`, or of the depth maps if that is None.
        per_metre: How many units of the depth maps make a metre.
        camera_size: The size that the intrinsics are for.
        first_centre: Where the intrinsics have the centre of the first pixel: at 0, or at 0.5 if they count
            from the corner of the picture.
        classes: What label maps hold.
    """

    name: str
    path: Path
    shots: tuple[Shot | tuple[str, str], ...]
    intrinsics: Intrinsics
    per_metre: float
    camera_size: Size | None = None
    first_centre: float = 0.0
    classes: ClassTable | None = None


class Recording(PosedSequence):
    """A recording, listed but not read.

    Attributes:
        layout: The layout of its folders.
        size: To which frames are resized; None for that of the depth maps.
        depth_limits: Nearest and farthest depth that counts, in metres.
    """

    def __init__(
        self,
        listing: Listing,
        layout: str,
        *,
        classes: ClassTable | None = None,
        frame_skip: int = 0,
        size: Size | None = None,
        depth_limits: tuple[float, float] = (0.0, np.inf),
        as_published: bool = False,
    ) -> None:
        """Choose frames, and how they will be read.

        Args:
            listing: Of the recording.
            layout: Name of the layout that it is from.
            classes: To take the place of the listing's.
            frame_skip: How many frames to leave out after each that is taken.
            size: Height and width to resize frames to.
            depth_limits: Nearest and farthest depth that counts, in metres.
            as_published: Take the camera of resized frames as the published evaluation does.

        Raises:
            InputError: No frame can be used.
        """
        self.name, self.path, self.layout = listing.name, listing.path, layout
        self.classes = listing.classes if classes is None else classes
        self.size, self.depth_limits = size, depth_limits
        self._listing, self._as_published = listing, as_published
        self._shots, self.left_out = _gather(listing.path, listing.shots[:: frame_skip + 1])
        self.ids = tuple(shot.id for shot in self._shots)

    def pose(self, index: int) -> NDArray[np.float64]:
        """Camera to world of one frame, (4, 4)."""
        return self._shots[index].pose

    def fingerprint(self) -> Mapping[str, Any]:
        """What tells this sequence from others: plain values."""
        limits = [limit if np.isfinite(limit) else None for limit in self.depth_limits]
        about = {"layout": self.layout, "size": self.size and list(self.size), "depth_limits": limits}
        stamps = digest(self._stamps())
        return {**super().fingerprint(), **about, "as_published": self._as_published, "files": stamps}

    def _stamps(self) -> Iterator[str]:
        """The camera, and the pose and the files of each frame: what they are called, how large, how old."""
        listing = self._listing
        yield f"{listing.intrinsics} {listing.first_centre} {listing.per_metre} {listing.camera_size}"
        for shot in self._shots:
            yield str(shot.pose.tolist())
            for path in (shot.rgb, shot.depth, shot.labels, shot.confidence):
                if path is not None:
                    status = path.stat()
                    yield f"{path.name} {status.st_size} {status.st_mtime_ns}"

    def read(self, index: int) -> Frame:
        """Read one frame, resized if a size was asked for.

        Colours are resized smoothly, depth and labels take the nearest pixel.

        Raises:
            InputError: A file cannot be read, the pose is no rigid transform, the files do not have the same
            aspect ratio, or no depth is within limits.
        """
        shot, listing = self._shots[index], self._listing
        if reason := poses.defect(shot.pose):
            raise InputError(f"{self.path}: frame {shot.id}: {reason}")
        depth = files.read_depth(shot.depth, listing.per_metre)
        kept = depth.shape[0], depth.shape[1]
        size = self.size or kept
        picture = files.read_rgb(shot.rgb)
        shapes = {"picture": picture.shape[:2], "depth map": kept}
        if self.classes is None or shot.labels is None:
            labels = None
        else:
            label_map = self.classes.index(files.read_numbers(shot.labels, "a label map"))
            shapes["label map"] = label_map.shape
            labels = _nearest(label_map, size)
        sure = None
        if shot.confidence is not None:
            confidence = files.read_confidence(shot.confidence)
            shapes["confidence map"] = confidence.shape
            sure = _nearest(confidence, size)
        _check_shapes(f"{self.path}: frame {shot.id}", shapes, listing.camera_size)
        return Frame(
            id=shot.id,
            rgb=_resized(picture, size),
            depth=self._limited(_nearest(depth, size), shot),
            pose=shot.pose,
            intrinsics=self._camera(kept, size),
            confidence=sure,
            labels=labels,
        )

    def _camera(self, kept: Size, size: Size) -> Intrinsics:
        """The camera of frames of `size`, whose depth maps are kept at another.

        The published evaluation takes the numbers as they are, wherever they count from, and scales them
        all; that is up to half a pixel off.
        """
        of, old = self._listing.intrinsics, self._listing.camera_size or kept
        if self._as_published:
            return of.resized(old, size, as_published=True)
        first = self._listing.first_centre
        return replace(of, cx=of.cx - first, cy=of.cy - first).resized(old, size)

    def _limited(self, depth: NDArray[np.float32], shot: Shot) -> NDArray[np.float32]:
        """The depths within the limits, the others NaN."""
        near, far = self.depth_limits
        if not np.isfinite(depth).any():
            raise InputError(f"{shot.depth}: no pixel has a depth")
        depth = np.where((depth >= near) & (depth <= far), depth, np.float32(np.nan)).astype(np.float32)
        if not np.isfinite(depth).any():
            raise InputError(f"{shot.depth}: no pixel has a depth between {near:g} and {far:g} m")
        return depth


def _gather(path: Path, shots: Iterable[Shot | tuple[str, str]]) -> tuple[tuple[Shot, ...], dict[str, str]]:
    """Part frames that can be used from those that cannot: for want of a file, or of a finite pose.

    Args:
        path: Of the recording, for messages.
        shots: Each frame, or its id and why it cannot be used.

    Returns:
        The usable frames, and the reason for each of the others by its id.

    Raises:
        InputError: None can be used.
    """
    usable, left_out = [], {}
    for shot in shots:
        if isinstance(shot, tuple):
            left_out[shot[0]] = shot[1]
        elif reason := _lacking(shot):
            left_out[shot.id] = reason
        else:
            usable.append(shot)
    if not usable:
        example = next((f": frame {name}: {reason}" for name, reason in left_out.items()), "")
        raise InputError(f"{path}: none of {len(left_out)} frames can be used{example}")
    return tuple(usable), left_out


def _lacking(shot: Shot) -> str:
    if missing := next((path for path in (shot.rgb, shot.depth) if not path.is_file()), None):
        return f"there is no {missing}"
    return "" if np.isfinite(shot.pose).all() else "its pose is not finite"


def _check_shapes(frame: str, shapes: Mapping[str, tuple[int, ...]], camera: Size | None) -> None:
    """Refuse files that cannot show the same view, of which one would have to be stretched.

    Args:
        frame: For messages.
        shapes: Height and width of each file of the frame, by what it is.
        camera: Height and width that the intrinsics are for; None if they are for the depth map.

    Raises:
        InputError: Two aspect ratios differ by more than rounding and cropping at the edges explain.
    """
    sizes = {**shapes, **({"camera": camera} if camera else {})}
    reference = sizes["depth map"]
    for name, (height, width) in sizes.items():
        ratio = (width / height) / (reference[1] / reference[0])
        if not 1 / (1 + ASPECT_TOLERANCE) <= ratio <= 1 + ASPECT_TOLERANCE:
            turned = " (is one of them turned?)" if (height < width) != (reference[0] < reference[1]) else ""
            raise InputError(
                f"{frame}: the {name} has {width} x {height} pixels and the depth map {reference[1]} x "
                f"{reference[0]}, so they do not show the same view{turned}: store both as they were taken"
            )


def _resized(rgb: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Interpolate colours, with smoothing where the picture shrinks."""
    if rgb.shape[:2] == size:
        return rgb
    return np.asarray(PIL.Image.fromarray(rgb).resize(size[::-1], PIL.Image.Resampling.BILINEAR))


def _nearest(values: NDArray[_Number], size: Size) -> NDArray[_Number]:
    """Take for each pixel the one whose centre is nearest."""
    if values.shape == size:
        return values
    rows, columns = (
        np.minimum((np.arange(new) + 0.5) * (old / new), old - 1).astype(np.intp)
        for new, old in zip(size, values.shape, strict=True)
    )
    taken: NDArray[_Number] = values[rows[:, None], columns[None, :]]
    return taken
