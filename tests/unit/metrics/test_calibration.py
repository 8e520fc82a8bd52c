from pathlib import Path

import pytest
import torch
from scipy.stats import binom
from torch import Tensor

from terralex.metrics.calibration import LEVELS, Calibration, calibrate
from terralex.metrics.confidence import (
    expected_calibration_error,
    fit_confidence,
    map_confidence,
    risk_coverage,
    stopping_places,
    upper_bound,
)
from terralex.runtime import TerralexError, UsageError

RANKS = ("kingdom", "genus", "species")


def drawn(n: int, seed: int = 0, temperature: float = 2.0) -> tuple[Tensor, Tensor]:
    """Confidences that fall with the rank, too sure by a temperature, and whether each was right."""
    generator = torch.Generator().manual_seed(seed)
    confidence = torch.rand(n, 3, generator=generator).sort(dim=1, descending=True).values
    truth = (confidence.double().logit() / temperature + torch.tensor([1.0, 0.0, -0.5])).sigmoid()
    return confidence, torch.rand(n, 3, generator=generator) < truth


def test_the_map_finds_the_temperature_that_was_put_in() -> None:
    confidence, correct = drawn(40_000)
    for column, offset in enumerate((1.0, 0.0, -0.5)):
        temperature, found = fit_confidence(confidence[:, column], correct[:, column])
        assert temperature == pytest.approx(2, rel=0.1)
        assert found == pytest.approx(offset, abs=0.07)


def test_the_map_keeps_certainty_out_and_order_in() -> None:
    sure = torch.full((50,), 0.99)
    temperature, offset = fit_confidence(sure, torch.ones(50, dtype=torch.bool))
    assert map_confidence(sure[:1, None], [temperature], [offset]).item() < 0.99
    against = torch.linspace(0.05, 0.95, 200)
    temperature, _ = fit_confidence(against, against < 0.5)
    assert temperature > 0, "confidence that misleads is ignored, never turned round"
    assert fit_confidence(torch.full((5,), torch.nan), torch.ones(5, dtype=torch.bool)) == (1.0, 0.0)


def test_calibration_makes_confidence_mean_what_it_says() -> None:
    result = calibrate(*drawn(20_000), RANKS)
    assert result.count == 10_000
    assert all(before > 0.04 for before in result.errors_before)
    assert all(after < 0.02 for after in result.errors_after)


def test_expected_calibration_error_by_hand() -> None:
    confidence = torch.tensor([0.9, 0.9, 0.2, torch.nan])
    correct = torch.tensor([True, False, False, True])
    assert expected_calibration_error(confidence, correct) == pytest.approx((0.8 + 0.2) / 3, abs=1e-6)


def test_answers_stop_at_the_finest_rank_that_is_sure() -> None:
    confidence = torch.tensor(
        [[0.9, 0.8, 0.3], [0.4, 0.2, 0.1], [0.9, torch.nan, 0.85], [0.6, 0.9, torch.nan]]
    )
    assert stopping_places(confidence, 0.8).tolist() == [1, -1, 2, 1]


def test_counts_are_those_of_stopping() -> None:
    confidence, correct = drawn(2_000)
    result = calibrate(confidence, correct, RANKS, seed=3)
    test = torch.randperm(2_000, generator=torch.Generator().manual_seed(3))[1_000:]
    level = 40
    places = stopping_places(result.apply(confidence[test]), LEVELS[level])
    assert result.stopped[level] == tuple(int((places == place).sum()) for place in (-1, 0, 1, 2))
    wrong = sum(
        not correct[i, place] for i, place in zip(test.tolist(), places.tolist(), strict=True) if place >= 0
    )
    assert result.wrong[level] == wrong


def test_a_threshold_keeps_its_promise_on_new_pictures() -> None:
    broken = 0
    for seed in range(40):
        result = calibrate(*drawn(2_000, seed), RANKS)
        threshold = result.threshold(0.2)
        confidence, correct = drawn(4_000, 1_000 + seed)
        places = stopping_places(result.apply(confidence), threshold)
        answered = places >= 0
        assert answered.double().mean() > 0.4
        right = correct.gather(1, places.clamp(min=0)[:, None])[:, 0]
        broken += bool((~right[answered]).double().mean() > 0.2)
    assert broken <= 5, "with 95 % certainty about two of forty"


def test_what_nobody_can_check_teaches_nothing_and_counts_as_wrong() -> None:
    """A picture that is known to its genus alone does not make a wrong species into a right genus."""
    confidence, correct = drawn(2_000)
    known = torch.ones_like(correct)
    known[::2, 2] = False
    result = calibrate(confidence, correct, RANKS, known=known)
    assert result.errors_after[2] < 0.06, "of those that are known"
    other = calibrate(confidence, correct ^ ~known, RANKS, known=known)
    assert repr(other) == repr(result), "whatever is said of them"
    test = torch.randperm(2_000, generator=torch.Generator().manual_seed(0))[1_000:]
    level = len(LEVELS) - 1
    places = stopping_places(result.apply(confidence[test]), LEVELS[level])
    right = (correct & known)[test].gather(1, places.clamp(min=0)[:, None])[:, 0]
    assert result.wrong[level] == int((~right[places >= 0]).sum())
    assert result.stopped[level][3] > 900, "they are answered like all others"


def test_a_laxer_error_gives_more_answers() -> None:
    result = calibrate(*drawn(8_000), RANKS)
    assert result.threshold(0.3) < result.threshold(0.2) < result.threshold(0.12)


def test_what_cannot_be_promised_is_said() -> None:
    generator = torch.Generator().manual_seed(0)
    guesses = torch.rand(400, 3, generator=generator)
    result = calibrate(guesses, torch.rand(400, 3, generator=generator) < 0.3, RANKS)
    message = r"no threshold keeps the error at 0\.1 with 95% .* 200 pictures; the least .* is 0\.\d+:"
    with pytest.raises(UsageError, match=message):
        result.threshold(0.1)
    for error in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(UsageError, match="give one between 0 and 1"):
            result.threshold(error)
    with pytest.raises(UsageError, match="too few to calibrate"):
        calibrate(*drawn(19), RANKS)


def test_the_bound_is_clopper_and_pearsons() -> None:
    for wrong, answered in ((0, 10), (3, 50), (40, 1_000)):
        bound = upper_bound(wrong, answered)
        assert binom.cdf(wrong, answered, bound) == pytest.approx(0.05, rel=1e-6)
    assert upper_bound(0, 0) == upper_bound(7, 7) == 1


def test_risk_and_coverage_by_hand() -> None:
    coverage, risk = risk_coverage(
        torch.tensor([0.5, 0.9, 0.7, 0.7]), torch.tensor([False, True, False, True])
    )
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk.tolist() == [0, pytest.approx(1 / 3), 0.5]


def test_the_curve_has_coverage_risk_and_ranks() -> None:
    result = calibrate(*drawn(4_000), RANKS)
    rows = result.curve()
    coverages = [row["coverage"] for row in rows]
    assert coverages == sorted(coverages)
    for row in rows:
        assert row["risk"] <= row["bound"]
        assert sum(row[rank] for rank in RANKS) == pytest.approx(row["coverage"])


def test_it_reads_back_as_it_was_written(tmp_path: Path) -> None:
    confidence, correct = drawn(200)
    confidence[:, 1] = torch.nan
    result = calibrate(
        confidence, correct, RANKS, model="tiny", revision="ab", taxonomy="cd", templates=("a {c}",)
    )
    assert result.errors_before[1] != result.errors_before[1]
    path = tmp_path / "calibration.json"
    result.save(path)
    again = Calibration.load(path)
    assert repr(again) == repr(result)
    assert again.threshold(0.5) == result.threshold(0.5)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "model": "x"}', "\xff"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(TerralexError, match="is no calibration that this version reads") as refused:
        Calibration.load(path)
    assert "__init__" not in str(refused.value)
    with pytest.raises(UsageError, match="cannot read"):
        Calibration.load(tmp_path / "absent.json")


def test_a_file_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    calibrate(*drawn(100), RANKS).save(path)
    text = path.read_text()
    path.write_text(text.replace('["kingdom", "genus", "species"]', '["kingdom", "genus"]'))
    with pytest.raises(TerralexError, match="do not fit together"):
        Calibration.load(path)
    for start, end in (('"temperatures": [', "-"), ('"wrong": [', "9")):
        path.write_text(text.replace(start, start + end))
        with pytest.raises(TerralexError, match="its numbers are impossible"):
            Calibration.load(path)
