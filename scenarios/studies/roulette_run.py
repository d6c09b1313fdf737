"""One run of a draw: what was lost, by whom, and how often the exchange was alarmed for nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenarios.schema import Scenario
from scenarios.studies.policy_run import Watch, path_digest, watched
from scenarios.studies.true_losses import TrueLosses
from sim.exchange.instruments import Listing
from sim.exchange.wallets import Wallets
from sim.oracle.truth import TruthPath


@dataclass(frozen=True)
class Spun:
    """A run in numbers; money in USD.

    Attributes:
        unpaid_usd: debts that others paid or will have to: insurance, what was socialised, profits
            forgone in auto-deleveraging as far as they were true, and equities below 0 at true
            prices at the end.
        extracted_usd: as the metric of the run.
        victims_usd: what wrongly liquidated accounts lost of their own, at true prices.
        bad_debt_usd, oracle_usd: `bad_debt_true_usd` and `loss_oracle_usd`, for comparison: both
            take profits for true that a wrong mark has made.
        alarms, alarm_s: `oracle_false_alarms` and their seconds.
        error_s: `oracle_error_s`, seconds in which the index was wrong.
        liquidated: accounts.  wrongful_share: of all flags; None without one.
        violations: of every invariant that the stream or the state at the end shows.
        path, start: digests of the true prices, and of all equities when the run begins.
    """

    unpaid_usd: float
    extracted_usd: float
    victims_usd: float
    bad_debt_usd: float
    oracle_usd: float
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
        """What all others lose.

        What is carried off on credit is an unpaid debt as well: the larger of the two holds both.
        What victims lose was their own; their deficits are unpaid debts.
        """
        return max(self.unpaid_usd, self.extracted_usd) + self.victims_usd


class RouletteWatch(Watch):
    """The watch of a run that also knows what was lost at true prices."""

    def __init__(
        self, resolved: Scenario, listing: Listing, wallets: Wallets, truth: TruthPath
    ) -> None:
        super().__init__(resolved, listing, wallets, truth)
        self.losses = TrueLosses(listing, wallets.accounts, truth)

    def take(self, events: np.ndarray) -> None:
        super().take(events)
        self.losses.add(events)


def spin(resolved: Scenario) -> Spun:
    """What a run of a resolved scenario comes to."""
    run = watched(resolved, RouletteWatch)
    value, losses = run.report.metrics, run.watch.losses
    bad_debt = value["bad_debt_true_usd"] or 0.0
    still_open = max(0.0, bad_debt - losses.deficits_usd)
    return Spun(
        unpaid_usd=losses.paid_usd + losses.forgone_usd + still_open,
        extracted_usd=value["extracted_usd"] or 0.0,
        victims_usd=losses.victims_usd(run.watch.metrics.blame.wrongful),
        bad_debt_usd=bad_debt,
        oracle_usd=value["loss_oracle_usd"] or 0.0,
        alarms=int(value["oracle_false_alarms"] or 0),
        alarm_s=value["oracle_false_alarm_s"] or 0.0,
        error_s=value["oracle_error_s"] or 0.0,
        liquidated=int(value["liquidated_accounts"] or 0),
        wrongful_share=value["wrongful_liquidation_share"],
        violations=run.violations,
        path=path_digest(run.assembly.truth),
        start=run.watch.start,
    )
