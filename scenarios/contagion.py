"""Who owed whom in a stored run, what would follow from a shock, and how its cascade spread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scenarios.errors import ScenarioError
from scenarios.runs import clock_text, open_run
from sim.network import cascade, overlap
from sim.network.debtrank import debtrank
from sim.network.depth import holdings_usd, impact_usd
from sim.network.exposures import CALM, Exposures, Shock, exposures
from sim.network.statement import Statement
from sim.network.stored import cascade_events, cascade_table, near_usd_of_run, statement_of_run
from sim.network.stress import Stress, exposure_radius, stress
from sim.record.store import Run, StoreError

MOVES = (-0.2, -0.1, -0.05, 0.1)
METRICS = ("debtrank_share", "exposure_radius", "unpaid_share", "cascade_r", "cascade_radius")
SPREADERS = 10  # accounts shown, out of the `CANDIDATES` that owe most
CANDIDATES = 40
TREES = 5
ROLLING_POINTS = 120
ENDLESS = 1e300  # USD of equity that no loss touches


def contagion(run: str, *, runs: Path | str = "runs") -> dict[str, Any]:
    """The networks of a run, as plain numbers (`docs/contagion.md`).

    Exposures, shocks and overlap are those of the end of the run; ``peaks`` are the report's
    metrics, the worst of the looks during the run; the cascade is that of the whole run, None if
    the run kept no events.

    Args:
        run: id, beginning of an id, or path.
        runs: the folder of runs.

    Raises:
        ScenarioError: no such run, or it cannot be read.
    """
    stored = open_run(run, Path(runs))
    if "study" in stored.manifest:
        raise ScenarioError(
            f"run {stored.run_id!r} is a study: it has tables, not one market with a network"
        )
    try:
        statement = statement_of_run(stored)
        cohorts = _cohorts(stored)
        calm = exposures(statement, CALM)
        stresses = {move: stress(statement, Shock(move), calm) for move in MOVES}
        report = stored.manifest.get("report", {}).get("metrics", {})
        return {
            "run_id": stored.run_id,
            "scenario": stored.manifest.get("scenario"),
            "at": clock_text(int(stored.manifest["end_us"])),
            "accounts": statement.accounts,
            "equity_usd": float(np.maximum(calm.equity, 0.0).sum()),
            "insurance_usd": calm.insurance,
            "peaks": {name: report[name] for name in METRICS if name in report},
            "exposure_radius": exposure_radius(calm),
            "shocks": [_shock(move, found) for move, found in stresses.items()],
            "hubs": _hubs(stresses[-0.1].after),
            "spreaders": _spreaders(stresses[-0.1], cohorts),
            "overlap": _overlap(statement, calm.equity, near_usd_of_run(stored), cohorts),
            "cascade": _cascade(stored, statement),
        }
    except StoreError as error:
        raise ScenarioError(str(error)) from None


def _cohorts(run: Run) -> list[str]:
    frame = run.accounts().select("account", "cohort").collect().sort("account")
    return [str(name) for name in frame["cohort"]]


def _shock(move: float, found: Stress) -> dict[str, Any]:
    direct, domino = found.defaults
    return {
        "move": move,
        "direct_share": found.distress.direct_share,
        "contagion_share": found.distress.contagion_share,
        "loss_share": found.distress.loss_share,
        "defaults": direct,
        "domino_defaults": domino,
        "unpaid_usd": found.unpaid_usd,
        "unpaid_share": found.unpaid_share,
    }


def _hubs(found: Exposures) -> list[dict[str, Any]]:
    """Clearings and pools after a fall of a tenth, the largest first; empty ones are left out."""
    dues, gains = found.dues.toarray(), found.gains.toarray()
    rows = []
    for k, name in enumerate(found.hubs):
        due = float(dues[:, k].sum())
        if due or gains[:, k].any():
            rows.append(
                {
                    "name": name,
                    "due_usd": due,
                    "debtors": int((dues[:, k] > 0).sum()),
                    "creditors": int((gains[:, k] > 0).sum()),
                    "largest_debtor_share": float(dues[:, k].max()) / due if due else None,
                }
            )
    return sorted(rows, key=lambda row: (-row["due_usd"], row["name"]))


def _spreaders(found: Stress, cohorts: list[str]) -> list[dict[str, Any]]:
    """Whose ruin would cost the others most: each one's own DebtRank after a fall of a tenth."""
    after = found.after
    dues = np.asarray(after.dues.sum(axis=1)).ravel()
    claims = after.claims()
    weights = np.maximum(after.equity, 0.0)
    total = float(weights.sum())
    rows = []
    for a in np.argsort(-dues, kind="stable")[:CANDIDATES].tolist():
        if dues[a] <= 0 or total <= 0:
            continue
        # The others that have nothing left to lose pass nothing on: only its ruin is looked at.
        equity = np.where(weights > 0, weights, ENDLESS)
        losses = np.zeros(len(dues))
        equity[a] = losses[a] = 1.0
        h = debtrank(claims, equity, losses).final
        h[a] = 0.0
        others = float((h * weights).sum())
        rows.append(
            {
                "account": a,
                "cohort": cohorts[a],
                "equity_usd": float(after.equity[a]),
                "dues_usd": float(dues[a]),
                "others_lose_usd": others,
                "others_lose_share": others / total,
            }
        )
    return sorted(rows, key=lambda row: (-row["others_lose_usd"], row["account"]))[:SPREADERS]


def _overlap(
    statement: Statement, equity: np.ndarray, near: np.ndarray, cohorts: list[str]
) -> dict[str, Any]:
    held, depth = holdings_usd(statement), impact_usd(near)
    names = statement.listing.instrument_names()
    used = np.flatnonzero(np.isfinite(depth) | (np.abs(held).sum(axis=0) > 0))
    groups = sorted(set(cohorts))
    of = np.array([groups.index(c) for c in cohorts])
    books = np.zeros((len(groups), held.shape[1]))
    np.add.at(books, of, held)
    return {
        "fire_sale_radius": overlap.fire_sale_radius(held, depth, equity),
        "cohorts": groups,
        "loss_usd": overlap.overlap(books, depth).tolist(),
        "similarity": overlap.similarity(books, depth).tolist(),
        "without_depth": [names[i] for i in used.tolist() if not np.isfinite(depth[i])],
    }


def _cascade(run: Run, statement: Statement) -> dict[str, Any] | None:
    if run.manifest.get("record") == "summary":
        return None
    table = cascade_table(cascade_events(run))
    names = statement.listing.instrument_names()
    found = cascade.next_generation(table)
    begins, ratios = cascade.rolling_ratio(table)
    every = max(1, -(-len(begins) // ROLLING_POINTS))
    peak = int(np.argmax(ratios)) if len(ratios) else None
    grown = [tree for tree in cascade.trees(table) if tree["orders"] > 1]
    return {
        "orders": len(table),
        "branching_ratio": cascade.branching_ratio(table),
        "peak_ratio": cascade.peak_ratio(table),
        "peak_at": None if peak is None else clock_text(int(begins[peak])),
        "rolling": [
            {"at": clock_text(int(t)), "ratio": float(r)}
            for t, r in zip(begins[::every], ratios[::every], strict=True)
        ],
        "radius": found.radius,
        "instruments": [names[i] for i in found.instruments.tolist()],
        "orders_by_instrument": found.orders.tolist(),
        "next_generation": found.matrix.tolist(),
        "trees": [{**tree, "at": clock_text(tree["time_us"])} for tree in grown[:TREES]],
    }
