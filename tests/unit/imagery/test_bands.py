import pytest
from hypothesis import given
from hypothesis import strategies as st

from terralex.imagery import Bands, load_orders, load_sensors
from terralex.imagery.catalog import fold
from terralex.runtime.errors import InputError, UsageError


@pytest.mark.parametrize(
    ("text", "names", "sensor"),
    [
        ("B02,B03,B04,B08", ("B02", "B03", "B04", "B08"), "sentinel-2-l2a"),
        (" b2 , b8a ", ("B02", "B8A"), "sentinel-2-l2a"),
        ("B8A,B10", ("B8A", "B10"), "sentinel-2-l1c"),
        ("red,green,blue", ("red", "green", "blue"), "rgb"),
        ("NIR,red,green", ("nir", "red", "green"), "naip"),
        ("landsat-8-9:red,nir", ("SR_B4", "SR_B5"), "landsat-8-9"),
        ("sentinel-2-l2a:red,nir,swir1", ("B04", "B08", "B11"), "sentinel-2-l2a"),
        ("SR_B6", ("SR_B6",), "landsat-8-9"),
        ("landsat-7:SR_B4", ("SR_B4",), "landsat-7"),
        ("msclip", ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"), "sentinel-2-l2a"),
    ],
)
def test_parse(text: str, names: tuple[str, ...], sensor: str) -> None:
    assert Bands.parse(text) == Bands(names, sensor)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("erosat", "did you mean eurosat"),
        ("B99", "unknown bands 'B99'"),
        ("", "named orders are .*eurosat"),
        ("moon:B02", "unknown sensor 'moon'.*sentinel-2-l1c"),
        ("swir1", "write sentinel-2-l2a:swir1 or .*landsat-8-9:swir1"),
        ("SR_B4", "write landsat-8-9:SR_B4 or landsat-4-5:SR_B4 or landsat-7:SR_B4"),
        ("B04,B05", "write sentinel-2-l2a:B04,B05 or .*hls-l30:B04,B05"),
        ("B2,B3", "several sensors"),
        ("red,red", "each once"),
        ("B8A,SR_B1", "no sensor has all"),
    ],
)
def test_parse_tells_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Bands.parse(text)


def test_eurosat_has_b8a_last_and_known_units() -> None:
    eurosat, sequence = Bands.parse("eurosat"), Bands.parse("sentinel-2-l1c")
    assert eurosat.names[-1] == "B8A"
    assert sequence.names[8] == "B8A"
    assert sorted(eurosat) == sorted(sequence)
    assert eurosat.implied_units == "dn"
    assert sequence.implied_units is None


@pytest.mark.parametrize("name", list(load_sensors()))
def test_sensor_files_are_sound(name: str) -> None:
    sensor = load_sensors()[name]
    names = [band.name for band in sensor.bands]
    assert len({band.common for band in sensor.bands}) == len(names)
    assert all(set(order.bands) <= set(names) and order.note for order in sensor.orders)
    assert any(order.name == name for order in sensor.orders), "a sensor's own name is an order"
    words = [{fold(own) for own in (band.name, band.common, *band.aliases)} for band in sensor.bands]
    assert len(set.union(*words)) == sum(map(len, words)), "no word is of two bands"


@pytest.mark.parametrize("name", ["sentinel-2-l2a", "sentinel-2-l1c", "landsat-8-9"])
def test_wavelengths_ascend_in_sequence(name: str) -> None:
    wavelengths = Bands.parse(name).wavelengths
    assert None not in wavelengths
    assert list(wavelengths) == sorted(wavelengths, key=lambda value: value or 0)


def test_red_is_red_on_every_sensor() -> None:
    for order in load_orders().values():
        bands = Bands(order.bands, order.sensor)
        place = bands.index(["red"])[0]
        assert 600 < (bands.wavelengths[place] or 0) < 700
        assert bands.common[place] == "red"


def test_index_finds_names_aliases_and_roles() -> None:
    bands = Bands.parse("eurosat")
    assert bands.index(["B8A", "red", "swir2", "b2"]) == [12, 3, 11, 1]
    assert "nir08" in bands
    assert "B13" not in bands
    assert 3 not in bands
    with pytest.raises(InputError, match="no band B10, B09 here; there are red, green, blue"):
        Bands.parse("rgb").index(["red", "B10", "B09"])


def test_bands_of_no_known_sensor_keep_their_names() -> None:
    bands = Bands(("VV", "VH"))
    assert bands.index(["vh"]) == [1]
    assert bands.wavelengths == (None, None)
    assert str(bands) == "VV,VH"


def test_bands_are_named_once_and_of_known_sensors() -> None:
    with pytest.raises(UsageError, match="named twice"):
        Bands(("B02", "B02"), "sentinel-2-l2a")
    with pytest.raises(UsageError, match="unknown sensor 'hubble'"):
        Bands(("B02",), "hubble")


@given(st.permutations(load_orders()["sentinel-2-l1c"].bands), st.data())
def test_selecting_is_by_name_whatever_the_order(names: list[str], data: st.DataObject) -> None:
    bands = Bands(tuple(names), "sentinel-2-l1c")
    wanted = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    selected = bands.select(wanted)
    assert list(selected) == wanted
    assert [names[place] for place in bands.index(wanted)] == wanted
    assert [bands.wavelengths[place] for place in bands.index(wanted)] == list(selected.wavelengths)
    assert Bands.parse(f"sentinel-2-l1c:{bands}") == bands
