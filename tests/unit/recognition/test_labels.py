from pathlib import Path

import pytest

from terralex.recognition import labels_from_arguments, load_labels, load_queries
from terralex.runtime import UsageError


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> str:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return str(path)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["water", "forest"], ["water", "forest"]),
        (["water,forest, built-up area ,"], ["water", "forest", "built-up area"]),
        (["water,forest", "town"], ["water", "forest", "town"]),
        (["  snow   and ice "], ["snow and ice"]),
        (["Quercus robur L."], ["Quercus robur L."]),
    ],
)
def test_labels_as_typed(values: list[str], expected: list[str]) -> None:
    assert labels_from_arguments(values) == {label: (label,) for label in expected}


def test_a_text_file_has_a_label_a_line(tmp_path: Path) -> None:
    path = write(tmp_path, "labels.txt", "# land cover\nwater\n\n forest, mixed \n#town\n", "utf-8-sig")
    assert list(labels_from_arguments([path, "snow"])) == ["water", "forest, mixed", "snow"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("water, forest, snow and ice\n", ["water", "forest", "snow and ice"]),
        ("# cover\nwater; forest, mixed\n", ["water", "forest, mixed"]),
        ("label\nwater\nforest, mixed\n", ["water", "forest, mixed"]),
        ("id\tlabel\n1\twater\n2\tforest, mixed\n", ["water", "forest, mixed"]),
        ("a single label\n", ["a single label"]),
    ],
)
def test_text_files_as_people_write_them(tmp_path: Path, text: str, labels: list[str]) -> None:
    assert list(load_labels(write(tmp_path, "labels.txt", text))) == labels


@pytest.mark.parametrize(
    "text",
    [
        "path: ../data\ntrain: images/train\nval: images/val\nnc: 2\nnames: [water, forest]\n",
        "train: images\nnames:\n  0: water\n  1: forest\n",
        "1: forest\n0: water\n",
        "- water\n- forest\n",
        "classes: [water, forest]\n",
        "labels:\n  - water\n  - forest\n",
        "water:\nforest:\n",
    ],
)
def test_a_yaml_file_has_a_list_or_a_mapping(tmp_path: Path, text: str) -> None:
    assert load_labels(write(tmp_path, "labels.yaml", text)) == {"water": ("water",), "forest": ("forest",)}


def test_a_label_may_have_several_phrases(tmp_path: Path) -> None:
    path = write(tmp_path, "labels.yml", "water: [river, lake]\ntown: houses\n1: one\n")
    expected = {"water": ("river", "lake"), "town": ("houses",), "1": ("one",)}
    assert load_labels(path) == expected
    assert load_labels({"water": ["river", "lake"], "town": ["houses"], "1": ["one"]}) == expected


@pytest.mark.parametrize(
    "text",
    [
        'water\n"forest, mixed"\n\n',
        'id,label\n1,water\n2,"forest, mixed"\n',
        'Class,id\nwater,1\n"forest, mixed",2\n',
        'name\nwater\n"forest, mixed"\n',
        "label;group\r\nwater;a\r\nforest, mixed;b\r\n",
        "group\tlabel\na\twater\nb\tforest, mixed\n",
        'labels\nwater\n"forest, mixed"\n',
        'id,Class Names\n1,water\n2,"forest, mixed"\n',
        'species\nwater\n"forest, mixed"\n',
        ',label\n0,water\n1,"forest, mixed"\n',
        '"label"\n"1","water"\n"2","forest, mixed"\n',
        'water,"forest, mixed"\n',
    ],
)
def test_a_csv_file_has_a_column_of_labels(tmp_path: Path, text: str) -> None:
    assert list(load_labels(write(tmp_path, "labels.csv", text, "utf-8-sig"))) == ["water", "forest, mixed"]


BOMB = "a0: &a0 {x: y}\n" + "".join(
    f"a{i}: &a{i} {{" + ", ".join(f"k{j}: *a{i - 1}" for j in range(9)) + "}\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("empty.txt", "# nothing\n", r"no labels in .*empty\.txt"),
        ("empty.yaml", "", r"no labels in .*empty\.yaml"),
        ("twice.txt", "Forest\nwater\nforest\n", "labels given twice.*Forest / forest"),
        ("twice.yaml", "water: [a]\nforest: [b]\nwater: [c]\n", "keys twice: water"),
        (
            "columns.csv",
            "id,animal\n1,Puma concolor\n",
            "name a column label or class or name; there are id, animal",
        ),
        (
            "comma.csv",
            "label\nwater\nforest, dense\nsnow\n",
            r"comma\.csv, line 3: 2 cells, but the header has 1",
        ),
        ("short.csv", "id,label\n1,water\n2\n", r"short\.csv, line 3: 1 cells"),
        ("data.yaml", "train: a\nval: b\nnc: 3\n", "without the names of its classes"),
        ("gap.csv", "id,label\n1,\n", r"gap\.csv is empty"),
        ("quote.csv", 'label\n"water\n', "not a valid CSV"),
        ("no.yaml", "[yes, no]\n", "True is not a name"),
        ("broken.yaml", "[water\n", "not valid YAML"),
        ("date.yaml", "2020-13-45: x\n", "not valid YAML"),
        ("deep.yaml", "[" * 3000 + "]" * 3000, "not valid YAML"),
        ("circle.yaml", "a: &a {b: *a}\n", "uses an alias"),
        ("bomb.yaml", BOMB, "uses an alias"),
        ("number.yaml", "5\n", "a list of names"),
        ("bare.yaml", "water: []\n", "'water' has no phrase"),
    ],
)
def test_a_file_that_makes_no_sense_says_why(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        labels_from_arguments([write(tmp_path, name, text)])


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([], "no labels; pass --labels"),
        ([", ,"], "no labels; pass --labels"),
        (["water", ""], "a label is empty"),
        (["water,Forest", "forest"], "given twice: Forest / forest"),
        (["missing.txt"], r"missing\.txt does not exist"),
        (["water,missing.yaml"], r"missing\.yaml does not exist"),
        (["a missing, file.csv", "water"], r"file\.csv does not exist"),
    ],
)
def test_labels_as_typed_that_make_no_sense(values: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        labels_from_arguments(values)


def test_a_file_of_another_kind_is_no_label(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.txt, \.yaml or \.csv file"):
        labels_from_arguments([write(tmp_path, "labels.json", "[]")])


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_labels(path)


def test_one_word_is_no_set_of_labels() -> None:
    with pytest.raises(UsageError, match="not 'water'"):
        load_labels("water")


def test_queries_are_phrases(tmp_path: Path) -> None:
    assert load_queries(write(tmp_path, "q.txt", "a river, winding\na town\n")) == [
        "a river, winding",
        "a town",
    ]
    assert load_queries(write(tmp_path, "q.yaml", "queries: [a river, a town]")) == ["a river", "a town"]
    assert load_queries(write(tmp_path, "q.csv", "id,query\n1,a river\n")) == ["a river"]
    assert load_queries(write(tmp_path, "one.txt", "a river, winding\n")) == ["a river, winding"]
    with pytest.raises(UsageError, match="no queries"):
        load_queries(write(tmp_path, "none.txt", ""))
