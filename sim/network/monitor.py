"""Contagion over a run: looks at an exchange now and then and keeps the worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.network.exposures import CALM, Shock, exposures
from sim.network.statement import Statement, statement_of
from sim.network.stress import exposure_radius, stress

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

LOOKS = 24  # over the run, evenly; the end is one of them
SHOCKS = (Shock(-0.1), Shock(0.1))  # every coin a tenth down, every coin a tenth up


class Monitor:
    """Peaks of the three contagion metrics over the looks and shocks."""

    def __init__(self, start_us: int, end_us: int) -> None:
        self._start, self._span = start_us, max(end_us - start_us, 1)
        self._due = 1
        self._peaks: dict[str, float | None] = {
            "debtrank_share": None,
            "exposure_radius": None,
            "unpaid_share": None,
        }

    def look(self, now_us: int, exchange: Exchange) -> None:
        """Take a statement if a look is due; cheap if not."""
        if (now_us - self._start) * LOOKS >= self._due * self._span:
            self._due = (now_us - self._start) * LOOKS // self._span + 1
            self.take(statement_of(exchange))

    def take(self, statement: Statement) -> None:
        """Look at what everybody holds now."""
        calm = exposures(statement, CALM)
        self._raise("exposure_radius", exposure_radius(calm))
        for shock in SHOCKS:
            found = stress(statement, shock, calm)
            self._raise("debtrank_share", found.distress.contagion_share)
            self._raise("unpaid_share", found.unpaid_share)

    def metrics(self) -> dict[str, float | None]:
        """The peaks by name; None where nothing was looked at, or nobody owed anything."""
        return dict(self._peaks)

    def _raise(self, name: str, value: float | None) -> None:
        peak = self._peaks[name]
        if value is not None and (peak is None or value > peak):
            self._peaks[name] = value
