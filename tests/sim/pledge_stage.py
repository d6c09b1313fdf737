"""An exchange on which shares are pledged against a perpetual, for tests of events as causes."""

from __future__ import annotations

from sim.exchange import Exchange, Listing, Rules
from sim.exchange.instruments import Asset, BinaryEvent, Feed, Margin, Perpetual, Spot

USD = 1_000_000
BOND = 100 * USD
PLEDGER, MAKER, PROPOSER, DISPUTER, PLAIN = range(5)
LISTING = Listing(
    feeds=(Feed(name="C", tick_micro=100_000, index_ticks=1000),),
    assets=(Asset(name="C", feed="C", units_per_coin=10),),
    perpetuals=(
        Perpetual(
            name="C-PERP",
            feed="C",
            lots_per_coin=1,
            margin=Margin(base=0.1, factor=0, base_m=0.05, factor_m=0),
        ),
    ),
    spots=(Spot(name="C/USDC", base="C"),),
    events=(BinaryEvent(name="E", lam=0.2),),
)


def pledged(cash_usd: int = 62, rules: Rules | None = None, listing: Listing = LISTING) -> Exchange:
    """Half a second past a tick: coin at 100 USD, YES at 0.50 (bid 0.49, ask 0.51).

    The pledger has paid 50 of its ``cash_usd`` for 100 YES and is long 4 coins: NE is what it
    brought, MM 20 + λ·50 (λ 0.2; 1 from a proposal on).  PLAIN has 62 USD and is long 4 coins.
    """
    x = Exchange(listing, rules or Rules(), 5, order_slots=1 << 10, order_ids=1 << 12)
    for account, usd in enumerate((cash_usd, 100_000, 10_000, 10_000, 62)):
        assert x.deposit(account, "USDC", usd * USD)
    x.price("C", 1000)
    x.advance(1)
    for account in (PLEDGER, PLAIN):
        assert x.submit(MAKER, "C-PERP", "sell", 4, 1000)
        assert x.submit(account, "C-PERP", "buy", 4, 1000)
    assert x.submit(MAKER, "E", "sell", 100, 500)
    assert x.submit(PLEDGER, "E", "buy", 100, 500)
    assert x.submit(MAKER, "E", "buy", 100, 490)
    assert x.submit(MAKER, "E", "sell", 100, 510)
    x.price("C", 1000)
    x.advance(1.5)
    assert not x.flagged()
    return x
