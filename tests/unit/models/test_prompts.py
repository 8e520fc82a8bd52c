from pathlib import Path

import pytest

from terralex.models import fill, load_templates, template_names
from terralex.runtime.errors import UsageError


@pytest.mark.parametrize(
    ("name", "count"),
    [("msclip", 50), ("openai", 80), ("bioclip", 81), ("rs5m", 105), ("clip-eurosat", 3), ("plain", 1)],
)
def test_shipped_sets(name: str, count: int) -> None:
    templates = load_templates(name)
    assert len(templates) == len(set(templates)) == count


def test_every_shipped_set_loads() -> None:
    assert all(load_templates(name) for name in template_names())


def test_labels_are_put_in_verbatim() -> None:
    assert fill(["a {c}, and {c} {d}", "{c}"], "{c} 100 %") == ["a {c} 100 %, and {c} 100 % {d}", "{c} 100 %"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("mine.txt", "\ufeffa map of {c}\n\n  {c} from above \n"),
        ("mine.yaml", "- a map of {c}\n- '{c} from above'\n"),
        ("mine.yml", "templates: ['a map of {c}', '{c} from above']\n"),
    ],
)
def test_own_files(tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / file).write_text(content, encoding="utf-8")
    assert load_templates(tmp_path / file) == ("a map of {c}", "{c} from above")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("mine.txt", "", "holds no prompt templates"),
        ("mine.txt", "a map\n", r"'a map' has no \{c\}"),
        ("mine.yaml", "[1", "is not valid YAML"),
        ("mine.yaml", "- 2026-13-01", "is not valid YAML"),
        ("mine.yaml", "a: b", "holds no prompt templates"),
        ("mine.yaml", "- 3", r"3 has no \{c\}"),
        ("mine.txt", None, "cannot read"),
    ],
)
def test_mistakes(tmp_path: Path, file: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / file).write_text(content)
    with pytest.raises(UsageError, match=message):
        load_templates(str(tmp_path / file))


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"'mclip'.*did you mean msclip.*openai"):
        load_templates("mclip")
