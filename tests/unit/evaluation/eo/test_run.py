"""Whole runs: figures as computed by hand, bad pictures, and runs that are cut off."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from terralex.evaluation.eo import DatasetReport, Found, Settings, evaluate_eo, find_datasets, fingerprint
from terralex.evaluation.eo.reading import read_sample
from terralex.evaluation.eo.record import record_columns
from terralex.metrics.multilabel import above_others, average_precision
from terralex.models import Model
from terralex.recognition.gallery import read_embeddings
from terralex.runtime import Row, RowSink, open_sink
from terralex.runtime.errors import TerralexError, UsageError


def measure(
    model: Model, found: list[Found], folder: Path, settings: Settings | None = None, resume: bool = False
) -> list[DatasetReport]:
    record, settings = folder / "record.parquet", settings or Settings()
    about, columns = fingerprint(model, found, settings), record_columns(model.embed_dim)
    with open_sink(record, columns, about, resume=resume, overwrite=not resume) as sink:
        return evaluate_eo(model, found, sink, record, settings)


def test_one_label(made: Path, model: Model, tmp_path: Path) -> None:
    """Accuracy and vectors are those of a plain computation with the model."""
    found = find_datasets(made / "official", ["EuroSAT_MS", "METERML_NAIP"])
    first, second = measure(model, found, tmp_path, Settings(templates="plain", batch_size=7))
    images = [read_sample(found[0], sample) for sample in found[0].samples]
    words = [(found[0].dataset.classes or {})[name] for name in found[0].classes]
    scores = model.encode_images(images) @ model.class_weights(words, "plain").T
    truth = torch.tensor(
        [found[0].classes.index(sample.labels[0]) for sample in found[0].samples if sample.labels]
    )
    hits = (scores.argmax(dim=1) == truth).double()
    top1 = first.figure("top1")
    assert top1 is not None
    assert (top1.value, top1.n) == (pytest.approx(float(hits.mean())), 20)
    assert (first.pictures, first.templates, first.errors) == (20, "plain", ())
    assert second.pictures == 14
    assert first.seconds > 0
    blocks = read_embeddings(str(tmp_path / "record.parquet"), model)
    kept = torch.cat([torch.tensor(block.vectors) for block in blocks])
    assert torch.allclose(kept[:20], model.encode_images(images), atol=1e-5), "search reads it as well"


def test_several_labels(made: Path, model: Model, tmp_path: Path) -> None:
    found = find_datasets(made / "official", ["BigEarthNet_MS"])
    (report,) = measure(model, found, tmp_path)
    names = found[0].classes
    shown = torch.zeros(3, 19, dtype=torch.bool)
    shown[0, names.index("Coniferous forest")] = shown[0, names.index("Inland wetlands")] = True
    shown[2, names.index("Marine waters")] = True  # the second picture shows none of the 19
    vectors = model.encode_images([read_sample(found[0], s) for s in found[0].samples])
    scores = vectors @ model.class_weights(names).T
    accuracy, precision = report.figure("multilabel_accuracy"), report.figure("map")
    assert accuracy is not None
    assert precision is not None
    assert accuracy.value == pytest.approx(float((above_others(scores) == shown).double().mean()))
    other = vectors @ model.class_weights(["other features"]).T
    figure = report.figure("multilabel_accuracy_other_features")
    assert figure is not None
    assert figure.value == pytest.approx(float(((scores > other) == shown).double().mean()))
    expected = [average_precision(scores[:, k], shown[:, k]) for k in range(19) if shown[:, k].any()]
    assert precision.value == pytest.approx(sum(expected) / 3)


def test_captions_leave_out_the_sentences_of_bad_pictures(made: Path, model: Model, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(made / "official" / "UCM_captions", data / "UCM_captions")
    (data / "UCM_captions" / "imgs" / "2.tif").write_bytes(b"no picture")
    found = find_datasets(data, ["UCM_captions"])
    (report,) = measure(model, found, tmp_path)
    assert [Path(path).name for path, _ in report.errors] == ["2.tif"]
    to_image, to_text = report.figure("text_to_image_r@1"), report.figure("image_to_text_r@1")
    assert to_image is not None
    assert to_text is not None
    assert (to_image.n, to_text.n) == (10, 2)
    good = [sample for sample in found[0].samples if "2.tif" not in sample.name]
    texts = model.encode_texts([text for sample in good for text in sample.captions])
    scores = model.encode_images([read_sample(found[0], sample) for sample in good]) @ texts.T
    owners = torch.arange(2).repeat_interleave(5)
    assert to_image.value == pytest.approx(float((scores.argmax(dim=0) == owners).double().mean()))
    assert to_text.value == pytest.approx(
        float((owners[scores.argmax(dim=1)] == torch.arange(2)).double().mean())
    )


def test_a_bad_picture_costs_itself(made: Path, model: Model, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(made / "msclip" / "EuroSAT_MS", data / "EuroSAT_MS")
    shutil.copytree(made / "msclip" / "BigEarthNet", data / "BigEarthNet")
    bad = data / "EuroSAT_MS" / "Forest" / "Forest_2.tif"
    bad.write_bytes(b"II*\0 cut off")
    patch = next((data / "BigEarthNet" / "sentinel-2").glob("*_2_48"))
    next(patch.glob("*.json")).write_text('{"labels": ["Volcano"]}')
    eurosat, bigearthnet = measure(model, find_datasets(data, ["EuroSAT_MS", "BigEarthNet_MS"]), tmp_path)
    assert [path for path, _ in eurosat.errors] == [str(bad)]
    assert eurosat.pictures == 29
    assert {figure.n for figure in eurosat.figures if figure.metric in ("top1", "map@100")} == {29}
    (error,) = bigearthnet.errors
    assert error[0] == str(patch)
    assert "its label 'Volcano' is none of BigEarthNet_MS's classes" in error[1]
    assert bigearthnet.pictures == 2


def test_labels_are_not_read_from_elsewhere(made: Path, model: Model, tmp_path: Path) -> None:
    shutil.copytree(made / "msclip" / "BigEarthNet", tmp_path / "BigEarthNet")
    (tmp_path / "BigEarthNet" / "bigearthnet-test.csv").write_text("../../secret\n/etc\n")
    (report,) = measure(model, find_datasets(tmp_path, ["BigEarthNet_MS"]), tmp_path)
    assert all("leads out of the folder" in reason for _, reason in report.errors)
    assert (len(report.errors), report.pictures) == (2, 0)


def test_nothing_can_be_scored(made: Path, model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "EuroSAT_RGB" / "Forest"
    folder.mkdir(parents=True)
    (folder / "Forest_1.jpg").write_text("no picture")
    (report,) = measure(model, find_datasets(tmp_path, ["EuroSAT_RGB"]), tmp_path)
    assert (report.figures, report.pictures, len(report.errors)) == ((), 0, 1)


class Cut(RowSink):
    """A sink that is interrupted after some chunks."""

    def __init__(self, sink: RowSink, after: int) -> None:
        super().__init__(sink._state)
        self._sink, self._after = sink, after

    def write_chunk(self, rows: "list[Row]", failed: int = 0) -> None:  # type: ignore[override]
        if self._after == 0:
            raise KeyboardInterrupt
        self._after -= 1
        self._sink.write_chunk(rows, failed)

    def close(self) -> None:
        self._sink.close()

    def abort(self) -> None:
        self._sink.abort()


def test_a_run_that_was_cut_off_ends_alike(made: Path, model: Model, tmp_path: Path) -> None:
    """Cut within the first data set, at its end, and within the second; what is done is not read again."""
    settings = Settings(batch_size=4)
    found = [
        replace(one, samples=one.samples[::4])
        for one in find_datasets(made / "msclip", ["EuroSAT_MS", "METERML_MS", "RSICD"])
    ]
    assert [len(one.samples) for one in found] == [8, 6, 1]
    whole = measure(model, found, tmp_path, settings)
    for after in (1, 2, 3):
        record = tmp_path / f"{after}" / "record.parquet"
        about, columns = fingerprint(model, found, settings), record_columns(model.embed_dim)
        with pytest.raises(KeyboardInterrupt), Cut(open_sink(record, columns, about), after) as sink:
            evaluate_eo(model, found, sink, record, settings)
        done = replace(found[0], root=tmp_path / "gone") if after > 1 else found[0]
        resumed = measure(model, [done, *found[1:]], record.parent, settings, resume=True)
        assert [repr(report.figures) for report in resumed] == [repr(report.figures) for report in whole]


def test_a_run_is_resumed_with_the_same_settings(made: Path, model: Model, tmp_path: Path) -> None:
    found = find_datasets(made / "msclip", ["EuroSAT_MS"])
    record = tmp_path / "record.parquet"
    columns = record_columns(model.embed_dim)
    about = fingerprint(model, found, Settings(batch_size=8))
    with pytest.raises(KeyboardInterrupt), Cut(open_sink(record, columns, about), 1) as sink:
        evaluate_eo(model, found, sink, record, Settings(batch_size=8))
    with pytest.raises(UsageError, match="begun with other settings"):
        measure(model, found, tmp_path, Settings(batch_size=8, as_published=True), resume=True)


def test_a_run_is_resumed_with_the_same_classes(made: Path, model: Model, tmp_path: Path) -> None:
    """What is in the record is numbers of classes."""
    (found,) = find_datasets(made / "msclip", ["EuroSAT_MS"])
    record, columns = tmp_path / "record.parquet", record_columns(model.embed_dim)
    about = fingerprint(model, [found], Settings(batch_size=8))
    with pytest.raises(KeyboardInterrupt), Cut(open_sink(record, columns, about), 1) as sink:
        evaluate_eo(model, [found], sink, record, Settings(batch_size=8))
    other = replace(found.samples[0], labels=("Forest",))
    for changed in (
        replace(found, classes=found.classes[::-1]),
        replace(found, samples=(other, *found.samples[1:])),
        replace(found, dataset=replace(found.dataset, merge={"Forest": "River"})),
    ):
        with pytest.raises(UsageError, match="begun with other settings"):
            measure(model, [changed], tmp_path, Settings(batch_size=8), resume=True)


def test_no_room_on_the_device(
    made: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "encode_images", full)
    with pytest.raises(TerralexError, match="no room for 30 images at once: use a smaller batch size"):
        measure(model, find_datasets(made / "msclip", ["EuroSAT_MS"]), tmp_path)
