"""The formulas as they are written, for the tests of what computes them otherwise."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "dense"))  # of `straightforward`
