"""The portfolio lab: everything that is known of a portfolio file, as plain data.

Margin is the exchange's own (`sim.exchange.explain.legs_of`), losses in states are revaluations by
the exchange's rules, tails and hedges come from `sim.risk`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from scenarios.errors import ScenarioError
from scenarios.portfolio import stresses
from scenarios.portfolio.book import Book, book_of
from scenarios.portfolio.outlook import strike_probability
from scenarios.portfolio.schema import MODES, Portfolio
from scenarios.portfolio.states import Endurance, StateTable, endurance, table_of
from scenarios.portfolio.trades import after
from scenarios.portfolio.wallets import Margin, margins
from sim.exchange.account import Account
from sim.exchange.explain import equity_of
from sim.exchange.instruments import MICRO
from sim.risk.errors import RiskError

Found = dict[str, Any]


def analyse(portfolio: Portfolio) -> Found:
    """The object that ``windtunnel portfolio FILE --json`` prints; amounts are USD, losses positive.

    Raises ScenarioError where the file is unusable.
    """
    if not (portfolio.holding or portfolio.position or portfolio.shares):
        raise ScenarioError(
            "nothing is held: add a [[holding]], a [[position]] or [[shares]]",
            where=portfolio.origin.file,
        )
    book = book_of(portfolio)
    try:
        losses = stresses.Losses(book)
        tails = losses.tails()
        found: Found = {
            "file": portfolio.origin.file,
            "title": portfolio.title,
            "text": portfolio.text.strip(),
            "notes": list(book.notes),
            "equity_usd": equity_of(book.listing, book.account) / MICRO,
            "own_usdc_usd": max(0, book.account.balances.get(0, 0)) / MICRO,
            "horizon_days": portfolio.horizon.days,
            "holdings": holdings(book, book.account),
            "strikes": {
                e.name: strike_probability(portfolio, e) for e in portfolio.event if e.strike_usd
            },
        }
        by_mode, table = margins(book), table_of(book)
        endures = [endurance(book, margin, table) for margin in by_mode.values()]
        found["modes"] = modes(list(by_mode.values()), endures)
        found["states"] = states(table)
        found["stress"] = stresses.matrix(book) if stresses.enumerable(book) else None
        found["tails"] = tails
        found["jumps"] = stresses.jumps(book)
        found["hedges"] = stresses.hedges(losses)
        found["what_if"] = [
            {
                "name": what_if.name,
                "holdings": holdings(book, then),
                "modes": modes(list(margins(book, then).values())),
                "equity_usd": equity_of(book.listing, then) / MICRO,
                "tails": losses.tails(then),
            }
            for what_if in portfolio.what_if
            for then in [after(book, what_if.trade)]
        ]
        found["method"] = {
            "name": "simulated" if losses.why else "exact",
            "why": losses.why,
            "copula": portfolio.model.copula,
            "paths": portfolio.model.paths if losses.why else None,
            "seed": portfolio.model.seed,
        }
    except RiskError as error:
        raise ScenarioError(str(error), where=portfolio.origin.file) from None
    return found


def holdings(book: Book, account: Account) -> list[Found]:
    """What an account holds, in people's units, with its worth at the prices of the file."""
    listing, rows = book.listing, list[Found]()
    for k, x in account.balances.items():
        if k == 0:
            rows.append({"name": "USDC", "amount": x / MICRO, "unit": "USDC", "usd": x / MICRO})
        elif k <= len(listing.assets):
            asset = listing.assets[k - 1]
            price = account.index[listing.feed_id(asset.feed)] * listing.asset_tick_value(k)
            row = {"name": asset.name, "amount": x / asset.units_per_coin, "unit": "coins"}
            rows.append({**row, "usd": x * price / MICRO})
    for i, (size, _) in account.positions.items():
        item, face = listing.item(i), listing.face_micro(i)
        p = book.portfolio.position_named(item.name)
        tick = account.marks[i] * listing.tick_value(i)
        amount = size if face else size / book.scales[p.on].lots_per_coin
        worth = size * (face or tick) / MICRO
        unit = "contracts" if face else "coins"
        rows.append({"name": item.name, "amount": amount, "unit": unit, "usd": worth})
    for e, event in enumerate(listing.events):
        first = listing.first_share(e)
        for k, share in enumerate(event.shares):
            if x := account.balances.get(first + k, 0):
                book_id = listing.first_book(e)
                marks = [account.marks[book_id + j] for j in range(len(event.books))]
                marks = marks if len(marks) > 1 else [marks[0], event.payoff_ticks - marks[0]]
                worth = x * marks[k] / event.payoff_ticks
                row = {"name": f"{event.name} {share}", "amount": x, "unit": "shares"}
                rows.append({**row, "usd": worth})
    return rows


def modes(found: list[Margin], endures: list[Endurance] | None = None) -> list[Found]:
    """NE, IM, MM, capital needed and what it saves against isolated wallets, by mode."""
    most = next(m.need_usd for m in found if m.mode == MODES[0])
    rows = []
    for n, margin in enumerate(found):
        saves = most - margin.need_usd
        row: Found = {
            "mode": margin.mode,
            "ne_usd": margin.ne_usd,
            "im_usd": margin.im_usd,
            "mm_usd": margin.mm_usd,
            "need_usd": margin.need_usd,
            "left_usd": margin.left_usd,
            "saves_usd": saves,
            "saves_share": saves / most if most else None,
            "wallets": [
                {
                    "name": w.name,
                    "ne_usd": w.ne_usd,
                    "im_usd": w.im_usd,
                    "mm_usd": w.mm_usd,
                    "need_usd": w.need_micro / MICRO,
                    "legs": [asdict(leg) for leg in w.legs],
                }
                for w in margin.wallets
            ],
        }
        if endures:
            end = endures[n]
            row["endurance"] = {
                "states": end.states,
                "flagged": end.flagged,
                "uncovered_usd": end.uncovered_usd,
                "worst": end.worst,
            }
        rows.append(row)
    return rows


def states(table: StateTable) -> Found:
    """The loss in every state."""
    m, c = table.worst()
    return {
        "moves": [{"move": float(move.value), "why": move.why} for move in table.moves],
        "ends": [{"title": end.title, "outcomes": dict(end.outcomes)} for end in table.ends],
        "losses_usd": [list(row) for row in table.losses_usd],
        "worst": {
            "move": float(table.moves[m].value),
            "ends": table.ends[c].title,
            "loss_usd": table.losses_usd[m][c],
        },
        "notes": list(table.notes),
    }
