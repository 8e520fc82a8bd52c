import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from made_tree_of_life import make_source


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small TreeOfLife-10M; no test changes it."""
    return make_source(tmp_path_factory.mktemp("data") / "TreeOfLife-10M")
