"""Case files: what is read, what is refused, and how the refusal reads."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from scenarios.casefile import find, load, read
from scenarios.casefile.amounts import CaseFault, plain, units
from scenarios.casefile.runner import check, plan
from scenarios.errors import ScenarioError


def refusal(text: str, old: str, new: str) -> str:
    assert old in text
    with pytest.raises(ScenarioError) as error:
        check([read(text.replace(old, new, 1), "x.case.toml")])
    return str(error.value)


def test_a_good_file_is_read_exactly(small: str) -> None:
    case = read(small)
    made = plan(case)
    assert case.feeds[0].tick == Decimal("0.1")
    assert made.listing.feeds[0].tick_micro == 100_000
    assert made.listing.perpetuals[0].max_size_lots * 64 * 1000 * 100_000 < 1 << 62
    assert [m["kind"] for m in made.opening] == [1, 7, 7]
    assert [m["price"] for m in made.steps[0].messages] == [1000, 1000]
    assert case.exchange_rules().strict_prices is False


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "A trade"', "", "x.case.toml: title: this field is required"),
        ("title =", "titel =", "x.case.toml:2: titel: unknown field 'titel'; did you mean 'title'?"),
        ("preset =", "presett =", "rules.presett: unknown field 'presett'; did you mean 'preset'?"),
        ('"conformance"', '"conform"', "x.case.toml:6: rules.preset: 'conform' is not known; did"),
        ('["ORD-01"]', '["ord 1"]', "x.case.toml:3: clauses.0: String should match"),
        ("tick = 0.1", 'tick = "a"', "x.case.toml:10: feeds.0.tick: 'a' is no number"),
        ("tick = 0.1", "tick = nan", "feeds.0.tick: NaN is no finite number"),
        ("tick = 0.1", "tick = 0", "x.case.toml:8: feeds.0: T: tick and index must be above 0"),
        ("index = 100", "index = 100.05", "feeds.0: T: index 100.05 is no multiple of tick (0.1)"),
        ('feed = "T"', 'feed = "U"', "x.case.toml:13: perpetuals.0: T-PERP: unknown feed 'U'"),
        ('feed = "T"', 'feed = "T"\nlot = 0.3', "perpetuals.0: T-PERP: one 1 is no multiple of"),
        ('feed = "T"', 'feed = "T"\nlot = 2', "lot 2 must be one part of 1, such as 0.001"),
        ("base = 0.05", "base = 0.005", "x.case.toml:16: perpetuals.0.margin: base 0.005 < base_m"),
        ('name = "E"', 'name = "E"\nkind = "binery"', "events.0.kind: 'binery' is not known; did you"),
        ('name = "E"', 'name = "E"\nlow = 1', "E: low and high belong to a scalar event"),
        ('name = "E"', 'name = "E"\noutcomes = ["a"]', "belong to a categorical event"),
        ('name = "E"', 'name = "E"\nkind = "scalar"', "events.low: Input should be a valid integer"),
        ('name = "E"', 'name = "E"\nunderlying = "T"', "E: underlying 'T' needs strike or jumps"),
        ('name = "E"', 'name = "E"\nstrike = 3', "E: a strike needs the feed it is a price of, unk"),
        ('name = "E"', 'name = "E"\nbelow = true', "E: below belongs to a strike"),
        ('name = "E"', 'name = "E"\nunderlying = "T"\nstrike = 0', "E: strike 0 must be above 0"),
        (
            'name = "E"',
            'name = "E"\nunderlying = "T"\nstrike = 3.05',
            "E: strike 3.05 is no multiple of the tick of T (0.1)",
        ),
        (
            'name = "E"',
            'name = "E"\nunderlying = "T"\njumps = [0.1]',
            "x.case.toml:18: events.0: E: 1 jumps for 2 outcomes",
        ),
        ("tick = 0.1", "tick = 0.1\ngrid = [1.5]", "feeds.0.grid.0: Input should be less than 1"),
        (
            'preset = "conformance"',
            'disposal = { policy = "vga" }',
            "x.case.toml:6: rules.disposal.policy: 'vga' is not known; did you mean 'vega'?",
        ),
        (
            'preset = "conformance"',
            'disposal = { policy = "vega", fractin = 1 }',
            "rules.disposal.fractin: unknown field 'fractin'; did you mean 'fraction'?",
        ),
        ('name = "E"', 'name = "E"\njumps = [0.1, 0.2]', "E: jumps need an underlying"),
        ('preset = "conformance"', 'adl = "prorata"', "rules.adl: 'prorata' is not known; did you"),
        ("alice = { USDC", "alice = { USDX", "accounts.alice.USDX: unknown asset 'USDX'; did you"),
        ("USDC = 1_000 }", "USDC = 0 }", "accounts.alice.USDC: a deposit must be above 0, found 0"),
        ("USDC = 1_000 }", "USDC = 1e-7 }", "no multiple of the smallest unit (0.000001)"),
        ("trade =", "traed =", "x.case.toml:26: step 1 (traed): unknown field 'traed'; did you mean"),
        ("trade =", "mark = true\ntrade =", "step 1: one action a step, found trade and mark"),
        ("buyer =", "buyr =", "step 1 (trade.buyr): unknown field 'buyr'; did you mean 'buyer'?"),
        ('buyer = "alice"', 'buyer = "alcie"', ":26: step 1 (trade): unknown account 'alcie'; did"),
        ("price = 100,", "price = 100.05,", "step 1 (trade): price 100.05 is no multiple of the tick"),
        ("size = 2 }", "size = 2.5 }", "step 1 (trade): size 2.5 is no multiple of the lot (1)"),
        ("size = 2 }", "size = 9e25 }", "size 90000000000000000000000000 is too large"),
        ("mark = {", "mark_all = {", "x.case.toml:29: step 2 (mark_all): Input should be True"),
        ("T-PERP = 103", "E = 0.5", "E: the mark of an event book comes from its orders alone"),
        ("T-PERP = 103", "T-PRP = 103", "step 2 (mark): unknown instrument 'T-PRP'; did you mean"),
        ("positions.alice", "positons.alice", "step 2 (expect.positons): unknown field 'positons';"),
        ("positions.alice", "positions.al", ":31: step 2 (expect.positions.al): unknown account"),
        ("alice = { T-PERP", "alice = { E", "positions: 'E' has balances, not positions"),
        ("alice = 1_006", "zoe = 1", "x.case.toml:32: step 2 (expect.equity.zoe): unknown account"),
        ('kind = "MARK"', 'kind = "MARC"', "unknown event 'MARC'; did you mean 'MARK'? allowed:"),
        ('"MARK", ', '"MARK", instrment = 1, ', "step 2 (expect.events.0.instrment): unknown field"),
        ('instrument = "T-PERP", price', 'instrument = "TPERP", price', "unknown instrument 'TPERP'"),
        ("[step.expect]", 'refused = "STALE"\n[step.expect]', "unknown reason 'STALE'; did you mean"),
        ("[[step]]", "[[step]\n", "x.case.toml: "),
        ("[[step]]", "[[step]]\nnote = 'x'\n[[step]]", "step 1: a step needs an action or `expect`"),
        ("[[step]]", "[[step]]\nadvance = -1\n[[step]]", "step 1 (advance): time does not run back"),
        ("[[step]]", "[[step]]\nadvance = 1e-7\n[[step]]", "seconds 0.0000001 is no multiple of"),
        (
            "[[step]]",
            '[[step]]\ncancel = { account = "bob", order = "x" }\n[[step]]',
            "step 1 (cancel): unknown order 'x'; allowed: nothing",
        ),
        (
            "[[step]]",
            '[[step]]\nsend = { kind = "NEWS" }\n[[step]]',
            "step 1 (send): unknown kind 'NEWS'; did you mean 'NEW'?",
        ),
        (
            "[[step]]",
            '[[step]]\nresolve = { event = "E", outcome = "YSE" }\n[[step]]',
            "unknown outcome 'YSE'; did you mean 'YES'? allowed: YES, NO, void",
        ),
        (
            "[[step]]",
            '[[step]]\norder = { account = "bob", instrument = "E", side = "buy", size = 1, '
            'type = "limit" }\n[[step]]',
            "step 1 (order): a limit order needs a price",
        ),
        (
            "[[step]]",
            "[[step]]\nadvance = { seconds = 200_000, fresh = true }\n[[step]]",
            "no more than two days with ticks in one step",
        ),
    ],
)  # fmt: skip
def test_bad_input_names_place_and_nearest(small: str, old: str, new: str, said: str) -> None:
    answer = refusal(small, old, new)
    assert said in answer
    assert "\n" not in answer or "[[step]\n" in new
    assert answer.startswith("x.case.toml")


def test_a_name_that_events_have_not_is_refused(small: str) -> None:
    """A wrong name in an event row could never be found: it is bad input, not a miss."""
    answer = refusal(small, "price = 103 }]", 'code = 1 }, { kind = "FILL", account = "zo" }]')
    assert "unknown account 'zo' of FILL" in answer


def test_amounts_are_exact() -> None:
    assert units(Decimal("0.3"), Decimal("0.1"), "x", "tick") == 3
    assert units(Decimal("9223372036854.775807"), Decimal("0.000001"), "x", "u") == (1 << 63) - 1
    with pytest.raises(CaseFault, match="too large"):
        units(Decimal("9223372036854.775808"), Decimal("0.000001"), "x", "u")
    assert [plain(Decimal(x)) for x in ("1E+3", "-0.0", "0.10", "12")] == ["1000", "0", "0.1", "12"]


def test_files_are_found_in_folders_and_by_name(tmp_path: Path, small: str) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    for path in (tmp_path / "z.case.toml", deep / "x.case.toml", deep / "no.toml"):
        path.write_text(small, "utf-8")
    found = find([tmp_path, tmp_path / "z.case.toml"])
    assert [p.name for p in found] == ["x.case.toml", "z.case.toml"]
    assert load(found[0]).title == "A trade"
    with pytest.raises(ScenarioError, match="no such file or folder"):
        find([tmp_path / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScenarioError, match=r"no \*\.case\.toml in this folder"):
        find([tmp_path / "empty"])
    (tmp_path / "bytes.case.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioError, match="bytes"):
        load(tmp_path / "bytes.case.toml")
