from made_tree_of_life import BEAR, HYBRID

from terralex.taxonomy import folder_lineage
from terralex.training.treeoflife.catalog import Naming, folder_name, number_species


def test_names_of_folders_are_read_back() -> None:
    name = folder_name(7, BEAR)
    assert name == "000007_Animalia_Chordata_Mammalia_Carnivora_Ursidae_Ursus_arctos syriacus"
    assert folder_lineage(name) == BEAR


def test_names_of_folders_stay_in_their_folder() -> None:
    name = folder_name(1, ("..", "a/b", "c\\d", "e\nf", "g_h", "\x00", HYBRID[-1]))
    assert name == "000001_.._a-b_c-d_e-f_g-h_-_× pip-er-ita"
    long = folder_name(2, (*BEAR[:-1], "é" * 300))
    assert len(long.encode()) <= 255
    assert folder_lineage(long)[:6] == BEAR[:6]


def test_numbers_depend_on_the_names_alone() -> None:
    one = {"EOL": Naming([1, 2], [BEAR, HYBRID], ["", ""])}
    two = {"EOL": Naming([9], [HYBRID], [""]), "iNat21": Naming([5, 1], [HYBRID, BEAR], ["", ""])}
    assert number_species(one) == number_species(two) == {BEAR: 1, HYBRID: 2}
