"""The formulas as they are written, for the tests of what computes them otherwise."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # of `straightforward`, which the benchmark imports as well
