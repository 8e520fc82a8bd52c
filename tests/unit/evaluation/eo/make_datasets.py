"""Small copies of the data sets in the exact layouts that they come in: `python make_datasets.py DIR`.

`DIR/msclip` has them as MS-CLIP's DATASETS.md has them, `DIR/official` as their downloads and torchgeo unpack
them. Every value says where it is from: picture `i` of class `k` has in band `B0n` the digital number
`400 + 100 n + 10 k + i` all over, B8A being band 13, but B10, the cirrus band, is always 5 + k.
"""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import rasterio
from numpy.typing import NDArray

L1C = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
L2A = tuple(band for band in L1C if band != "B10")
EUROSAT = (*L1C[:8], *L1C[9:], "B8A")  # the official order
SIZES = {10: 24, 20: 12, 60: 4}  # pixels a side
METRES = {**dict.fromkeys(L1C, 20), **dict.fromkeys(("B02", "B03", "B04", "B08"), 10)} | dict.fromkeys(
    ("B01", "B09", "B10"), 60
)

EUROSAT_CLASSES = (
    *("AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial", "Pasture", "PermanentCrop"),
    *("Residential", "River", "SeaLake"),
)
METER_CLASSES = (
    *("CAFOs", "Landfills", "Mines", "Negative", "ProcessingPlants", "RefineriesAndTerminals", "WWTreatment"),
)
FOREST_CLASSES = ("Grassland shrubland", "Other", "Plantation", "Smallholder agriculture")
PICTURES = 3  # of a class; the first is in no list of test pictures
SPLITS = ("train", "val", "test")

Planes = NDArray[np.uint16]


def value(band: str, k: int, i: int) -> int:
    """The digital number of a band in picture `i` of class `k`."""
    if band == "B10":
        return 5 + k
    return 400 + 100 * (13 if band == "B8A" else int(band[1:])) + 10 * k + i


def planes(bands: Sequence[str], k: int, i: int, size: int = 12) -> Planes:
    """A picture, (bands, size, size)."""
    return np.stack([np.full((size, size), value(band, k, i), np.uint16) for band in bands])


def colours(k: int, i: int, size: int = 12) -> NDArray[np.uint8]:
    """A picture in red, green and blue, (size, size, 3)."""
    return np.full((size, size, 3), (10 * k, 100 + i, 200 - 10 * k), np.uint8)


def write_raster(path: Path, pixels: Planes, metres: int = 10) -> None:
    """A GeoTIFF with a band a plane, and nothing that says what they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = pixels.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width,
        height=height,
        count=count,
        dtype=pixels.dtype,
        crs="EPSG:32632",
        transform=rasterio.Affine(metres, 0, 500000, 0, -metres, 5000000),
    ) as file:
        file.write(pixels)


def write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    """A picture; its ending decides the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(
        path, **({"quality": 95, "subsampling": 0} if path.suffix == ".jpg" else {})
    )


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def make_eurosat(msclip: Path, official: Path) -> None:
    zipped = (
        official / "eurosat" / "ds" / "images" / "remote_sensing" / "otherDatasets" / "sentinel_2" / "tif"
    )
    for k, name in enumerate(EUROSAT_CLASSES):
        for i in range(1, PICTURES + 1):
            write_raster(msclip / "EuroSAT_MS" / name / f"{name}_{i}.tif", planes(EUROSAT, k, i))
            write_raster(msclip / "EuroSAT_MS_sequential" / name / f"{name}_{i}.tif", planes(L1C, k, i))
            write_raster(zipped / name / f"{name}_{i}.tif", planes(EUROSAT, k, i))
            write_picture(msclip / "EuroSAT_RGB" / name / f"{name}_{i}.jpg", colours(k, i))
            write_picture(official / "2750" / name / f"{name}_{i}.jpg", colours(k, i))
    # torchgeo's lists name JPEG files, for both kinds of picture
    names = {i: [f"{name}_{i}.jpg" for name in EUROSAT_CLASSES] for i in range(1, PICTURES + 1)}
    for folder in (official, official / "eurosat"):
        write_lines(folder / "eurosat-train.txt", names[1])
        write_lines(folder / "eurosat-test.txt", [*names[2], *names[3]])


def make_scenes(msclip: Path, official: Path) -> None:
    """RESISC45, of which these have three classes, and AID."""
    for k, name in enumerate(("airplane", "baseball_diamond", "sea_ice")):
        for i in range(1, PICTURES + 1):
            write_picture(msclip / "RESISC45_RGB" / name / f"{name}_{i:03d}.jpg", colours(k, i))
            write_picture(official / "NWPU-RESISC45" / name / f"{name}_{i:03d}.jpg", colours(k, i))
    listed = [f"{name}_{i:03d}.jpg" for name in ("airplane", "baseball_diamond", "sea_ice") for i in (2, 3)]
    write_lines(official / "resisc45-test.txt", listed)
    for k, name in enumerate(("BareLand", "Center", "StorageTanks")):
        for i in range(1, PICTURES + 1):
            write_picture(msclip / "AID_RGB" / name / f"{name.lower()}_{i}.jpg", colours(k, i))
            write_picture(official / "AID" / name / f"{name.lower()}_{i}.jpg", colours(k, i))


def make_meter_ml(msclip: Path, official: Path) -> None:
    features: list[Mapping[str, object]] = []
    root = official / "METER-ML"
    for k, name in enumerate(METER_CLASSES):
        for i in range(1, PICTURES + 1):
            write_raster(msclip / "METERML_MS" / name / f"{i}.tif", planes(L2A, k, i))
            write_raster(msclip / "METERML_RGB" / name / f"{i}.tif", planes(L2A, k, i))
            write_picture(msclip / "METERML_NAIP" / name / f"{i}.png", colours(k, i))
            folder = f"test_images/{30 + k}.5_-{90 + i}.25"
            place = {"type": "Point", "coordinates": [-90 - i, 30 + k]}
            properties = {"Image_Folder": folder, "Type": name if i < PICTURES else f"{name}-Mines"}
            features.append({"type": "Feature", "geometry": place, "properties": properties})
            write_meter_ml_picture(root / folder, k, i)
    collection = {"type": "FeatureCollection", "features": features}
    (root / "test_dataset.geojson").write_text(json.dumps(collection))


def write_meter_ml_picture(folder: Path, k: int, i: int) -> None:
    """A folder of METER-ML: NAIP as a PNG with infrared in the place of alpha, Sentinel-2 as three arrays."""
    naip = np.dstack([colours(k, i, 48), np.zeros((48, 48), np.uint8)])  # no infrared: not transparent
    write_picture(folder / "naip.png", naip)
    by_metres = {
        10: ("B04", "B03", "B02", "B08"),
        20: ("B05", "B06", "B07", "B8A", "B11", "B12"),
        60: ("B01", "B09", "B10"),
    }
    for metres, bands in by_metres.items():
        pixels = planes(bands, k, i, SIZES[metres]).transpose(1, 2, 0)
        np.save(folder / f"sentinel-2-{metres}m.npy", pixels)


def make_forestnet(msclip: Path, official: Path) -> None:
    for root, ending in ((msclip / "ForestNet_RGB", "_csv"), (official / "ForestNetDataset", ".csv")):
        rows: dict[str, list[list[object]]] = {split: [] for split in SPLITS}
        for k, name in enumerate(FOREST_CLASSES):
            for i, split in enumerate(SPLITS):
                path = f"examples/{k}.{i}_110.5"
                write_picture(root / path / "images" / "visible" / "composite.png", colours(k, i))
                rows[split].append(["Oil palm plantation", name, k, 110.5, 2010, path])
        for split, found in rows.items():
            with (root / f"{split}{ending}").open("w", newline="") as file:
                out = csv.writer(file)
                out.writerow(["label", "merged_label", "latitude", "longitude", "year", "example_path"])
                out.writerows(found)


PATCHES = (  # labels of version 1, and which of the 19 classes they are
    (["Continuous urban fabric", "Water bodies"], ["Urban fabric", "Inland waters"]),
    (["Coniferous forest", "Airports", "Peatbogs"], ["Coniferous forest", "Inland wetlands"]),
    (["Dump sites"], []),
    (["Sea and ocean", "Estuaries"], ["Marine waters"]),
)


def make_bigearthnet(msclip: Path, official: Path) -> None:
    first: dict[int, str] = {i: f"S2A_MSIL2A_20170613T101031_{i}_48" for i in range(len(PATCHES))}
    second = {i: f"S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_{i}_48" for i in range(len(PATCHES))}
    for i, (old, _) in enumerate(PATCHES):
        for folder in (msclip / "BigEarthNet" / "sentinel-2", official / "BigEarthNet-v1.0"):
            write_patch(folder / first[i], i)
            about = {"labels": old, "projection": "", "acquisition_date": "2017-06-13 10:10:31"}
            (folder / first[i] / f"{first[i]}_labels_metadata.json").write_text(json.dumps(about))
        tile = official / "v2" / "BigEarthNet-S2" / second[i].rsplit("_", 2)[0]
        write_patch(tile / second[i], i)
    for root in (msclip / "BigEarthNet", official):
        write_lines(root / "bigearthnet-train.csv", [f"{first[0]},S1_{first[0]}"])
        write_lines(root / "bigearthnet-val.csv", [])
        write_lines(root / "bigearthnet-test.csv", [f"{first[i]},S1_{first[i]}" for i in (1, 2, 3)])
    table = {
        "patch_id": [second[i] for i in range(4)],
        "labels": [new or ["Mixed forest"] for _, new in PATCHES],
        "split": ["train", "test", "validation", "test"],
    }
    pq.write_table(pa.table(table), official / "v2" / "metadata.parquet")


def write_patch(folder: Path, i: int) -> None:
    """A patch of BigEarthNet: a file a band, each with its own size of pixels."""
    for band in L2A:
        metres = METRES[band]
        write_raster(folder / f"{folder.name}_{band}.tif", planes([band], 0, i, SIZES[metres]), metres)


def make_captions(msclip: Path, official: Path) -> None:
    for root, name, images, ending in (
        (msclip, "dataset_rsicd.json", "RSICD_images", "jpg"),
        (official / "UCM_captions", "dataset.json", "imgs", "tif"),
    ):
        entries = []
        for i in range(4):
            write_picture(root / images / f"{i}.{ending}", colours(i, i))
            sentences = [{"raw": f"sentence {s} on picture {i} .", "tokens": []} for s in range(5)]
            split = "train" if i == 0 else "test"
            entries.append({"filename": f"{i}.{ending}", "imgid": i, "sentences": sentences, "split": split})
        (root / name).write_text(json.dumps({"images": entries, "dataset": "made"}))


def make_datasets(root: Path) -> Path:
    """Write all of them below a folder."""
    msclip, official = root / "msclip", root / "official"
    for make in (make_eurosat, make_scenes, make_meter_ml, make_forestnet, make_bigearthnet, make_captions):
        make(msclip, official)
    return root


if __name__ == "__main__":
    make_datasets(Path(sys.argv[1]))
