"""What is traded: feeds, assets, instruments with their ids (docs/formats.md, Ids)."""

from __future__ import annotations

from typing import Any

from twin.arithmetic import MILLION, micro
from twin.products import Coin, EventProduct, Feed, Instrument, Lending, Margin, Volatility

SPOT_MAX_SIZE = EVENT_MAX_SIZE = 1_000_000_000

__all__ = ["Coin", "EventProduct", "Feed", "Instrument", "Margin", "Market"]


class Market:
    """The listing with every id resolved."""

    def __init__(self, listing: dict[str, Any]) -> None:
        self.listing = listing
        spots = listing["spots"]
        derivatives = sum(len(listing.get(g, ())) for g in ("perpetuals", "inverses", "futures"))
        self._spot_id = {s["name"]: derivatives + k for k, s in enumerate(spots)}
        self._spot_of = {s["base"]: self._spot_id[s["name"]] for s in reversed(spots)}
        self.feeds = [self._feed(f) for f in listing["feeds"]]
        self._feed_of = {f.name: k for k, f in enumerate(self.feeds)}
        self.usdc_debt = Margin(**listing["usdc_debt"])
        self.usdc_lending = Lending(**listing.get("usdc_lending", {}))
        self.coins = [self._coin(k, a) for k, a in enumerate(listing["assets"], 1)]
        self._coin_of = {c.name: c for c in self.coins}
        self.instruments: list[Instrument] = []
        self._list_derivatives()
        for s in spots:
            self._list_spot(s)
        self.events: list[EventProduct] = []
        self.assets = 1 + len(self.coins)
        for e in listing["events"]:
            self._list_event(e)
        self.derivatives = [i for i in self.instruments if i.is_derivative]
        self.linear = [i for i in self.instruments if i.is_linear]
        self.inverses = [i for i in self.instruments if i.is_inverse]
        self.funded = [i for i in self.derivatives if not i.is_future]
        self.futures = [i for i in self.instruments if i.is_future]
        self.spots = [i for i in self.instruments if i.is_spot]
        self.event_books = [i for i in self.instruments if i.is_event]

    # -- reading the declarations -------------------------------------------------------------

    def _feed(self, f: dict[str, Any]) -> Feed:
        return Feed(
            f["name"],
            f["tick_micro"],
            f["index_ticks"],
            round(f["stale_after_s"] * MILLION),
            f["min_sources"],
            self._spot_id[f["own_book"]] if f.get("own_book") else -1,
            tuple(f.get("grid", (0.04, 0.08, 0.12))),
            f.get("bound", 64),
        )

    def _coin(self, asset: int, a: dict[str, Any]) -> Coin:
        feed = self._feed_of[a["feed"]]
        return Coin(
            asset,
            a["name"],
            feed,
            self.feeds[feed].tick_micro // a["units_per_coin"],
            a["haircut_w"],
            a["haircut_b"],
            a["haircut_kappa"],
            a["collateral_cap_usd"],
            Margin(**a["debt"]),
            self._spot_of.get(a["name"], -1),
            a.get("borrowable", False),
            Lending(**a.get("lending", {})),
        )

    def _add(self, kind: str, declared: dict[str, Any], feed: int, tv: int, **more: Any) -> None:
        declared_volatility = declared.get("volatility")
        columns = {
            "ladder_ticks": declared.get("ladder_ticks"),
            "max_size": declared.get("max_size_lots", SPOT_MAX_SIZE),
            "min_notional": micro(declared["min_notional_usd"]),
            "first_mark": self.feeds[feed].first_index if feed >= 0 else 0,
            "price_bound": self.feeds[feed].highest if feed >= 0 else 0,
            "backstop_cap_usd": declared.get("backstop_cap_usd", 0.0),
            "impact_usd": declared.get("impact_notional_usd", 0.0),
            "margin": Margin(**declared["margin"]) if "margin" in declared else None,
            "volatility": Volatility(**declared_volatility) if declared_volatility else None,
            **more,
        }
        name = columns.pop("name", declared["name"])
        self.instruments.append(Instrument(len(self.instruments), kind, name, feed, tv, **columns))

    def _list_derivatives(self) -> None:
        for p in self.listing["perpetuals"]:
            feed = self._feed_of[p["feed"]]
            tv = self.feeds[feed].tick_micro // p["lots_per_coin"]
            self._add("perpetual", p, feed, tv)
        for p in self.listing.get("inverses", ()):
            coin = self._coin_of[p["base"]]
            face = p["face_usd"] * MILLION
            self._add(
                "inverse", p, coin.feed, coin.tv, coin=coin.asset, face=face, F=face // coin.tv
            )
        for p in self.listing.get("futures", ()):
            feed = self._feed_of[p["feed"]]
            tv = self.feeds[feed].tick_micro // p["lots_per_coin"]
            self._add("future", p, feed, tv, expiry=p["expiry_us"])

    def _list_spot(self, s: dict[str, Any]) -> None:
        coin = self._coin_of[s["base"]]
        self._add("spot", s, coin.feed, coin.tv, coin=coin.asset)

    def _list_event(self, e: dict[str, Any]) -> None:
        kind, n = "binary", 2
        if "outcomes" in e:
            kind = "categorical"
            n = len(e["outcomes"]) + (0 if e.get("exhaustive", True) else 1)
        elif "low" in e:
            kind = "scalar"
        payoff, books = e["payoff_ticks"], n if kind == "categorical" else 1
        self.events.append(
            EventProduct(
                len(self.events),
                e["name"],
                kind,
                n,
                self.assets,
                len(self.instruments),
                books,
                payoff,
                MILLION // payoff,
                e["lam"],
                e.get("date_us", 0),
                e.get("low", 0),
                e.get("high", 0),
                self._feed_of[e["underlying"]] if e.get("underlying") else -1,
                e.get("strike_ticks", 0),
                e.get("below", False),
                tuple(e.get("jumps", ())),
            )
        )
        self.assets += n
        for k in range(books):
            self._add(
                "event",
                e,
                -1,
                MILLION // payoff,
                ladder_ticks=payoff + 1,
                max_size=EVENT_MAX_SIZE,
                first_mark=payoff // n,
                price_bound=payoff,
                event=len(self.events) - 1,
                outcome=k,
                outcomes=n,
                categorical=kind == "categorical",
                payoff=payoff,
            )

    # -- ids ----------------------------------------------------------------------------------

    def share(self, event: int, outcome: int) -> int:
        """Asset id of a share."""
        return self.events[event].first_share + outcome

    def share_of(self, asset: int) -> tuple[int, int]:
        """(event, outcome) of a share's asset id."""
        for e in self.events:
            if e.first_share <= asset < e.first_share + e.outcomes:
                return e.id, asset - e.first_share
        raise KeyError(asset)

    def books_of(self, event: int) -> list[Instrument]:
        """The books of an event, by id."""
        e = self.events[event]
        return self.instruments[e.first_book : e.first_book + e.books]

    def coin(self, asset: int) -> Coin:
        return self.coins[asset - 1]

    def lending(self, asset: int) -> Lending:
        """INT-01 parameters of USDC or a coin."""
        return self.usdc_lending if asset == 0 else self.coin(asset).lending
