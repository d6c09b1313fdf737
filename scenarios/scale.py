"""A scenario made definite: seed and scale put in, every default of every trader written out.

``scale`` multiplies the exchange: accounts of cohorts, open interest, funds, and of each trader the
amounts that belong to it as a whole, such as its capital or its rate of orders (depth is a share of
open interest).  Sizes of single orders and accounts stay.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from scenarios.errors import ScenarioError, choose
from scenarios.files import explain
from scenarios.schema import Coin, Scenario

if TYPE_CHECKING:
    from agents.base import Trader, TraderParams

EXTENSIVE = frozenset(
    {
        "capital_usd",
        "market_per_s",
        "limit_per_s",
        "looks_per_s",
        "max_shares",
        "level_shares",
        "open_sets",
        "shares",
        "clip_shares",
        "max_hedge_usd",
        "total_usd",
        "clip_usd",
        "debt_usd",
    }
)


def resolve(scenario: Scenario, seed: int | None = None, scale: float = 1.0) -> Scenario:
    """The scenario with this seed and scale and with all its traders' parameters.

    A run depends on nothing else; the result is what a run stores.

    Raises ScenarioError for a bad scale, an unknown kind of trader or a bad parameter, a price
    file that is missing or has changed since a run recorded it.
    """
    if not 0 < scale <= 1000:
        raise ScenarioError(f"a scale lies between 0 and 1000, found {scale:g}", path="--scale")
    traders = []
    for i, spec in enumerate(scenario.trader):
        cls, params = trader_of(scenario, i)
        grown = {n: getattr(params, n) * scale for n in EXTENSIVE & set(cls.Params.model_fields)}
        update: dict[str, Any] = {"params": params.model_copy(update=grown).model_dump(mode="json")}
        if cls.cohort and spec.count:
            update["count"] = max(2, round(spec.count * scale))
        traders.append(spec.model_copy(update=update))
    made = scenario.model_copy(
        update={
            "seed": scenario.seed if seed is None else seed,
            "grade": "",
            "grades": {},
            "variant": "",
            "variants": {},
            "open_interest_usd": scenario.open_interest_usd * scale,
            "insurance_usd": scenario.insurance_usd * scale,
            "pool_usd": scenario.pool_usd * scale,
            "coin": tuple(_pools(coin, scale) for coin in scenario.coin),
            "trader": tuple(traders),
            "index": scenario.index.model_copy(update=_bars(scenario)),
        }
    )
    made._origin = scenario.origin
    return made


def trader_of(scenario: Scenario, i: int) -> tuple[type[Trader], TraderParams]:
    """Class and checked parameters of a scenario's trader."""
    import agents

    spec = scenario.trader[i]
    if spec.kind not in agents.KINDS:
        raise ScenarioError(
            f"unknown kind of trader {spec.kind!r}{choose(spec.kind, agents.KINDS)}",
            where=scenario.origin.place(("trader", i, "kind")),
            path=f"trader.{i}.kind",
        )
    cls = agents.kind(spec.kind)
    try:
        return cls, cls.Params.model_validate(spec.params)
    except ValidationError as error:
        prefix = ("trader", i, "params")
        raise explain(error, spec.params, scenario.origin, root=cls.Params, prefix=prefix) from None


def _pools(coin: Coin, scale: float) -> Coin:
    """The coin with its lenders' pool scaled."""
    if coin.spot is None or coin.spot.pool_coins == 0:
        return coin
    spot = coin.spot.model_copy(update={"pool_coins": coin.spot.pool_coins * scale})
    return coin.model_copy(update={"spot": spot})


def _bars(scenario: Scenario) -> dict[str, Any]:
    """Absolute path and digest of the price file."""
    if not scenario.index.path:
        return {}
    path = Path(scenario.index.path).expanduser().resolve()
    if not path.is_file():
        raise ScenarioError(f"no such file: {path}", path="index.path")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if scenario.index.path_sha256 not in ("", digest):
        raise ScenarioError(f"{path} has changed since the run", path="index.path")
    return {"path": str(path), "path_sha256": digest}
