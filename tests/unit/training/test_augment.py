import pytest
import torch

from terralex.runtime.errors import UsageError
from terralex.training.augment import (
    Draws,
    crop_and_turn,
    cut_and_turn,
    drop_bands,
    mix,
    render,
    vary_light,
)


def draws(seed: int, count: int, part: slice = slice(None)) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), count, part)


def test_crops_come_in_the_eight_orientations() -> None:
    ramp = torch.linspace(0, 1, 16)
    picture = (ramp[:, None] + 0.3 * ramp)[None, None].expand(80, 1, 16, 16)
    eight = torch.cat(
        [torch.rot90(p, k, (2, 3)) for p in (picture[:1], picture[:1].flip(3)) for k in range(4)]
    )
    turned = crop_and_turn(picture, 16, 1.0, draws(0, 80), upright=False)
    nearest = (turned[:, None] - eight[None]).abs().mean(dim=(2, 3, 4)).min(dim=1)
    assert set(nearest.indices.tolist()) == set(range(8))
    assert nearest.values.max() < 0.1  # all that is left is the stretch


def test_crops_have_the_size_asked_for_and_stay_in_range() -> None:
    out = crop_and_turn(torch.rand(5, 3, 40, 40), 32, 0.3, draws(1, 5), upright=False)
    assert out.shape == (5, 3, 32, 32)
    assert 0 <= out.min() <= out.max() <= 1


def test_light_never_goes_below_zero_and_varies_by_picture() -> None:
    out = vary_light(torch.full((4, 3, 8, 8), 100.0), 0.3, draws(2, 4))
    assert out.min() >= 0
    assert len(out.mean(dim=(1, 2, 3)).unique()) == 4


def test_without_gain_light_and_colour_stay() -> None:
    pictures = torch.rand(100, 3, 4, 4)
    torch.testing.assert_close(vary_light(pictures, 0.0, draws(2, 100)), pictures)
    coloured = vary_light(pictures, 0.3, draws(2, 100)).std(dim=1).mean(dim=(1, 2)) > 1e-6
    assert 0.8 < coloured.float().mean() < 1


def test_a_rendering_ends_at_white_and_keeps_the_order() -> None:
    pixels = torch.linspace(0, 9000, 64).reshape(1, 1, 8, 8).expand(50, 3, 8, 8)
    out, rendered = render(pixels, (2, 1, 0), white=5000.0, chance=0.5, draws=draws(3, 50))
    assert 0 < rendered.sum() < 50
    assert (out[~rendered] == pixels[~rendered]).all()
    assert out[rendered].max() <= 5000
    assert (out[rendered].flatten(2).diff() >= 0).all()


def test_a_dark_picture_stays_dark_when_rendered() -> None:
    pixels = torch.full((50, 3, 8, 8), 100.0)
    out, _ = render(pixels, (2, 1, 0), white=5000.0, chance=1.0, draws=draws(4, 50))
    assert out.max() < 0.25 * 5000


def test_dropped_bands_are_at_the_mean_and_rgb_stays() -> None:
    rgb_only = torch.tensor([True, False, False])
    out = drop_bands(torch.ones(3, 10, 2, 2), (2, 1, 0), rgb_only, 0.0, draws(4, 3))
    assert out[0, :3].eq(1).all()
    assert out[0, 3:].eq(0).all()
    assert out[1:].eq(1).all()
    none = torch.zeros(200, dtype=torch.bool)
    halved = drop_bands(torch.ones(200, 10, 1, 1), (2, 1, 0), none, 1.0, draws(5, 200))
    assert 0.4 < halved.mean() < 0.6


def test_mixing_says_how_much_is_left() -> None:
    own_values = torch.zeros(2, 1, 64, 64)
    own_values[1] = 1.0
    for seed in range(10):
        mixed, own = mix(own_values, torch.tensor([1, 0]), torch.Generator().manual_seed(seed))
        assert abs(float(mixed[1].mean()) - own) < 1e-5


def test_upright_pictures_are_mirrored_and_never_turned() -> None:
    ramp = torch.linspace(0, 1, 16)
    picture = (ramp[:, None] + 0.3 * ramp)[None, None].expand(40, 1, 16, 16)
    turned = crop_and_turn(picture, 16, 1.0, draws(6, 40), upright=True)
    downwards, sideways = turned.mean(dim=(1, 3)).diff() > 0, turned.mean(dim=(1, 2)).diff() > 0
    assert downwards.all(), "up is up"
    assert 0 < sideways.all(dim=1).sum() < 40


def test_a_part_of_a_batch_varies_as_it_does_in_the_whole() -> None:
    """So that a run of two processes sees what a run of one does."""
    pixels = torch.rand(6, 3, 20, 20)
    whole = vary_light(crop_and_turn(pixels, 16, 0.5, (d := draws(7, 6)), upright=False), 0.3, d)
    half = slice(3, 6)
    part = vary_light(crop_and_turn(pixels[half], 16, 0.5, (d := draws(7, 6, half)), upright=False), 0.3, d)
    torch.testing.assert_close(part, whole[half])


def test_crops_that_are_not_resampled_are_parts_of_the_picture_in_any_orientation() -> None:
    pictures = torch.arange(6 * 2 * 9 * 9.0).reshape(6, 2, 9, 9)
    seen = set()
    for seed in range(40):
        for picture, crop in zip(
            pictures, cut_and_turn(pictures, 4, draws(seed, 6), upright=False), strict=True
        ):
            assert crop.shape == (2, 4, 4)
            row, column = divmod(int(crop[0].min() - picture[0, 0, 0]), 9)
            part = picture[:, row : row + 4, column : column + 4]
            turns = [turned for k in range(4) for turned in _both(part.rot90(k, (1, 2)))]
            orientation = [k for k, turned in enumerate(turns) if torch.equal(crop, turned)]
            assert orientation, "all bands at once, and no pixel made up"
            seen.add((orientation[0], row, column))
    assert len({k for k, _, _ in seen}) == 8
    assert {row for _, row, _ in seen} == set(range(6))


def _both(part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return part, part.flip(2)


def test_upright_crops_are_mirrored_alone_and_those_of_processes_are_those_of_one() -> None:
    pictures = torch.arange(4 * 1 * 5 * 5.0).reshape(4, 1, 5, 5)

    def crops(part: slice) -> torch.Tensor:
        return cut_and_turn(pictures[part], 3, draws(3, 4, part), upright=True)

    whole = crops(slice(None))
    assert torch.equal(torch.cat([crops(slice(0, 2)), crops(slice(2, 4))]), whole)
    assert all((crop[0, 1:, 0] > crop[0, :-1, 0]).all() for crop in whole), "up is up"


def test_crops_cannot_be_cut_out_of_smaller_pictures() -> None:
    with pytest.raises(UsageError, match="crops of 6 pixels cannot be cut out of pictures of 5"):
        cut_and_turn(torch.zeros(1, 1, 5, 5), 6, draws(0, 1), upright=False)
