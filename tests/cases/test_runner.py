"""Running cases: what counts as a difference, and what it says."""

from __future__ import annotations

import pytest

from scenarios.casefile import read, run
from scenarios.casefile.report import as_data, by_clause, differences, line, summary
from scenarios.casefile.runner import Outcome, messages_of


def changed(text: str, old: str, new: str) -> Outcome:
    assert old in text
    return run(read(text.replace(old, new, 1), "x.case.toml"))


def fields(outcome: Outcome) -> list[tuple[int, str, str, str]]:
    return [(d.step, d.field, d.expected, d.got) for d in outcome.differences]


def extended(text: str, steps: str) -> Outcome:
    return run(read(text + steps, "x.case.toml"))


def test_a_case_that_holds(small: str) -> None:
    outcome = run(read(small))
    assert outcome.passed
    assert (outcome.steps, outcome.checks) == (2, 5)
    assert outcome.events == ()


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        ("size = 2, entry", "size = -2, entry", (2, "positions.alice.T-PERP", "-2", "2")),
        ("entry = 100", "entry = 100.1", (2, "positions.alice.T-PERP.entry", "100.1", "100")),
        ("entry = 100", "cost = 201", (2, "positions.alice.T-PERP.cost", "201", "200")),
        ("bob = 994", 'bob = "994.000001"', (2, "equity.bob", "994.000001", "994")),
        ("equity =", "ne.alice = 1_005\nequity =", (2, "ne.alice", "1005", "1006")),
        ("equity =", "free.alice = 995\nequity =", (2, "free.alice", "995", "995.7")),
        ("equity =", 'mm.bob = "10.31"\nequity =', (2, "mm.bob", "10.31", "10.3")),
        ("equity =", "mark.T-PERP = 102\nequity =", (2, "mark.T-PERP", "102", "103")),
        ("equity =", "index.T = 102\nequity =", (2, "index.T", "102", "103")),
        ("equity =", "twap.T = 102\nequity =", (2, "twap.T", "102", "103")),
        ("equity =", "bid.T-PERP = 99\nequity =", (2, "bid.T-PERP", "99", "none")),
        ("equity =", 'flagged = ["bob"]\nequity =', (2, "flagged", "bob", "nobody")),
        ("equity =", "buckets.fees = 1\nequity =", (2, "buckets.fees.USDC", "1", "0")),
        ("equity =", "buckets.vault.E = 1\nequity =", (2, "buckets.vault.E", "1", "0")),
        ("equity =", 'balances.bob."E:NO" = 1\nequity =', (2, "balances.bob.E:NO", "1", "0")),
        ("equity =", "claims.bob.USDC = 1\nequity =", (2, "claims.bob.USDC", "1", "0")),
        ("equity =", 'book_state.E = "closed"\nequity =', (2, "book_state.E", "closed", "open")),
        (
            "equity =",
            'book.E = [{ side = "buy", price = 0.5, size = 1 }]\nequity =',
            (2, "book.E", "1 orders", "0 orders"),
        ),
        ("equity =", 'kinds = ["FILL"]\nequity =', (2, "kinds", "FILL", "INDEX MARK")),
        ("equity =", 'refused = "BAD_TICK"\nequity =', (2, "refused", "BAD_TICK", "nothing")),
        ("equity =", "state_unchanged = true\nequity =", (2, "state_unchanged", "", "")),
        (
            "price = 103 }]",
            "price = 104 }]",
            (2, "events.0", "MARK instrument=T-PERP price=104", "MARK with price=103"),
        ),
        ('"MARK", ', '"MARK", count = 2, ', (2, "events.0", "", "1 of them")),
        ('kind = "MARK", instrument = "T-PERP", price = 103', 'kind = "FILL"', (2, "events.0", "FILL", "no FILL")),
        ("mark = { T-PERP = 103 }", "mark_all = true", (2, "equity.alice", "1006", "1000")),
    ],
)  # fmt: skip
def test_a_difference_is_seen(
    small: str, old: str, new: str, want: tuple[int, str, str, str]
) -> None:
    found = fields(changed(small, old, new))
    step, field, expected, got = want
    same = [f for f in found if f[:2] == (step, field)]
    assert same, found
    assert expected in same[0][2]
    assert got in same[0][3]


def test_written_digits_are_compared(small: str) -> None:
    """103·2·.05 = 10.3; the entry is 100."""
    for written in ('"10.3"', "10.3", '"10.300000"', '"10.30"'):
        assert changed(small, "equity =", f"mm.alice = {written}\nequity =").passed
    assert changed(small, "equity =", 'ne.alice = "1006.0"\nequity =').passed
    assert not changed(small, "equity =", "mm.alice = 10\nequity =").passed


def test_a_refusal_that_is_not_expected_is_a_difference(small: str) -> None:
    step = """
[[step]]
order = { account = "bob", instrument = "T-PERP", side = "buy", price = 100, size = 1_000 }
"""
    assert fields(extended(small, step)) == [(3, "refused", "nothing", "INSUFFICIENT_MARGIN")]
    told = 'refused = "INSUFFICIENT_MARGIN"\nexpect.state_unchanged = true\n'
    assert extended(small, step + told).passed
    other = extended(small, step + 'refused = "BAD_SIZE"\n')
    assert fields(other) == [(3, "refused", "BAD_SIZE", "INSUFFICIENT_MARGIN")]
    assert extended(small, step + 'expect.events = [{ kind = "REJECT" }]\n').passed
    assert extended(small.replace("title", "allow_refusals = true\ntitle"), step).passed
    after = extended(small, step + "\n[[step]]\nmark = true\n")
    assert after.steps == 3  # it stops there


def test_an_order_is_named_or_numbered(small: str) -> None:
    steps = """
[[step]]
order = { account = "bob", instrument = "T-PERP", side = "buy", price = 99, size = 1, id = 3 }
[[step]]
order = { account = "bob", instrument = "T-PERP", side = "buy", price = 98, size = 1, id = "mine" }
[[step]]
order = { account = "bob", instrument = "T-PERP", side = "buy", price = 97, size = 1 }
[[step]]
cancel = { account = "bob", order = "mine" }
expect.events = [{ kind = "CANCELLED", order = "mine", reason = "BY_USER", size = 1 }]
[[step]]
cancel = { account = "bob", order = 3 }
expect.book.T-PERP = [{ side = "buy", price = 97, size = 1, account = "bob", order = 5 }]
"""
    outcome = extended(small, steps)
    assert outcome.passed, differences(outcome)
    orders = [m[8] for m in messages_of(read(small + steps)) if m[1] == 20]
    assert orders == [1, 2, 3, 4, 5]  # 3 was taken by its number


def test_events_of_a_step_and_since_the_last_expectation(small: str) -> None:
    steps = """
[[step]]
deposit = { account = "bob", amount = 1 }
[[step]]
deposit = { account = "bob", amount = 2 }
[[step]]
expect.kinds = ["DEPOSIT", "DEPOSIT"]
[[step]]
deposit = { account = "bob", amount = 3 }
[[step]]
deposit = { account = "bob", amount = 4 }
expect.events = [{ kind = "DEPOSIT", size = 4 }, { kind = "DEPOSIT", size = 3, count = 0 }]
[[step]]
expect.kinds = []
"""
    outcome = extended(small, steps)
    assert outcome.passed, differences(outcome)


def test_events_are_found_in_order(small: str) -> None:
    step = """
[[step]]
trade = { instrument = "T-PERP", buyer = "alice", seller = "bob", price = 103, size = 1 }
expect.events = [{ kind = "FILL" }, { kind = "ORDER", account = "bob" }]
"""
    found = fields(extended(small, step))
    assert found == [(3, "events.1", "ORDER account=bob", "it came, but earlier")]
    twice = step.replace('"ORDER", account = "bob"', '"FILL"')
    assert fields(extended(small, twice))[0][3] == "it came, but earlier"


def test_time_passes_with_ticks(small: str) -> None:
    steps = """
[[step]]
advance = { seconds = 10, ticks = ["mark", "premium"], fresh = true }
"""
    sent = messages_of(read(small + steps))[-22:]
    kinds = [m[1] for m in sent]
    assert kinds.count(1) == 10
    assert kinds.count(2) == 10
    assert kinds.count(3) == 2
    assert kinds[:3] == [1, 2, 1]
    start = sent[0][0]
    assert [m[0] - start for m in sent if m[1] == 3] == [4_000_000, 9_000_000]


def test_a_trade_must_fill(small: str) -> None:
    step = """
[[step]]
trade = { instrument = "T-PERP", buyer = "alice", seller = "bob", price = 103, size = 900 }
expect.events = [{ kind = "REJECT", count = 2 }]
"""
    assert fields(extended(small, step)) == [(3, "trade", "900 lots filled", "0")]


def test_who_rests_in_a_trade(small: str) -> None:
    step = """
[[step]]
trade = { instrument = "T-PERP", buyer = "alice", seller = "bob", price = 103, size = 1, maker = "buy" }
expect.events = [{ kind = "FILL", account = "bob", other = "alice" }]
"""
    assert extended(small, step).passed
    assert not extended(small, step.replace(', maker = "buy"', "")).passed


def test_broken_invariants_are_differences(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from scenarios.casefile.venue import Venue

    monkeypatch.setattr(Venue, "broken", lambda self: {"I1": 2})
    found = fields(run(read(small)))
    assert found == [(1, "invariant I1", "0 violations", "2")]


def test_the_report(small: str) -> None:
    good, bad = run(read(small, "x.case.toml")), changed(small, "bob = 994", "bob = 995")
    assert line(good) == "ok   ORD-01                   A trade  (2 steps, 5 checks)"
    assert line(bad).startswith("MISS ORD-01")
    text = differences(bad).splitlines()
    assert text[0] == "x.case.toml:32: step 2: equity.bob"
    assert text[1:4] == ["    expected 995", "    got      994", "    events:"]
    assert text[-1].strip() == "MARK instrument=T-PERP price=103 size=103 amount=100 x=none y=none"
    assert by_clause([good, bad]) == {"ORD-01": {"cases": 2, "missed": 1}}
    assert summary([good, bad]) == "2 cases, 1 missed; by clause: ORD-01 2 (1 missed)"
    data = as_data([good, bad])
    assert data["passed"] is False
    assert data["cases"][1]["differences"][0]["field"] == "equity.bob"
