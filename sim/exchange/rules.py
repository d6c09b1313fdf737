"""The exchange's parameters: a frozen, validated ``Rules`` object (defaults are REF-1's)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.exchange.policies import AdlPolicy, AnyDisposal, MarginMode, Steps

Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Bps = Annotated[float, Field(ge=-10_000, le=10_000, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


Guard = Annotated[int, Field(ge=1, le=6)]


class FeeTier(BaseModel):
    """ORD-06: the rates from a 30-day volume of ``volume_usd`` on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    volume_usd: Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
    maker_bps: Bps
    taker_bps: Bps


class Rules(BaseModel):
    """Defaults of every clause that has a parameter; the clause id stands beside it.

    Raises pydantic.ValidationError for an unknown name, a value out of range, or
    maker + taker fee below 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # ORD
    maker_fee_bps: Bps = 0.0  # ORD-06, negative is a rebate
    taker_fee_bps: Bps = 0.0  # ORD-06
    event_fee_bps: Annotated[float, Field(ge=0, le=10_000)] = (
        0.0  # ORD-06, on min(p, 1-p), taker only
    )
    band_ratio: Annotated[float, Field(gt=0, le=100)] = (
        0.5  # ORD-04, limit prices within mark*(1 -+ band)
    )
    max_impact_ratio: Annotated[float, Field(gt=0, le=1)] = (
        0.05  # ORD-04, market orders from the touch
    )
    max_open_orders: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1000  # ORD-04, per account
    self_trade: Annotated[int, Field(ge=0, le=2)] = (
        0  # ORD-02: 0 reject taker, 1 cancel maker, 2 cancel both
    )

    self_trade_by_owner: bool = False  # ORD-02 policy: per owner instead of per account
    fee_tiers: tuple[FeeTier, ...] = ()  # ORD-06, by 30-day volume; tier 0 is the rates above

    # PRC
    premium_tau_s: Seconds = 150.0  # PRC-02
    book_tau_s: Seconds = 30.0  # PRC-02
    mark_min_multiplier: Annotated[float, Field(gt=0, le=1)] = 0.8  # PRC-02, per update
    mark_max_multiplier: Annotated[float, Field(ge=1, le=1000)] = 1.25  # PRC-02, per update
    mark_average_cap: Annotated[float, Field(ge=0, le=1000)] = (
        0.0  # PRC-02, marks within average/cap … average*cap; 0: none
    )
    mark_average_tau_s: Seconds = 28_800.0  # PRC-02, of that average
    forced_trades_count: bool = True  # PRC-02 policy: forced fills set `last`
    twap_window_s: Seconds = 300.0  # PRC-04
    volatile_ratio: Annotated[float, Field(gt=1, le=1e6)] = 5.0  # PRC-04
    uncertain_ratio: Ratio = 0.02  # PRC-04
    stale_guard: bool = True  # PRC-04
    strict_prices: bool = True  # MAR-09
    external_stale_s: Seconds = 60.0  # PRC-02, external mids older than this drop out
    # PRC-04: the grade from which on an action is refused; 6 is never
    guard_increase: Guard = 1
    guard_withdraw: Guard = 1
    guard_borrow: Guard = 1
    guard_fill: Guard = 3
    guard_funding: Guard = 3
    guard_settlement: Guard = 3
    guard_liquidate: Guard = 4  # policy: 1 keeps a stale price from liquidating
    guard_trigger: Guard = 4

    # FUN
    interest_8h: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] = 0.0001  # FUN-01
    interest_clamp_8h: Ratio = 0.0005  # FUN-01
    funding_cap_1h: Ratio = 0.04  # FUN-01

    # MAR
    margin_mode: MarginMode = "unified"  # MAR-06 … MAR-08
    offset_ratio: Ratio = 0.01  # MAR-06, beta
    portfolio_extreme: Annotated[float, Field(ge=1, le=10)] = 3.0  # MAR-07, times the widest move
    portfolio_extreme_weight: Ratio = 0.33  # MAR-07
    portfolio_floor: Ratio = 0.5  # MAR-07, of the two largest event requirements
    portfolio_initial: Annotated[float, Field(ge=1, le=10)] = 1.25  # MAR-07, IM over MM
    phi: Ratio = 1.0  # MAR-02, weight of positive unrealised PnL
    withdraw_floor_ratio: Ratio = 0.10  # MAR-09

    # LIQ
    unflag_buffer: NonNegative = 0.02  # LIQ-00
    disposal: AnyDisposal = Steps()  # LIQ-02
    bounds: Literal["bankruptcy", "dydx_exact"] = "bankruptcy"  # LIQ-07
    exact_fee_cap: Ratio = 0.015  # LIQ-07, of proceeds, with dydx_exact
    adl: AdlPolicy = "hyperliquid"  # LIQ-05
    shortfall: Literal["gains", "lenders"] = "gains"  # LIQ-06, who bears it first
    insurance_cap_usd: Annotated[float, Field(ge=0, le=1e12)] = 0.0  # LIQ-04, per account; 0: none
    backstop: bool = True  # LIQ-03
    liquidation_fee_bps: Annotated[float, Field(ge=0, le=10_000)] = 10.0  # LIQ-02
    backstop_trigger_ratio: Ratio = 2.0 / 3.0  # LIQ-03
    backstop_failed_steps: Annotated[int, Field(ge=1)] = 5  # LIQ-03
    backstop_bonus_bps: Annotated[float, Field(ge=0, le=10_000)] = 100.0  # LIQ-03
    fillable_ba: NonNegative = 1.0  # LIQ-07
    fillable_smmr: NonNegative = 1.5  # LIQ-07

    # SET
    settlement_window_s: Seconds = 1800.0  # SET-01
    void_after_days: Annotated[float, Field(gt=0, le=36_500)] = 30.0  # SET-05
    proposal_margin: bool = True  # SET-02 policy: lambda is 1 from proposal to final
    bond_winner_ratio: Ratio = 0.5  # SET-04, the winner's part of the loser's bond

    @model_validator(mode="after")
    def _average(self) -> Rules:
        if 0 < self.mark_average_cap < 1:
            raise ValueError(
                f"mark_average_cap {self.mark_average_cap}: 0 for none, or 1 and more (2: twice the"
                " average at most)"
            )
        return self

    @model_validator(mode="after")
    def _fees(self) -> Rules:
        if self.maker_fee_bps + self.taker_fee_bps < 0:
            raise ValueError(
                f"maker_fee_bps {self.maker_fee_bps} + taker_fee_bps {self.taker_fee_bps} < 0: "
                "the exchange would pay for every trade"
            )
        volume, maker, taker = 0.0, self.maker_fee_bps, self.taker_fee_bps
        for tier in self.fee_tiers:
            if tier.volume_usd <= volume:
                raise ValueError(f"fee_tiers: volume_usd {tier.volume_usd} does not rise")
            if tier.maker_bps > maker or tier.taker_bps > taker:
                raise ValueError(
                    f"fee_tiers: the tier from {tier.volume_usd} USD costs more than the one before"
                )
            if tier.maker_bps + tier.taker_bps < 0:
                raise ValueError(
                    f"fee_tiers: maker_bps {tier.maker_bps} + taker_bps {tier.taker_bps} < 0"
                )
            volume, maker, taker = tier.volume_usd, tier.maker_bps, tier.taker_bps
        return self
