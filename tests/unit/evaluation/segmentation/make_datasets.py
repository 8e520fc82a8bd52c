"""Small pictures with label maps in the exact layouts of the five benchmarks: `python make_datasets.py DIR`.

Every class has a colour, in which most of its regions are painted, so that a labeller that knows the colours
is mostly right. Label maps hold every kind of value that the real ones do.
"""

import sys
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

COCO_GAPS = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
CLASSES = {"voc20": 20, "context59": 59, "coco-stuff": 171, "cityscapes": 19, "ade20k": 150}
PICTURES = 3  # of each
IGNORED = 255


def colours(classes: int) -> NDArray[np.uint8]:
    """A colour for each class, uint8 (K, 3)."""
    steps = np.arange(216) * 127 % 216
    cube = np.stack([steps // 36, steps // 6 % 6, steps % 6], axis=1) * 51
    return cube[:classes].astype(np.uint8)


def draw(dataset: str, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture, uint8 (H, W, 3), and the class of each of its pixels, uint8 (H, W)."""
    classes = CLASSES[dataset]
    random = np.random.default_rng([classes, number])
    size = (32, 64) if dataset == "cityscapes" else [(36, 48), (48, 36), (33, 50)][number]
    fields = random.integers(0, classes, (4, 4), dtype=np.uint8)
    truth = np.kron(fields, np.ones((16, 16), np.uint8))[: size[0], : size[1]]
    odd = np.kron(random.random((16, 16)) < 0.1, np.ones((4, 4), bool))[: size[0], : size[1]]
    picture = colours(classes)[np.where(odd, (truth + 1) % classes, truth)]
    truth[random.random(size) < 0.05] = IGNORED
    return picture, truth


def make_datasets(root: Path) -> Path:
    """Write all five below a folder."""
    voc, context = root / "VOC2012", root / "VOCdevkit" / "VOC2010"
    _write_listed("voc20", voc, voc / "SegmentationClass", voc / "ImageSets" / "Segmentation")
    folders = (context / "SegmentationClassContext", context / "ImageSets" / "SegmentationContext")
    _write_listed("context59", context, *folders)
    for number in range(PICTURES):
        picture, truth = draw("coco-stuff", number)
        folder, name = root / "coco_stuff164k", f"{139 + 100 * number:012d}"
        _save(picture, folder / "images" / "val2017" / f"{name}.jpg")
        raw = np.array([i for i in range(182) if i not in COCO_GAPS] + [IGNORED] * 85, np.uint8)
        _save(truth, folder / "annotations" / "val2017" / f"{name}_labelTrainIds.png")
        _save(raw[truth], folder / "annotations" / "val2017" / f"{name}.png")

        picture, truth = draw("cityscapes", number)
        city = ("frankfurt", "lindau", "munster")[number]
        folder, name = root / "cityscapes", f"{city}_{number:06d}_{10 * number:06d}"
        _save(picture, folder / "leftImg8bit" / "val" / city / f"{name}_leftImg8bit.png")
        raw = np.array([*CITYSCAPES_IDS, *[4] * 237], np.uint8)  # 4 is not scored
        _save(truth, folder / "gtFine" / "val" / city / f"{name}_gtFine_labelTrainIds.png")
        _save(raw[truth], folder / "gtFine" / "val" / city / f"{name}_gtFine_labelIds.png")

        picture, truth = draw("ade20k", number)
        folder, name = root / "ADEChallengeData2016", f"ADE_val_{number + 1:08d}"
        _save(picture, folder / "images" / "validation" / f"{name}.jpg")
        _save(_one_up(truth), folder / "annotations" / "validation" / f"{name}.png")
    return root


def _write_listed(dataset: str, root: Path, labels: Path, lists: Path) -> None:
    """The layouts of PASCAL: a list of names, and more pictures than it names."""
    names = [f"2007_{33 + number:06d}" for number in range(PICTURES)]
    for number, name in enumerate(names):
        picture, truth = draw(dataset, number)
        _save(picture, root / "JPEGImages" / f"{name}.jpg")
        values = _one_up(truth)
        if dataset == "voc20":
            values[truth == IGNORED] = IGNORED  # the white rims of objects; the background is 0
            values[:4, :4] = 0
        _save(values, labels / f"{name}.png", palette=True)
    _save(picture, root / "JPEGImages" / "2008_000001.jpg")
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("".join(f"{name}\n" for name in names))


def _one_up(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(truth == IGNORED, 0, truth + 1).astype(np.uint8)


def _save(pixels: NDArray[np.uint8], path: Path, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = PIL.Image.fromarray(pixels)
    if palette:
        picture.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
    picture.save(path, **({"quality": 95, "subsampling": 0} if path.suffix == ".jpg" else {}))


if __name__ == "__main__":
    make_datasets(Path(sys.argv[1]))
