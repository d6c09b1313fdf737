"""Single messages in the words of a case: the way back from rows to steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from scenarios.casefile.amounts import MICRO, times
from scenarios.casefile.encode import FLAGS, MESSAGE_COLUMNS
from scenarios.casefile.names import Names
from sim.exchange.messages import BookState, Flag, Kind

BARE = {
    Kind.MARK: "mark", Kind.PREMIUM: "premium", Kind.FUNDING: "funding", Kind.SETTLE: "settle",
    Kind.INTEREST: "interest", Kind.LIQUIDATE: "liquidate",
}  # fmt: skip
MONEY = {
    Kind.DEPOSIT: "deposit", Kind.LEND: "lend", Kind.REDEEM: "redeem", Kind.WITHDRAW: "withdraw",
}  # fmt: skip


class Wording:
    """Says messages in the words of a case with accounts `a0`, `a1`, …"""

    def __init__(self, names: Names, start: int) -> None:
        self.names, self.start = names, start
        self.placed: dict[int, int] = {}  # order number -> instrument

    def _name(self, names: Sequence[str], at: int) -> str | int:
        return names[at] if 0 <= at < len(names) else at

    def _who(self, m: Mapping[str, int]) -> str | int:
        return self._name(self.names.accounts, m["account"])

    def _where(self, m: Mapping[str, int]) -> str | int:
        return self._name(self.names.instruments, m["instrument"])

    def _price(self, i: int, ticks: int) -> Decimal:
        return times(ticks, self.names.tick(i))

    def _seconds(self, us: int) -> Decimal:
        return times(us, Decimal(1) / MICRO)

    def said(self, m: Mapping[str, int]) -> dict[str, Any]:
        """The action that most likely sends a message; the caller checks that it does."""
        kind = Kind(m["kind"]) if m["kind"] in list(Kind) else None
        if kind in BARE:
            return {BARE[kind]: True}
        if kind in MONEY:
            return {MONEY[kind]: self._money(m, kind)}
        make = {
            Kind.NEW: self._order, Kind.CONDITIONAL: self._conditional, Kind.INDEX: self._reading,
            Kind.CANCEL: self._cancel, Kind.CANCEL_ALL: self._cancel_all, Kind.FUND: self._fund,
            Kind.MINT: self._sets, Kind.MERGE: self._sets, Kind.STATE: self._state,
            Kind.REPLACE: self._replace, Kind.POOL: self._pool, Kind.COMMIT: self._commit,
            Kind.RESOLVE: self._resolve, Kind.EXTERNAL: self._external,
            Kind.TRANSFER: self._transfer,
        }.get(kind) if kind is not None else None  # fmt: skip
        return make(m) if make is not None else self.raw(m)

    def raw(self, m: Mapping[str, int]) -> dict[str, Any]:
        """The message by its columns, those that are 0 left out."""
        kind: int | str = m["kind"]
        if kind in list(Kind):
            kind = Kind(kind).name
        given = {c: m[c] for c in MESSAGE_COLUMNS[2:11] if m[c]}
        return {"send": {"kind": kind, **given}}

    def _money(self, m: Mapping[str, int], kind: Kind) -> dict[str, Any]:
        k = m["instrument"]
        amount = times(m["size"], self.names.unit(k))
        said = {
            "account": self._who(m),
            "asset": self._name(self.names.assets, k),
            "amount": amount,
        }
        return {**said, "borrow": True} if kind == Kind.WITHDRAW and m["arg"] == 1 else said

    def _transfer(self, m: Mapping[str, int]) -> dict[str, Any]:
        to = self._name(self.names.accounts, m["arg"])
        return {"transfer": {**self._money(m, Kind.TRANSFER), "to": to}}

    def _new(self, m: Mapping[str, int]) -> dict[str, Any]:
        i = m["instrument"]
        said: dict[str, Any] = {
            "account": self._who(m), "instrument": self._where(m),
            "side": "sell" if m["side"] else "buy", "price": self._price(i, m["price"]),
            "size": times(m["size"], self.names.lot(i)),
        }  # fmt: skip
        if m["flags"] & Flag.MARKET:
            said["type"] = "market"
        if given := [name for name, bit in FLAGS.items() if m["flags"] & bit]:
            said["flags"] = given
        if m["flags"] & Flag.GTD:
            said["until"] = self._seconds(m["arg2"] - self.start)
        return {**said, "id": m["order"]}

    def _order(self, m: Mapping[str, int]) -> dict[str, Any]:
        said = self._new(m)
        if m["arg"]:
            said["outcome"] = "NO" if m["arg"] == 1 else m["arg"]
        return {"order": said}

    def _conditional(self, m: Mapping[str, int]) -> dict[str, Any]:
        said = self._new(m)
        said["trigger"] = self._price(m["instrument"], m["arg"])
        if m["flags"] & Flag.NO:
            said["outcome"] = "NO"
        if m["flags"] & (Flag.BY_LAST | Flag.BY_INDEX):
            said["by"] = "last" if m["flags"] & Flag.BY_LAST else "index"
        return {"take_profit" if m["flags"] & Flag.TAKE_PROFIT else "stop": said}

    def _reading(self, m: Mapping[str, int]) -> dict[str, Any]:
        f = m["instrument"]
        tick = self.names.feed_tick(f)
        said = {
            "feed": self._name(self.names.feeds, f), "price": times(m["price"], tick),
            "confidence": times(m["size"], tick), "sources": m["arg2"],
            "age": self._seconds(m["time"] - m["arg"]),
        }  # fmt: skip
        for name in ("confidence", "age"):
            if not said[name]:
                del said[name]
        return {"price": said}

    def _cancel(self, m: Mapping[str, int]) -> dict[str, Any]:
        return {"cancel": {"account": self._who(m), "order": m["order"]}}

    def _cancel_all(self, m: Mapping[str, int]) -> dict[str, Any]:
        said = {"account": self._who(m)}
        return {
            "cancel_all": said if m["instrument"] == -1 else {**said, "instrument": self._where(m)}
        }

    def _replace(self, m: Mapping[str, int]) -> dict[str, Any]:
        i = self.placed.get(m["order"], -1)
        return {
            "replace": {
                "account": self._who(m), "order": m["order"], "price": self._price(i, m["price"]),
                "size": times(m["size"], self.names.lot(i)),
            }
        }  # fmt: skip

    def _fund(self, m: Mapping[str, int]) -> dict[str, Any]:
        return {"insurance_fund": times(m["size"], Decimal(1) / MICRO)}

    def _pool(self, m: Mapping[str, int]) -> dict[str, Any]:
        k = m["instrument"]
        amount = times(m["size"], self.names.unit(k))
        return {"pool": {"asset": self._name(self.names.assets, k), "amount": amount}}

    def _commit(self, m: Mapping[str, int]) -> dict[str, Any]:
        amount = times(m["size"], Decimal(1) / MICRO)
        return {"commit": {"account": self._who(m), "amount": amount}}

    def _resolve(self, m: Mapping[str, int]) -> dict[str, Any]:
        said: dict[str, Any] = {"event": self._name(self.names.events, m["instrument"])}
        said["outcome"] = "void" if m["arg"] == -1 else m["arg"]
        if m["arg2"]:
            said["value"] = m["arg2"]
        if m["flags"]:
            said["wrong"] = True
        return {"resolve": said}

    def _external(self, m: Mapping[str, int]) -> dict[str, Any]:
        price = self._price(m["instrument"], m["price"])
        said = {"instrument": self._where(m), "price": price}
        if age := m["time"] - m["arg"]:
            said["age"] = self._seconds(age)
        return {"external": said}

    def _sets(self, m: Mapping[str, int]) -> dict[str, Any]:
        event = self._name(self.names.events, m["instrument"])
        said = {"account": self._who(m), "event": event, "sets": m["size"]}
        return {Kind(m["kind"]).name.lower(): said}

    def _state(self, m: Mapping[str, int]) -> dict[str, Any]:
        known = m["arg"] in list(BookState)
        state = BookState(m["arg"]).name.lower() if known else m["arg"]
        said: dict[str, Any] = {"instrument": self._where(m), "state": state}
        if m["arg2"]:
            said["until"] = self._seconds(m["arg2"] - self.start)
        return {"state": said}
