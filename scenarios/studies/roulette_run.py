"""One run of a draw: what was lost, by whom, and how often the exchange was alarmed for nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenarios.schema import Scenario
from scenarios.studies.policy_run import Watch, path_digest, watched
from scenarios.studies.victims import Victims
from sim.exchange.instruments import Listing
from sim.exchange.wallets import Wallets
from sim.oracle.truth import TruthPath


@dataclass(frozen=True)
class Spun:
    """A run in numbers; money in USD.

    Attributes:
        bad_debt_usd, extracted_usd: `bad_debt_true_usd` and `extracted_usd` of the run.
        victims_usd: what wrongly liquidated accounts lost of their own (`Victims`).
        oracle_usd, market_usd: `loss_oracle_usd`, `loss_market_usd`, costs against the mark.
        alarms, alarm_s: `oracle_false_alarms` and their seconds.
        error_s: `oracle_error_s`, seconds in which the index was wrong.
        liquidated: accounts.  wrongful_share: of all flags; None without one.
        violations: of every invariant that the stream or the state at the end shows.
        path, start: digests of the true prices, and of all equities when the run begins.
    """

    bad_debt_usd: float
    extracted_usd: float
    victims_usd: float
    oracle_usd: float
    market_usd: float
    alarms: int
    alarm_s: float
    error_s: float
    liquidated: int
    wrongful_share: float | None
    violations: int
    path: str
    start: str

    @property
    def loss_usd(self) -> float:
        """Of all others than those who extract.

        What these carry off is somebody's unpaid debt, if it was lent, and the larger of the two
        holds both; what victims lose is their own, deficits apart.
        """
        return max(self.bad_debt_usd, self.extracted_usd) + self.victims_usd


class RouletteWatch(Watch):
    """The watch of a run that also knows what victims lose."""

    def __init__(
        self, resolved: Scenario, listing: Listing, wallets: Wallets, truth: TruthPath
    ) -> None:
        super().__init__(resolved, listing, wallets, truth)
        self.victims = Victims(listing, wallets.accounts, truth)

    def take(self, events: np.ndarray) -> None:
        super().take(events)
        self.victims.add(events)


def spin(resolved: Scenario) -> Spun:
    """What a run of a resolved scenario comes to."""
    run = watched(resolved, RouletteWatch)
    value = run.report.metrics
    return Spun(
        bad_debt_usd=value["bad_debt_true_usd"] or 0.0,
        extracted_usd=value["extracted_usd"] or 0.0,
        victims_usd=run.watch.victims.lost_usd(run.watch.metrics.blame.wrongful),
        oracle_usd=value["loss_oracle_usd"] or 0.0,
        market_usd=value["loss_market_usd"] or 0.0,
        alarms=int(value["oracle_false_alarms"] or 0),
        alarm_s=value["oracle_false_alarm_s"] or 0.0,
        error_s=value["oracle_error_s"] or 0.0,
        liquidated=int(value["liquidated_accounts"] or 0),
        wrongful_share=value["wrongful_liquidation_share"],
        violations=run.violations,
        path=path_digest(run.assembly.truth),
        start=run.watch.start,
    )
