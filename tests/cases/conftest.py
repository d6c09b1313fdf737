"""Makes the reference exchange importable and gives the tests a small case to change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

REFERENCE = str(Path(__file__).resolve().parents[1] / "reference")
if REFERENCE not in sys.path:
    sys.path.insert(0, REFERENCE)

SMALL = """
title = "A trade"
clauses = ["ORD-01"]

[rules]
preset = "conformance"

[[feeds]]
name = "T"
tick = 0.1
index = 100

[[perpetuals]]
name = "T-PERP"
feed = "T"
margin = { base = 0.05, factor = 0, base_m = 0.05, factor_m = 0 }

[[events]]
name = "E"

[accounts]
alice = { USDC = 1_000 }
bob = { USDC = 1_000 }

[[step]]
trade = { instrument = "T-PERP", buyer = "alice", seller = "bob", price = 100, size = 2 }

[[step]]
mark = { T-PERP = 103 }
[step.expect]
positions.alice = { T-PERP = { size = 2, entry = 100 } }
equity = { alice = 1_006, bob = 994 }
events = [{ kind = "MARK", instrument = "T-PERP", price = 103 }]
"""


@pytest.fixture
def small() -> str:
    return SMALL
