"""Pictures of the benchmarks with their label maps: where they are, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor

from terralex.evaluation.coverage import check_present
from terralex.evaluation.segmentation.resize import keep_ratio_size, resize_bilinear
from terralex.evaluation.segmentation.settings import Dataset, TruthFiles
from terralex.imagery import read_image
from terralex.metrics.segmentation import IGNORED
from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.inputs import is_system_name, natural_key


@dataclass(frozen=True)
class Sample:
    """A picture and where its label map is.

    Attributes:
        name: What the picture is called: its path below the folder of pictures, without the ending.
        picture: Its file.
        truth: Files of the label map, as far as they could be there; the first that is counts.
    """

    name: str
    picture: Path
    truth: tuple[tuple[Path, TruthFiles], ...]

    @property
    def found_truth(self) -> tuple[Path, TruthFiles]:
        """The file of the label map, and what its values mean; the likeliest file if there is none."""
        return next(((file, kind) for file, kind in self.truth if file.exists()), self.truth[0])


@dataclass(frozen=True, eq=False)
class Labelled:
    """What was read of a sample.

    Attributes:
        pixels: uint8 (3, h, w), the resized picture in red, green and blue.
        truth: uint8 (H, W), the class of each pixel of the picture before that, or `IGNORED`.
    """

    pixels: Tensor
    truth: Tensor


def find_samples(dataset: Dataset, data: Path) -> list[Sample]:
    """The validation pictures of a dataset, in order.

    Args:
        dataset: Whose.
        data: Folder of all datasets.

    Raises:
        UsageError: The folders are not there, hold nothing, or most pictures or label maps are missing.
    """
    root = next((data / root for root in dataset.roots if (data / root).is_dir()), data / dataset.roots[0])
    folder, labels = root / dataset.pictures, root / dataset.labels
    for wanted in (folder, labels):
        if not wanted.is_dir():
            raise UsageError(f"{dataset.title}: there is no folder {wanted}; --data DIR is the folder above")
    names = _listed(root / dataset.list) if dataset.list else _found(folder, dataset.picture_ending)
    if not names:
        source = root / dataset.list if dataset.list else f"{folder} for *{dataset.picture_ending}"
        raise UsageError(f"{dataset.title}: no pictures in {source}")
    samples = [
        Sample(
            name=name,
            picture=folder / f"{name}{dataset.picture_ending}",
            truth=tuple((labels / f"{name}{kept.ending}", kept) for kept in dataset.truth),
        )
        for name in names
    ]
    check_present([sample.picture for sample in samples], dataset.title)
    check_present([sample.found_truth[0] for sample in samples], f"{dataset.title}, label maps")
    return samples


def read_sample(sample: Sample, scale: tuple[int, int], classes: int | None = None) -> Labelled:
    """Read a picture and its label map, and resize the picture. Safe to call from several threads.

    Args:
        sample: The picture.
        scale: Longest and shortest side that it may have when resized, in pixels.
        classes: How many classes there are, if other values of the label map are to be refused.

    Raises:
        InputError: One of them cannot be read, they do not fit each other, or the label map has values that
            stand for no class.
    """
    file, encoding = sample.found_truth
    values = _read_values(file)
    if classes is not None:
        _refuse_other_values(file, values, encoding.last_value(classes))
    truth = encoding.classes[values]
    image = read_image(sample.picture).select(("red", "green", "blue"))
    if image.units != "8bit":
        raise InputError(f"{sample.picture}: is no picture of 8 bits a colour")
    picture = np.ascontiguousarray(image.pixels)
    if picture.shape[1:] != truth.shape:
        sizes = " and ".join(f"{width} x {height}" for height, width in (picture.shape[1:], truth.shape))
        raise InputError(f"{sample.picture}: it and its label map {file} differ in size: {sizes}")
    size = keep_ratio_size(image.height, image.width, scale)
    if min(size) < 1:
        raise InputError(f"{sample.picture}: too narrow a picture to be resized")
    return Labelled(resize_bilinear(torch.from_numpy(picture), size), torch.from_numpy(truth))


def _refuse_other_values(file: Path, values: NDArray[np.uint8], last: int) -> None:
    others = np.unique(values[(values > last) & (values != IGNORED)])
    if others.size:
        raise InputError(
            f"{file}: has the value {others[0]}, which stands for no class: those have numbers to "
            f"{last}, and {IGNORED} is for pixels of none; were colours of a palette saved as grey?"
        )


def _listed(path: Path) -> list[str]:
    """The names in a file, one a line, each once."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the list of pictures {path}: {error}") from error
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _found(folder: Path, ending: str) -> list[str]:
    """The names of the files in a folder and those in it, without their ending."""
    files = (file.relative_to(folder) for file in folder.rglob(f"*{ending}"))
    own = (file.as_posix() for file in files if not any(map(is_system_name, file.parts)))
    return sorted((file.removesuffix(ending) for file in own), key=natural_key)


def _read_values(path: Path) -> NDArray[np.uint8]:
    """The values of a label map, uint8 (H, W): the numbers in the file, whatever colours stand for them."""
    try:
        with PIL.Image.open(path, formats=("PNG",)) as picture:
            values = np.asarray(picture)
    except FileNotFoundError:
        raise InputError(f"{path}: no such label map") from None
    except Exception as error:  # decoders of hostile files raise nearly anything
        raise InputError(f"{path}: cannot be read as a label map (PNG): {error}") from error
    if values.ndim != 2 or values.dtype == np.bool_:
        raise InputError(f"{path}: is no label map, which has one number from 0 to 255 a pixel")
    if values.size and int(values.max()) > 255:
        raise InputError(f"{path}: has the value {values.max()}; label maps have 0 to 255")
    return values.astype(np.uint8)
