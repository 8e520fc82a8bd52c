"""A small TreeOfLife-10M, with everything in it that has gone wrong in the large one."""

import io
import json
import random
import sqlite3
import tarfile
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import PIL.Image

CAT = ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "Felis", "catus")
BEAR = ("Animalia", "Chordata", "Mammalia", "Carnivora", "Ursidae", "Ursus", "arctos syriacus")
OAK = ("Plantae", "Tracheophyta", "Magnoliopsida", "Fagales", "Fagaceae", "Quercus", "robur")
HYBRID = ("Plantae", "Tracheophyta", "Magnoliopsida", "Lamiales", "Lamiaceae", "Mentha", "× pip/er_ita")
FLY = ("Animalia", "Arthropoda", "Insecta", "Diptera", "Phoridae", "Megaselia", "scalaris")
RARE = ("Animalia", "Mollusca", "Bivalvia", "Unionida", "Unionidae", "Cyclonaias", "tuberculata")
RARE_KIND = (*RARE[:-1], "tuberculata parva")  # a subspecies of it
SPECIES = sorted([CAT, BEAR, OAK, HYBRID, FLY, RARE, RARE_KIND])

_MODES = ("RGB", "L", "LA", "P", "RGBA", "CMYK", "I;16", "1")


@dataclass
class _Made:
    """Rows for the mapping, and names for the lookups."""

    random: random.Random
    rows: dict[str, list[tuple[object, ...]]] = field(default_factory=lambda: {"split": []})

    def identifier(self, number: int) -> str:
        """Of the next picture, which is put into a split: every fifth is for validation."""
        name = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        self.rows["split"].append((name, int(number % 5 == 4), int(number % 5 == 1)))
        return name


def picture(seed: int, mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> bytes:
    """The bytes of a picture in a form that has this mode."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*size[::-1], 4), np.uint8)
    if mode == "I;16":
        image = PIL.Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    elif mode == "RGBA":
        image = PIL.Image.fromarray(pixels)
    else:
        image = PIL.Image.fromarray(pixels[..., :3]).convert(mode)
    file = io.BytesIO()
    image.save(file, "JPEG" if mode in ("RGB", "L", "CMYK") else "PNG")
    return file.getvalue()


def make_source(folder: Path, per_part: int = 16, archives: int = 2) -> Path:
    """Make it: archives of EOL, two parts of BIOSCAN, classes of iNaturalist, the catalogue, rare species."""
    made = _Made(random.Random(7))
    for name in ("metadata/naming", "dataset/eol", "dataset/bioscan", "dataset/inat21/train", "rarespecies"):
        (folder / name).mkdir(parents=True)
    rare_picture = _make_eol(folder, made, per_part, archives)
    _make_bioscan(folder, made, per_part)
    _make_inat21(folder, made, per_part)
    _write_mapping(folder / "metadata" / "mapping.sqlite", made)
    unseen = {"-".join(RARE): [f"./images/{rare_picture}_eol-full-size-copy.jpg"]}
    seen = {" ".join(CAT[-2:]): [f"images/{rare_picture}_eol-full-size-copy.jpg"]}
    (folder / "rarespecies" / "unseen_in_training.json").write_text(json.dumps(unseen))
    (folder / "rarespecies" / "seen_in_training.json").write_text(json.dumps(seen))
    return folder


def _make_eol(folder: Path, made: _Made, per_part: int, archives: int) -> str:
    """Archives of pictures named by identifier; content and page of one of a cat."""
    pages = {
        11: (CAT, "house cat"),
        12: (("Metazoa", *(name.lower() for name in BEAR[1:])), ""),  # to be put right
        13: (HYBRID, None),
        14: (RARE, "purple wartyback"),
        15: (RARE_KIND, ""),
        16: ((*CAT[:-1], ""), "some cat"),  # no species: left out
    }
    rows, held = [], ""
    for number in range(archives):
        with tarfile.open(folder / "dataset" / "eol" / f"image_set_{number + 1:02d}.tar.gz", "w:gz") as tar:
            for i in range(per_part):
                content, page = 1000 * number + i, (11, 12, 13, 14, 15, 16)[i % 6]
                name = made.identifier(i)
                rows.append((content, page, name))
                if page == 11 and i % 5 != 4:
                    held = held or f"{content}_{page}"
                place = ("", "image_set/", "../../../")[i % 3]  # the last one would lead out of the folder
                _add(tar, f"{place}{name}.jpg", picture(content, _MODES[i % len(_MODES)]))
            _add(tar, "notes.txt", b"no picture")
            _add(tar, f"{uuid.UUID(int=number)}.jpg", picture(0))  # not in the mapping
    (folder / "dataset" / "eol" / "README.txt").write_text("archives")
    made.rows["eol"] = rows
    _write_names(folder, "eol", {str(page): names for page, names in pages.items()})
    return held


def _make_bioscan(folder: Path, made: _Made, per_part: int) -> None:
    rows, names = [], {}
    for part in (1, 2):
        place = folder / "dataset" / "bioscan" / f"part{part}"
        place.mkdir()
        for i in range(per_part):
            name = made.identifier(i)
            rows.append((part, f"{i}.jpg", name))
            names[name] = (FLY if i % 4 else RARE, "")
            (place / f"{i}.jpg").write_bytes(picture(50 * part + i))
    made.rows["bioscan"] = rows
    _write_names(folder, "bioscan", names)


def _make_inat21(folder: Path, made: _Made, per_part: int) -> None:
    rows, names = [], {}
    for number, lineage in enumerate((CAT, OAK)):
        class_name = "_".join(lineage)
        place = folder / "dataset" / "inat21" / "train" / f"{number:05d}_{class_name}"
        place.mkdir()
        names[str(number)] = (lineage, "")
        for i in range(per_part):
            rows.append((f"{i}.jpg", class_name, number, made.identifier(i)))
            if i != 3:  # one that is listed is not there
                (place / f"{i}.jpg").write_bytes(b"torn" if i == 2 else picture(900 + 50 * number + i))
    made.rows["inat21"] = rows
    _write_names(folder, "inat21", names)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _write_names(folder: Path, table: str, names: dict[str, tuple[tuple[str, ...], str | None]]) -> None:
    content = {key: [list(lineage), common, []] for key, (lineage, common) in names.items()}
    path = folder / "metadata" / "naming" / f"{table}_name_lookup.json"
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_mapping(path: Path, made: _Made) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(
            """CREATE TABLE eol (content_id INT, page_id INT, evobio10m_id TEXT NOT NULL PRIMARY KEY);
            CREATE TABLE inat21 (filename TEXT, cls_name TEXT, cls_num INT, evobio10m_id TEXT PRIMARY KEY);
            CREATE TABLE bioscan (part INT, filename TEXT, evobio10m_id TEXT NOT NULL PRIMARY KEY);
            CREATE TABLE split (evobio10m_id TEXT PRIMARY KEY, is_val INTEGER, is_train_small INTEGER);"""
        )
        for table, rows in made.rows.items():
            database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
