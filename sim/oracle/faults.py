"""Every kind of fault by name, and the magnitudes of its three severities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sim.oracle.fault import Fault
from sim.oracle.faults_price import Bias, Captured, Clamp, Decimal, Factor, Fork, Noise, Spike
from sim.oracle.faults_supply import Confidence, Drop, Outage
from sim.oracle.faults_time import Deadband, Freeze, Lag, Replay, Shuffle

Severity = Literal["mild", "adverse", "severe"]
SEVERITIES: tuple[Severity, ...] = ("mild", "adverse", "severe")
SECOND_US = 1_000_000

KINDS: dict[str, type[Fault]] = {
    fault.kind: fault
    for fault in (
        Freeze, Lag, Bias, Noise, Spike, Decimal, Factor, Drop, Fork, Clamp, Deadband, Confidence,
        Shuffle, Replay, Captured, Outage,
    )
}  # fmt: skip

# By kind: each magnitude at mild, adverse, severe.  They are assumptions, chosen so that one falls
# below, one about at, and one far beyond the exchange's own thresholds (2 % uncertain, 60 s stale).
MAGNITUDES: dict[str, dict[str, tuple[Any, Any, Any]]] = {
    "freeze": {
        "through_us": (10 * SECOND_US, 0, 0),
        "refresh": (False, False, True),
    },
    "lag": {"extra_us": (2 * SECOND_US, 15 * SECOND_US, 120 * SECOND_US)},
    "bias": {"bias_pct": (0.5, 3.0, 20.0)},
    "noise": {"noise_bps": (20.0, 100.0, 500.0)},
    "spike": {"factor": (1.05, 1.3, 2.0), "share": (0.01, 0.05, 0.2)},
    "decimal": {"places": (1, 2, 6)},
    "factor": {"factor": (1.5, 10.0, 1000.0)},
    "drop": {"share": (0.5, 0.9, 1.0)},
    "fork": {"depth_pct": (2.0, 10.0, 35.0), "ramp_us": (60 * SECOND_US,) * 3},
    "clamp": {"margin_pct": (10.0, 3.0, 0.0)},
    "deadband": {"band_pct": (0.5, 2.0, 10.0)},
    "confidence": {"pct": (1.0, 5.0, 20.0)},
    "shuffle": {"window_us": (5 * SECOND_US, 30 * SECOND_US, 120 * SECOND_US)},
    "replay": {"age_us": (30 * SECOND_US, 300 * SECOND_US, 1800 * SECOND_US)},
    "captured": {"bias_pct": (2.0, 10.0, 50.0)},
    "outage": {"share": (0.5, 0.9, 1.0)},
}


def graded(kind: str, severity: Severity, stated: Mapping[str, Any], **where: Any) -> Fault:
    """A fault of `severity`, with the magnitudes that are `stated` (not None) instead of its own.

    Args:
        where: `start_us`, `duration_us`, `feeds`, `sources`, `name`.
    """
    place = SEVERITIES.index(severity)
    fields = {field: values[place] for field, values in MAGNITUDES[kind].items()}
    fields |= {field: value for field, value in stated.items() if value is not None}
    return KINDS[kind](**where, **fields)


__all__ = [
    "KINDS", "MAGNITUDES", "SEVERITIES", "Bias", "Captured", "Clamp", "Confidence", "Deadband",
    "Decimal", "Drop", "Factor", "Fault", "Fork", "Freeze", "Lag", "Noise", "Outage", "Replay",
    "Severity", "Shuffle", "Spike", "graded",
]  # fmt: skip
