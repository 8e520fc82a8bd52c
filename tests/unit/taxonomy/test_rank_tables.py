"""Tables with a column for each rank, and chains, as real files."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from terralex.runtime import UsageError
from terralex.synthetic.life import make_tree_of_life
from terralex.taxonomy import RANKS, make_taxonomy, read_taxonomy

CATS = (
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "Felis", "catus"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "Felis", "silvestris lybica"),
)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_all_forms_of_a_table_are_one_taxonomy(tmp_path: Path) -> None:
    tree = make_tree_of_life(5, (2, 2, 1, 2, 1, 2, 2), two_word_epithets=True)
    rows = tree.rows()
    lines = [RANKS, *(tuple(row.values()) for row in rows)]
    expected = list(make_taxonomy(tuple(row.values()) for row in rows).lineages())
    write(tmp_path / "a.csv", "\n".join(map(",".join, lines)))
    write(tmp_path / "b.tsv", "\n".join(map("\t".join, lines)))
    write(tmp_path / "c.csv", "\r\n".join(map(";".join, lines)) + "\r\n", "utf-8-sig")
    write(tmp_path / "d.txt", "\n".join(map("\t".join, lines)))
    (tmp_path / "e.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "f.parquet")
    categories = pa.table({name: pa.array([row[name] for row in rows]).dictionary_encode() for name in RANKS})
    pq.write_table(categories, tmp_path / "g.parquet")
    for path in sorted(tmp_path.iterdir()):
        assert list(read_taxonomy(path).lineages()) == expected, path.name
        assert read_taxonomy(str(path)).ranks == RANKS


@pytest.mark.parametrize(
    "header",
    [
        "kingdom,phylum,class,order,family,genus,species",
        "Kingdom, PHYLUM ,Class,Order,Family,Genus,Species Epithet",
        "dwc:kingdom,division,cls,order,family,genus,specificEpithet",
    ],
)
@pytest.mark.parametrize("species", ["catus", "Felis catus", "F. catus", "  Felis  catus "])
def test_spellings_of_columns_and_species(tmp_path: Path, header: str, species: str) -> None:
    cells = [*CATS[0][:-1], species]
    path = write(tmp_path / "list.csv", f"x,{header}\n1,{','.join(cells)}\n")
    assert list(read_taxonomy(path).lineages()) == [CATS[0]]


@pytest.mark.parametrize("form", ["taxon_{}_name", "{}Name", "taxon_{}", "scientific {}", "{} (Latin)"])
def test_columns_with_more_than_a_rank_in_their_names(tmp_path: Path, form: str) -> None:
    header = ",".join(form.format(rank) for rank in RANKS)
    cells = ",".join(["ANIMALIA", *CATS[0][1:-1], "Felis catus"])
    taxonomy = read_taxonomy(write(tmp_path / "list.csv", f"id,{header},subfamilyName\n1,{cells},x\n"))
    assert list(taxonomy.lineages()) == [CATS[0]]
    assert "the column subfamilyName is not read" in str(taxonomy.report)


def test_one_column_of_class_names_is_no_taxonomy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column that names a rank"):
        read_taxonomy(write(tmp_path / "list.csv", "file,class_name\na.png,dog\n"))


def test_a_status_beside_ranks_counts(tmp_path: Path) -> None:
    text = "genus,species,taxonomicStatus\nFelis,catus,accepted\nFelis,domestica,synonym\n"
    assert list(read_taxonomy(write(tmp_path / "a.csv", text)).lineages()) == [("Felis", "catus")]


def test_a_table_without_headings_is_no_taxonomy(tmp_path: Path) -> None:
    text = "1\t\\N\tKINGDOM\tAnimalia\n2\t1\tPHYLUM\tChordata\n"
    for name in ("a.tsv", "a.txt"):
        with pytest.raises(UsageError, match=f"{name} has no line of headings: .*'PHYLUM'"):
            read_taxonomy(write(tmp_path / name, text))


def test_a_list_of_names(tmp_path: Path) -> None:
    text = "# seen\nCanis lupus Linnaeus, 1758\n\nMentha × piperita L.\nCanis lupus\nVulpes\n"
    taxonomy = read_taxonomy(write(tmp_path / "names.txt", text))
    assert list(taxonomy.lineages()) == [("Canis", "lupus"), ("Mentha", "× piperita"), ("Vulpes", "")]
    assert str(taxonomy.report) == (
        "4 rows read, 3 leaves; 1 rows repeat others; 1 of one word end at the genus, such as 'Vulpes'"
    )
    for line in ("red fox", "1;Canis lupus", "12 Canis lupus", "Animalia,Chordata"):
        with pytest.raises(UsageError, match=r"names\.txt"):
            read_taxonomy(write(tmp_path / "names.txt", f"{line}\n"))


QUOTED = "kingdom\tgenus\tcommon_name\nAnimalia\tFelis\t{}\nAnimalia\tPuma\t{}\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (QUOTED.format('"the ""house"" cat"', "cougar"), ['the "house" cat', "cougar"]),
        (QUOTED.format('"house" cat', '"cougar"'), ['"house" cat', '"cougar"']),
        (QUOTED.format('the "house" cat', '5" long'), ['the "house" cat', '5" long']),
        (QUOTED.format('"two\nlines"', '"tab\there"'), ["two lines", "tab here"]),
        (
            '"kingdom"\t"genus"\t"common_name"\n"1"\t"Animalia"\t"Felis"\t"the \\"house\\" cat"\n'
            '"2"\t"Animalia"\t"Puma"\t"cougar"\n',
            ['the "house" cat', "cougar"],
        ),
        (
            '"kingdom","genus","common_name"\n"1","Animalia","Felis","a"\n"2","Animalia","Puma","b"\n',
            ["a", "b"],
        ),
    ],
    ids=["pandas", "darwin core", "marks inside", "lines and tabs", "R", "R with commas"],
)
def test_dialects_of_tables(tmp_path: Path, text: str, names: list[str]) -> None:
    for name, content in (("a.tsv", text.encode()), ("a.tsv.gz", gzip.compress(text.encode()))):
        (tmp_path / name).write_bytes(content)
        taxonomy = read_taxonomy(tmp_path / name)
        assert list(taxonomy.lineages()) == [("Animalia", "Felis"), ("Animalia", "Puma")]
        assert sorted(taxonomy.common.values(), key=names.index) == names


def test_the_epithet_column_is_preferred_and_so_is_cls(tmp_path: Path) -> None:
    text = "genus,species_epithet,species,cls,class\nFelis,catus,Felis catus,Mammalia,a label\n"
    taxonomy = read_taxonomy(write(tmp_path / "list.csv", text))
    assert taxonomy.ranks == ("class", "genus", "species")
    assert list(taxonomy.lineages()) == [("Mammalia", "Felis", "catus")]


def test_missing_names_quotes_and_common_names(tmp_path: Path) -> None:
    text = (
        "kingdom,class,genus,species,common_name\n"
        "Animalia,NA,Emys,orbicularis,\n"
        '\nAnimalia,,Felis,catus,"cat, the ""house"" one"\n'
        "Animalia,nan,Felis,,None\n"
    )
    taxonomy = read_taxonomy(write(tmp_path / "list.csv", text))
    assert list(taxonomy.lineages()) == [
        ("Animalia", "", "Emys", "orbicularis"),
        ("Animalia", "", "Felis", ""),
        ("Animalia", "", "Felis", "catus"),
    ]
    assert list(taxonomy.common.values()) == ['cat, the "house" one']
    assert taxonomy.source_rows.tolist() == [0, 2, 1]


def test_a_list_of_pictures_names_each_species_once(tmp_path: Path) -> None:
    rows = "".join(f"{n},Animalia,Felis,{'catus' if n % 3 else 'silvestris'}\n" for n in range(3000))
    taxonomy = read_taxonomy(write(tmp_path / "pictures.csv", f"file,kingdom,genus,species\n{rows}"))
    assert len(taxonomy) == 2
    assert taxonomy.counts.tolist() == [2000, 1000]
    assert taxonomy.source_rows.tolist() == [1, 0]


def test_ranks_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "Fine Name,group,species\noak,tree,x\nrose,shrub,y\n")
    taxonomy = read_taxonomy(path, ranks=["group", "fine name"])
    assert taxonomy.ranks == ("group", "fine name")
    assert list(taxonomy.lineages()) == [("shrub", "rose"), ("tree", "oak")]
    with pytest.raises(UsageError, match=r"no column tribe; it has Fine Name, group, species"):
        read_taxonomy(path, ranks=["group", "tribe"])


def test_chains_may_differ_in_length(tmp_path: Path) -> None:
    chains = ["food => fruit => red apple", "", "food=>fruit", "animal => None"]
    path = write(tmp_path / "chains.txt", "\n".join(chains))
    taxonomy = read_taxonomy(path)
    assert taxonomy.ranks == ("level 1", "level 2", "level 3")
    assert list(taxonomy.lineages()) == [
        ("animal", "None", ""),
        ("food", "fruit", ""),
        ("food", "fruit", "red apple"),
    ]
    assert read_taxonomy(path, ranks=["a", "b", "c"]).ranks == ("a", "b", "c")
    with pytest.raises(UsageError, match=r"chains\.txt, line 1: 3 names for the 2 ranks"):
        read_taxonomy(path, ranks=["a", "b"])


def test_chains_in_a_table_as_hierarcaps_has_them(tmp_path: Path) -> None:
    text = 'id,captions,image_url\n1,"food => a meal, hot",http://x\n2,food => fruit,http://y\n'
    expected = [("food", "a meal, hot"), ("food", "fruit")]
    assert list(read_taxonomy(write(tmp_path / "a.csv", text)).lineages()) == expected
    text = text.replace("captions,image_url", "positive,negative")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert list(read_taxonomy(tmp_path / "b.csv.gz").lineages()) == expected
    with pytest.raises(UsageError, match=r"c\.csv, line 3: no chain there"):
        read_taxonomy(write(tmp_path / "c.csv", "captions,x\na => b,1\n =>,2\n"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", "kingdom,genus\n", "a.csv names no taxa"),
        ("a.csv", "file,label\nx,y\n", "no column that names a rank .* it has file, label"),
        ("a.csv", "kingdom,genus\nA,B\n\nA,B,C\n", "a.csv, line 4: 3 cells, but the header has 2; put"),
        ("a.tsv", "kingdom\tgenus\nA\n", "a.tsv, line 2: 1 cells, but the header has 2"),
        ("a.csv", 'kingdom,x\n"A\nB",1\n\n,2\n', "a.csv, line 5: no name in any of the columns kingdom"),
        ("a.csv", "kingdom,Kingdom\nA,B\n", "two columns kingdom and Kingdom"),
        ("a.csv", b"kingdom,genus\nA,\xe9\n", "a.csv is not UTF-8 text"),
        ("a.csv", b"\xff\xfek\0i\0", "a.csv is not UTF-8 text"),
        ("a.csv.gz", b"no gzip", "a.csv.gz cannot be read: Not a gzipped file"),
        ("a.parquet", b"PAR1 but not really", "a.parquet is no Parquet file"),
        ("a.npy", b"", "pass the .json file of the same name"),
        ("a.zip", b"", "unpack it"),
        ("a.nwk", b"(a,b);", "columns id, name, parent_id"),
        ("a.pdf", b"", "a taxonomy is a .csv"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=message) as caught:
        read_taxonomy(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_what_is_wrong_with_a_parquet_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({"kingdom": ["A", None]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match=r"a\.parquet, row 2: no name"):
        read_taxonomy(tmp_path / "a.parquet")
    pq.write_table(pa.table({"kingdom": [["A"]]}), tmp_path / "b.parquet")
    with pytest.raises(UsageError, match=r"b\.parquet: a column is no text"):
        read_taxonomy(tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-40])
    with pytest.raises(UsageError, match=r"c\.parquet is no Parquet file"):
        read_taxonomy(tmp_path / "c.parquet")


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_compressed_table_that_was_cut_off(tmp_path: Path, kept: float) -> None:
    rows = "".join(f"Animalia,{number * 7919 % 10007}\n" for number in range(5000))
    packed = gzip.compress(f"kingdom,species\n{rows}".encode())
    (tmp_path / "a.csv.gz").write_bytes(packed[: int(len(packed) * kept)])
    with pytest.raises(UsageError, match=r"a\.csv\.gz (cannot be read|is damaged)"):
        read_taxonomy(tmp_path / "a.csv.gz")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.csv does not exist"):
        read_taxonomy(tmp_path / "absent.csv")
