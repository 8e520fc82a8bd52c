"""Every tab of the web page in a browser, from upload to download."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pyogrio
import pytest
import rasterio
from playwright.sync_api import Browser

import terralex
from terralex.imagery import Bands, Grid, Image, write_geotiff

from .conftest import Visit

pytestmark = pytest.mark.long  # a real browser

TABS = ("Identify", "Teach", "Map", "Find", "Space", "Models")


def photo(path: Path, seed: int = 0, size: tuple[int, int] = (48, 64)) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(path)
    return path


def scene(path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(200, 3000, (4, 64, 80), dtype=np.uint16)
    grid = Grid("EPSG:32633", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0), 80, 64)
    bands = Bands(("B02", "B03", "B04", "B08"), "sentinel-2-l2a")
    write_geotiff(Image(pixels, bands, "dn", grid=grid), path)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_identify_pictures_among_labels(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "none.jpg").write_text("no picture")
    files = [photo(tmp_path / "a.png"), photo(tmp_path / "b.png", 1), tmp_path / "none.jpg"]
    visit.tab("Identify")
    visit.upload("identify-files", *files)
    visit.press("identify-run")
    visit.sees("3 of 3 pictures identified")
    visit.page.get_by_role("region", name="Answers").get_by_text("cannot be used").wait_for()
    visit.picture("identify-labels")
    table = rows(visit.download("identify-csv"))
    assert {row["picture"] for row in table} == {"a.png", "b.png", "none.jpg"}
    for name in ("a.png", "b.png"):
        shares = [float(row["probability"]) for row in table if row["picture"] == name]
        assert sum(shares) == pytest.approx(1, abs=1e-3)
        assert shares == sorted(shares, reverse=True)
    assert next(row["error"] for row in table if row["picture"] == "none.jpg")


def test_identify_down_a_taxonomy(visit: Visit) -> None:
    visit.tab("Identify")
    visit.page.locator("#identify-examples button").last.click()
    visit.page.locator("#identify-files").get_by_text("specimen").first.wait_for()
    visit.press("identify-tree")
    visit.page.locator("#identify-taxonomy").get_by_text("species").first.wait_for()
    visit.press("identify-run")
    visit.sees("1 of 1 pictures identified")
    visit.page.get_by_text(re.compile("^kingdom: ")).first.wait_for()
    visit.picture("identify-taxonomy")
    (row,) = rows(visit.download("identify-csv"))
    assert row["kingdom"]
    assert 0 < float(row["probability of species"]) <= float(row["probability of kingdom"]) <= 1


def test_teach_and_use_it_at_once(visit: Visit, tmp_path: Path) -> None:
    visit.tab("Teach")
    visit.press("teach-example")
    visit.sees("15 examples.")
    visit.press("teach-run")
    visit.sees("Learned with")
    visit.picture("teach")
    learned = terralex.load_fit(visit.download("teach-fit"))
    assert set(learned.labels) == {"water", "conifer forest", "crops"}
    visit.tab("Identify")
    visit.page.get_by_role("radio", name="Taught classes").check()
    visit.upload("identify-files", photo(tmp_path / "unknown.png"))
    visit.press("identify-run")
    visit.sees("1 of 1 pictures identified")
    (row, *_) = rows(visit.download("identify-csv"))
    assert row["picture"] == "unknown.png"
    assert row["answer"]


def test_map_a_scene(visit: Visit, tmp_path: Path) -> None:
    visit.tab("Map")
    visit.upload("map-file", scene(tmp_path / "place.tif"))
    visit.sees("place.tif: 80 × 64 pixels, 4 bands, 10 m a pixel")
    visit.press("map-run")
    visit.sees("encoded and drawn in")
    threshold = visit.page.locator("#map-threshold input[type=range]")
    threshold.focus()
    threshold.press("ArrowRight")
    threshold.dispatch_event("pointerup")
    visit.sees("drawn again from the same features")
    visit.page.get_by_role("tab", name="Heat maps").click()
    visit.picture("map-heat")
    visit.page.get_by_role("tab", name="Regions").click()
    visit.picture("map-regions")
    with PIL.Image.open(visit.download("map-png")) as mask:
        assert mask.size == (80, 64)
    with PIL.Image.open(visit.download("map-jpg")) as picture:
        assert picture.width >= 80
    with rasterio.open(visit.download("map-tif")) as raster:
        assert raster.crs.to_epsg() == 32633
        assert raster.transform.to_gdal() == (500_000, 10, 0, 5_000_000, 0, -10)
        counted = np.bincount(raster.read(1).ravel())
    polygons = pyogrio.read_dataframe(visit.download("map-gpkg")) if _has_geopandas() else None
    assert polygons is None or polygons.crs.to_epsg() == 32633
    regions = rows(visit.download("map-csv"))
    assert sum(int(row["pixels"]) for row in regions) <= counted[1:].sum()
    assert all(float(row["hectares"]) == pytest.approx(int(row["pixels"]) / 100, rel=0.01) for row in regions)


def _has_geopandas() -> bool:
    try:
        import geopandas  # noqa: F401
    except ImportError:
        return False
    return True


def test_a_photo_has_no_map_to_download(visit: Visit, tmp_path: Path) -> None:
    visit.tab("Map")
    visit.upload("map-file", photo(tmp_path / "flower.png"))
    visit.sees("flower.png: 64 × 48 pixels")
    visit.press("map-run")
    visit.sees("flower.png with")
    visit.press("map-tif")
    visit.sees("does not say where on the Earth it lies")


def test_find_by_words_and_by_likes(visit: Visit) -> None:
    visit.tab("Find")
    visit.press("find-example")
    visit.sees("16 pictures can be searched")
    visit.page.locator("#find-query input, #find-query textarea").fill("a lake")
    visit.press("find-run")
    visit.sees("16 of 16 pictures")
    first = rows(visit.download("find-csv"))
    assert [int(row["position"]) for row in first] == list(range(1, 17))
    visit.page.locator("#find-gallery .thumbnail-item").nth(15).click()
    visit.press("find-more")
    visit.page.locator(".tx-notes li", has_text="Like: ").wait_for()
    visit.picture("find")
    again = rows(visit.download("find-csv"))
    last = first[-1]["picture"]
    assert [row["picture"] for row in again].index(last) < 15


def test_ask_a_space(visit: Visit) -> None:
    visit.tab("Space")
    visit.press("space-example")
    visit.sees("Ask it something")
    visit.press("space-run")
    visit.sees("places in")
    frame = visit.page.frame_locator(".tx-space iframe")
    frame.locator("#map").wait_for()
    visit.picture("space")
    assert "<canvas" in visit.download("space-html").read_text()
    assert visit.download("space-ply").read_bytes().startswith(b"ply")


def test_models_say_what_they_are_and_what_is_missing(visit: Visit) -> None:
    visit.tab("Models")
    visit.page.locator("#models-card input").click()
    visit.page.get_by_role("option", name="bioclip-2", exact=True).click()
    visit.page.locator("#models-shown").get_by_text("bioclip-2", exact=True).wait_for()
    visit.press("models-use")
    visit.sees("the weights of bioclip-2 are not on this machine")
    visit.press("models-fetch")
    visit.sees("this server works offline")
    visit.picture("models")


def test_everything_came_from_this_machine_and_nothing_failed(visit: Visit, demo: str) -> None:
    outside = [url for url in visit.requests if not url.startswith((demo, "data:", "blob:", "about:"))]
    assert not outside
    assert not [error for error in visit.errors if "favicon" not in error]


def test_sessions_do_not_share_what_they_do(
    browser: Browser, visit: Visit, demo: str, tmp_path: Path
) -> None:
    other = Visit(browser, demo, viewport={"width": 390, "height": 844}, color_scheme="dark")
    other.page.locator("#identify-labels input").fill("a comet")
    other.page.locator("#identify-labels input").press("Enter")
    visit.tab("Identify")
    visit.page.get_by_role("radio", name="Labels", exact=True).check()
    assert "a comet" not in visit.page.locator("#identify-labels").inner_text()
    for visitor, name in ((visit, "mine.png"), (other, "theirs.png")):
        visitor.upload("identify-files", photo(tmp_path / name))
    other.press("identify-run")
    visit.press("identify-run")
    other.sees("1 of 1 pictures identified")
    visit.sees("1 of 1 pictures identified")
    theirs, mine = rows(other.download("identify-csv")), rows(visit.download("identify-csv"))
    assert {row["picture"] for row in theirs} == {"theirs.png"}
    assert {row["picture"] for row in mine} == {"mine.png"}
    _check_phone(other)
    other.page.context.close()


def _check_phone(visitor: Visit) -> None:
    """Nothing is wider than a phone, on any tab."""
    for name in TABS:
        tab = visitor.page.get_by_role("tab", name=name, exact=True)
        if not tab.is_visible():
            visitor.page.locator(".overflow-menu > button").first.click()
            visitor.page.locator(".overflow-dropdown button", has_text=name).click()
        else:
            tab.click()
        visitor.picture(f"phone-{name.lower()}")
        width = visitor.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{name} is {width} pixels wide"


def test_by_keyboard_alone(browser: Browser, demo: str) -> None:
    visitor = Visit(browser, demo, viewport={"width": 1280, "height": 900})
    page = visitor.page
    page.locator("#identify-examples button").first.focus()
    page.keyboard.press("Enter")
    page.locator("#identify-files").get_by_text("water").first.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "identify-run":
            break
    else:
        pytest.fail("the key Tab does not lead to the button Identify")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    visitor.sees("1 of 1 pictures identified")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea')]
        .filter((e) => getComputedStyle(e).visibility === 'visible')
        .filter((e) => e.offsetParent && e.type !== 'hidden' && e.tabIndex >= 0)
        .filter((e) => !(e.innerText || e.ariaLabel || e.title || e.labels?.length || e.placeholder
          || e.getAttribute('aria-labelledby')))
        .map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert not nameless
    page.context.close()


@pytest.mark.long
def test_without_any_network() -> None:
    """The same in a network namespace in which there is this machine alone."""
    unshare = shutil.which("unshare")
    closed = [str(unshare), "--net", "--map-root-user", "sh", "-c"]
    if not unshare or subprocess.run([*closed, "ip link set lo up"], capture_output=True).returncode:
        pytest.skip("this system lets no one make a network namespace")
    tests = f"{Path(__file__)}::test_identify_pictures_among_labels"
    command = f"ip link set lo up && exec {sys.executable} -m pytest -q -p no:cacheprovider -n0 '{tests}'"
    done = subprocess.run([*closed, command], capture_output=True, text=True, env=os.environ, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
