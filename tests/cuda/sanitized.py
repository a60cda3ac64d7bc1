"""Runs saved cases against a library built with sanitizers: python sanitized.py LIBRARY FOLDER. Exits with a sanitizer's report, or 0."""

import ctypes
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from cases import load, run

library = ctypes.CDLL(sys.argv[1])
faults = [fault for case in load(Path(sys.argv[2])) if (fault := run(library, case, seed=3))]
sys.exit("\n".join(faults) or None)
