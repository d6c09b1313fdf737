"""Money and shares that enter, leave or change form, one call each."""

from __future__ import annotations

from sim.exchange.engine import Engine
from sim.exchange.messages import Kind
from sim.exchange.result import Result


class Treasury(Engine):
    """Amounts are smallest units of the asset: micro-USDC, lots of a coin's spot book, shares."""

    def deposit(self, account: int, asset: str | int, units: int) -> Result:
        """Bring units of USDC or a coin to an account."""
        return self.call(Kind.DEPOSIT, account, self.names.assets(asset), size=units)

    def withdraw(self, account: int, asset: str | int, units: int, borrow: bool = False) -> Result:
        """Take units out; with `borrow` more than the balance, where the rules allow it."""
        return self.call(
            Kind.WITHDRAW, account, self.names.assets(asset), size=units, arg=int(borrow)
        )

    def transfer(self, account: int, to: int, asset: str | int, units: int) -> Result:
        """Move units to another account of the same owner (MAR-08)."""
        return self.call(Kind.TRANSFER, account, self.names.assets(asset), size=units, arg=to)

    def mint(self, account: int, event: str | int, sets: int) -> Result:
        """Turn USDC into complete sets of an event's shares."""
        return self.call(Kind.MINT, account, self.names.events(event), size=sets)

    def merge(self, account: int, event: str | int, sets: int) -> Result:
        """Turn complete sets back into USDC."""
        return self.call(Kind.MERGE, account, self.names.events(event), size=sets)

    def convert(
        self, account: int, event: str | int, outcomes: int | list[str | int], size: int
    ) -> Result:
        """Give `size` NO shares of each of some outcomes of a categorical event for what they are
        worth whatever happens (PRD-05); `outcomes`: names, numbers or the bit mask."""
        e = self.names.events(event)
        if isinstance(outcomes, int):
            mask = outcomes
        else:
            chosen = {self.names.outcome(e, k) for k in outcomes}
            if not all(0 <= k < 63 for k in chosen):
                raise ValueError(f"outcomes: names or numbers from 0, not {outcomes!r}")
            mask = sum(1 << k for k in chosen)
        return self.call(Kind.CONVERT, account, e, size=size, arg=mask)

    def lend(self, account: int, asset: str | int, units: int) -> Result:
        """Lend units to the asset's pool."""
        return self.call(Kind.LEND, account, self.names.assets(asset), size=units)

    def redeem(self, account: int, asset: str | int, units: int) -> Result:
        """Take units back from the asset's pool."""
        return self.call(Kind.REDEEM, account, self.names.assets(asset), size=units)

    def add_pool(self, asset: str | int, units: int) -> Result:
        """Units that outside lenders bring to an asset's pool."""
        return self.call(Kind.POOL, 0, self.names.assets(asset), size=units)

    def add_insurance(self, micro: int) -> Result:
        """Micro-USDC into the insurance fund."""
        return self.call(Kind.FUND, size=micro)

    def commit(self, account: int, micro: int) -> Result:
        """Micro-USDC that an account commits as a backstop provider; 0 takes the commitment back."""
        return self.call(Kind.COMMIT, account, size=micro)

    def settings(
        self,
        account: int,
        *,
        cancel_on_disconnect: bool = False,
        auto_lend: bool = False,
        owner: int | None = None,
    ) -> Result:
        """An account's settings; without an owner the owner stays."""
        return self.call(
            Kind.SETTINGS,
            account,
            flags=(1 if cancel_on_disconnect else 0) | (2 if auto_lend else 0),
            arg=0 if owner is None else owner + 1,
        )

    def disconnect(self, account: int) -> Result:
        """The account's connection breaks."""
        return self.call(Kind.DISCONNECT, account)
