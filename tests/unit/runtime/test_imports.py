import os
import subprocess
import sys
from pathlib import Path

import terralex

HEAVY = ("numpy", "pandas", "pyarrow", "torch")


def test_the_room_opens_without_heavy_libraries() -> None:
    """Every command imports it, also just to show its help."""
    program = f"import sys, terralex.runtime; print([name for name in {HEAVY} if name in sys.modules])"
    environment = os.environ | {"PYTHONPATH": str(Path(terralex.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
