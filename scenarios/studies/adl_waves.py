"""Waves of auto-deleveraging: what had to be covered, coin by coin, read from two CSV files.

One file has a row per wave (what was needed, the winners' whole unrealised profit, perhaps what
others say was taken), its sibling a row per wave and coin (the gap of that coin).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scenarios.errors import ScenarioError
from scenarios.part import NonNegative
from scenarios.schema import Origin
from scenarios.studies.datafile import Column, DataFile, fingerprint, read_csv

# Results of one author, where the file has them: shown beside ours, never read as input.
AUTHOR = {
    "author: venue": "budget_prod",
    "author: pro-rata": "budget_pr",
    "author: integer pro-rata": "budget_fixed_point_ilp_integer",
}
WAVES = {
    "wave": Column("whole", low=0),
    "budget_needed": Column(low=0.0),
    "total_cap": Column(low=0.0),
    **{name: Column(optional=True) for name in AUTHOR.values()},
}
GAPS = {
    "wave": Column("whole", low=0),
    "coin": Column("text"),
    "gap_usd_x_qty": Column(low=0.0),
    "qty_contracts": Column(low=0.0, optional=True),
}
WHOLE = "ALL"  # the one coin of a wave whose coins are not known


class Waves(DataFile):
    """The files, and which waves.

    Without ``gaps_path`` the sibling of ``path`` is read whose name has ``adl_wave_coin_gap`` in
    the place of ``adl_waves``.
    """

    path: str = "data/adl_waves_synthetic.csv"
    gaps_path: str = ""
    gaps_sha256: str = ""  # of that file, written into a run
    only: tuple[int, ...] = ()  # waves to take; none named: all
    apart: tuple[int, ...] = (7,)  # waves that are reported apart
    smallest_gap_usd: NonNegative = 0.01  # coins with less are left out

    def located(self, origin: Origin, field: str) -> Self:
        path, digest = fingerprint(self.path, self.sha256, origin, field)
        gaps = self.gaps_path or str(sibling(Path(path)))
        gaps, gaps_digest = fingerprint(gaps, self.gaps_sha256, origin, f"{field[:-4]}gaps_path")
        return self.model_copy(
            update={
                "path": path,
                "sha256": digest,
                "gaps_path": gaps,
                "gaps_sha256": gaps_digest,
            }
        )


@dataclass(frozen=True)
class Wave:
    """One wave, USD.  ``gaps``: by coin; ``taken``: what the author says was taken, by label."""

    number: int
    needed: float
    capacity: float
    gaps: dict[str, float]
    taken: dict[str, float]

    @property
    def whole(self) -> bool:
        """The coins are not known: everything is one coin."""
        return list(self.gaps) == [WHOLE]


def sibling(path: Path) -> Path:
    """Where the gaps of a file of waves are."""
    if "adl_waves" not in path.name:
        raise ScenarioError(
            f"{path.name} does not have adl_waves in its name: say where the gaps of its coins are",
            path="waves.gaps_path",
        )
    return path.with_name(path.name.replace("adl_waves", "adl_wave_coin_gap"))


def read(waves: Waves) -> list[Wave]:
    """The waves of located files; a wave without gaps is one coin `WHOLE`.

    Raises ScenarioError naming file, row and column.
    """
    rows = read_csv(waves.path, WAVES)
    gaps: dict[int, dict[str, float]] = {}
    for row in read_csv(waves.gaps_path, GAPS).iter_rows(named=True):
        coins = gaps.setdefault(row["wave"], {})
        coins[row["coin"]] = coins.get(row["coin"], 0.0) + row["gap_usd_x_qty"]
    known = set(rows["wave"].to_list())
    if gaps and known.isdisjoint(
        gaps
    ):  # fewer waves than gaps is a choice, none in common a mistake
        raise ScenarioError(
            f"gaps of waves {sorted(gaps)}, of which {waves.path} has none; its waves: {sorted(known)}",
            where=waves.gaps_path,
            path="waves.gaps_path",
        )
    found: list[Wave] = []
    for at, row in enumerate(rows.iter_rows(named=True), 2):
        number = row["wave"]
        if any(wave.number == number for wave in found):
            raise ScenarioError(
                f"wave {number} is there twice", where=f"{waves.path}: row {at}: column 'wave'"
            )
        kept = {c: g for c, g in gaps.get(number, {}).items() if g >= waves.smallest_gap_usd}
        for column in ("budget_needed", "total_cap"):
            if row[column] <= 0:
                raise ScenarioError(
                    f"{row[column]:g} is not above 0",
                    where=f"{waves.path}: row {at}: column {column!r}",
                )
        taken = {label: row[column] for label, column in AUTHOR.items()}
        found.append(
            Wave(
                number,
                row["budget_needed"],
                row["total_cap"],
                kept or {WHOLE: row["budget_needed"]},
                {k: v for k, v in taken.items() if v is not None},
            )
        )
    missing = [n for n in waves.only if n not in {w.number for w in found}]
    if missing:
        have = ", ".join(str(w.number) for w in found)
        raise ScenarioError(f"no wave {missing[0]}; the file has {have}", path="waves.only")
    return [w for w in found if not waves.only or w.number in waves.only]
