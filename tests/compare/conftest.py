"""Makes the reference exchange and the kernel's venue importable side by side."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "reference"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
