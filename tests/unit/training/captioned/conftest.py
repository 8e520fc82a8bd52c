import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from made_captioned import make_split


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small split of SSL4EO-S12 v1.1 with its captions; no test changes it."""
    return make_split(tmp_path_factory.mktemp("SSL4EO-S12-v1.1") / "train")
