from pathlib import Path

import numpy as np
import pytest

from terralex.runtime.errors import UsageError
from terralex.synthetic import LAND_NAMES
from terralex.training.spectra import RealSpectra

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
WATER = [950, 740, 500, 480, 400, 390, 330, 330, 190, 130]
TREES = [870, 750, 580, 880, 1760, 2080, 2100, 2300, 1450, 780]
RNG = np.random.default_rng


@pytest.fixture
def points(tmp_path: Path) -> Path:
    spectra = np.array([WATER, TREES, TREES], np.float32)  # the last is labelled as water, and is not
    short = [band.replace("B0", "B") for band in BANDS]
    np.savez(tmp_path / "points.npz", spectra=spectra, label=np.array([0, 1, 0]), bands=np.array(short))
    return tmp_path / "points.npz"


def test_spectra_that_contradict_their_label_are_left_out(points: Path) -> None:
    spectra = RealSpectra(points, BANDS)
    assert spectra.of_label["water"].tolist() == [WATER]
    assert spectra.of_label["trees"].tolist() == [TREES]


def test_made_land_gets_the_mean_of_a_real_spectrum_and_keeps_its_texture(points: Path) -> None:
    spectra = RealSpectra(points, BANDS)
    labels = np.full((8, 8), LAND_NAMES.index("water"), np.uint8)
    labels[:, 4:] = LAND_NAMES.index("snow")
    pixels = RNG(0).uniform(500, 600, (10, 8, 8)).astype(np.float32)
    painted = spectra.recolour(pixels, labels, RNG(1))
    shortwave, made = (values[BANDS.index("B11")] for values in (painted, pixels))
    assert shortwave[:, :4].mean() == pytest.approx(190, abs=12), "of which the air may have added ten"
    assert shortwave[:, 4:].mean() == pytest.approx(made[:, 4:].mean(), abs=12), "snow keeps its own"
    shade = shortwave[:, :4] / made[:, :4]
    assert shade.std() < 0.02 * shade.mean()


def test_a_photograph_gets_the_infrared_of_land_of_its_colour(points: Path) -> None:
    spectra = RealSpectra(points, BANDS)
    to_8_bits = 255 / 2750
    rgb = np.zeros((3, 4, 4), np.uint8)
    for half, spectrum in ((np.s_[:, :, :2], WATER), (np.s_[:, :, 2:], TREES)):
        rgb[half] = (np.array(spectrum)[[2, 1, 0], None, None] * to_8_bits).round()
    painted = spectra.from_rgb(rgb, ("water", "trees"), RNG(0))
    infrared = painted[BANDS.index("B08")]
    assert painted.shape == (10, 4, 4)
    assert infrared[:, :2].mean() < infrared[:, 2:].mean()
    with pytest.raises(UsageError, match="no spectra are labelled 'lava'"):
        spectra.from_rgb(rgb, ("lava",), RNG(0))


def test_wrong_files_say_what_is_wrong(points: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no band B01"):
        RealSpectra(points, ("B01",))
    (tmp_path / "other.npz").write_text("nothing")
    with pytest.raises(UsageError, match="holds no labelled spectra"):
        RealSpectra(tmp_path / "other.npz", BANDS)
