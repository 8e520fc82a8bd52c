"""Tables and the chart."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from terralex.evaluation.eo import (
    DatasetReport,
    Figure,
    Table,
    find_datasets,
    markdown,
    report_tables,
)
from terralex.reports.benchmark_chart import draw_benchmark
from terralex.reports.tables import render_tables


@pytest.fixture
def reports(made: Path) -> list[DatasetReport]:
    eurosat, ben, rsicd = find_datasets(made / "msclip", ["EuroSAT_MS", "BigEarthNet_MS", "RSICD"])

    def report(found: object, figures: list[Figure]) -> DatasetReport:
        return DatasetReport(found, "plain", tuple(figures), 30, (), ("a | remark",), 1.0)  # type: ignore[arg-type]

    nan = float("nan")
    return [
        report(
            eurosat,
            [
                Figure("top1", 0.5, 30, interval=(0.4, 0.6)),
                Figure("map@100_published", 0.25, 30, interval=(0.2, 0.3)),
                Figure("map@100", nan, 30, interval=(nan, nan)),
            ],
        ),
        report(ben, [Figure("multilabel_accuracy", 0.61, 30, interval=(0.6, 0.62))]),
        report(rsicd, [Figure("text_to_image_r@10", 0.3, 150, interval=(0.2, 0.4))]),
    ]


def test_figures_stand_beside_published_ones(reports: list[DatasetReport]) -> None:
    classes, sentences, beside = report_tables(reports, "ours")
    assert classes.headings == ("data set", "split", "pictures", "accuracy", "mAP@100, published", "mAP@100")
    assert classes.rows[0] == ("EuroSAT_MS", "all", "30", "50.0 (40.0–60.0)", "25.0 (20.0–30.0)", "–")
    assert classes.rows[1] == ("BigEarthNet_MS", "test", "30", "61.0 (60.0–62.0)", "", "")
    assert "EuroSAT_MS, BigEarthNet_MS: a | remark." in classes.notes, "what holds for several is said once"
    assert sentences.headings[3:] == ("to image R@10",)
    table = {row[0]: row[1:] for row in beside.rows}
    assert beside.headings[1:3] == ("EuroSAT_MS accuracy", "BigEarthNet_MS accuracy")
    assert table["ours"] == ("50.0 (40.0–60.0)", "61.0 (60.0–62.0)", "25.0 (20.0–30.0)", "")
    assert table["Llama3-MS-CLIP"] == ("67.9", "59.6", "63.0", "35.6")
    assert table["GeoRSCLIP"][0] == "~52.8"
    assert any("arXiv 2503.15969" in note and "~: not printed" in note for note in beside.notes)


def test_nothing_published_is_no_table(reports: list[DatasetReport]) -> None:
    assert [table.title for table in report_tables(reports[2:], "ours")] == [
        "ours: pictures and sentences find each other"
    ]


def test_pages_hold_what_names_hold() -> None:
    table = Table("<b>", ("a|b", "n"), 1, (("<script>", "1"),), ("x & y",))
    page = markdown([table], "title", "chart.png")
    assert "| a/b | n |\n| --- | ---: |\n| <script> | 1 |" in page
    assert "![title](chart.png)" in page

    seen: set[str] = set()

    class Text(HTMLParser):
        def handle_starttag(self, tag: str, attributes: object) -> None:
            seen.add(tag)

    text = Text()
    text.feed(render_tables([table], "<title>", b"PNG"))
    assert not {"script", "b"} & seen
    assert re.search(r'<td class="word">&lt;script&gt;</td><td>1</td>', render_tables([table], "", None))


def test_a_chart_has_a_panel_a_metric(reports: list[DatasetReport]) -> None:
    def size(content: bytes) -> tuple[int, int]:
        return Image.open(io.BytesIO(content)).size

    whole, few = draw_benchmark(reports, "ours"), draw_benchmark(reports[2:], "ours $a_b$")
    colours = np.asarray(Image.open(io.BytesIO(whole)).convert("RGB")).reshape(-1, 3)
    for colour in ((0x2F, 0x6F, 0xB0), (0xE8, 0x79, 0x2E)):  # ours, and Llama3-MS-CLIP
        assert (colours == colour).all(axis=1).sum() > 1000
    assert size(few)[1] < size(whole)[1]
    assert size(draw_benchmark([], "ours"))[0] > 0
