"""Votes against what is known of them in closed form, and their money to the micro-USD."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.oracle.answers import Answer
from sim.oracle.electorate import Bribe, Voters, Whale, apportion, callers, draw
from sim.oracle.jury import error_with_turnout, flipping_turnout, majority_error, tie
from sim.oracle.voting import ABSENT, Tally, count, least_bribe, vote

YES, NO = Answer(0), Answer(1)
EQUAL = Voters(
    count=25, stake_micro=25_000_000, tail_exponent=0.0, communities=1, accuracy=0.7,
    correlation=0.0, turnout=1.0, min_turnout=0.0,
)  # fmt: skip


def tallies(voters: Voters, runs: int, truth: Answer = YES) -> list[Tally]:
    electorate = draw(voters, 1, "q")
    options = (truth, NO if truth == YES else YES)
    return [vote(voters, electorate, options, seed, "q") for seed in range(runs)]


def errors(voters: Voters, runs: int) -> float:
    return sum(t.winner == NO for t in tallies(voters, runs)) / runs


# closed forms -----------------------------------------------------------------------------
def test_three_jurors_err_as_condorcet_says() -> None:
    # By hand: 0.2^3 + 3 * 0.2^2 * 0.8 = 0.104
    assert majority_error(3, 0.8) == pytest.approx(0.104, abs=1e-12)
    assert tie(3, 0.8) == 0.0
    # Two of four: 6 * 0.8^2 * 0.2^2 = 0.1536; more than two wrong: 0.2^4 + 4 * 0.2^3 * 0.8
    assert tie(4, 0.8) == pytest.approx(0.1536, abs=1e-12)
    assert majority_error(4, 0.8) == pytest.approx(0.0272, abs=1e-12)


@given(st.integers(1, 40), st.floats(0, 1))
def test_the_formula_is_the_sum(n: int, a: float) -> None:
    by_hand = sum(math.comb(n, k) * a**k * (1 - a) ** (n - k) for k in range(n + 1) if 2 * k < n)
    assert majority_error(n, a) == pytest.approx(by_hand, abs=1e-9)


def test_turnout_mixes_juries_of_every_size() -> None:
    # One voter at half turnout: wrong with probability 0.5 * (1 - a).
    assert error_with_turnout(1, 0.7, 0.5) == pytest.approx(0.15)
    # Two: both vote (0.25): both wrong 0.09; one votes (0.5): 0.3.
    assert error_with_turnout(2, 0.7, 0.5) == pytest.approx(0.25 * 0.09 + 0.5 * 0.3)
    assert error_with_turnout(9, 0.7, 1.0) == pytest.approx(majority_error(9, 0.7))


@pytest.mark.parametrize("voters", [11, 24, 25])
@pytest.mark.parametrize("accuracy", [0.55, 0.7])
def test_independent_equal_voters_err_as_the_binomial(voters: int, accuracy: float) -> None:
    runs = 2000
    who = replace(EQUAL, count=voters, stake_micro=voters * 10**6, accuracy=accuracy)
    wrong = errors(who, runs)
    expected = majority_error(voters, accuracy)
    se = math.sqrt(expected * (1 - expected) / runs)
    assert abs(wrong - expected) < 3 * se
    undecided = sum(t.winner is None for t in tallies(who, runs)) / runs
    even = tie(voters, accuracy)
    assert abs(undecided - even) <= 3 * math.sqrt(even * (1 - even) / runs)


def test_with_turnout_too() -> None:
    runs, who = 2000, replace(EQUAL, turnout=0.5)
    expected = error_with_turnout(25, 0.7, 0.5)
    assert abs(errors(who, runs) - expected) < 3 * math.sqrt(expected * (1 - expected) / runs)


def test_one_voice_errs_as_one_voter() -> None:
    runs, who = 2000, replace(EQUAL, correlation=1.0)
    assert abs(errors(who, runs) - 0.3) < 3 * math.sqrt(0.3 * 0.7 / runs)
    assert all(len(set(t.votes)) == 1 for t in tallies(who, 20))


def test_communities_of_one_voice_are_a_jury_of_communities() -> None:
    runs = 2000
    who = replace(EQUAL, communities=5, correlation=1.0)
    expected = majority_error(5, 0.7)
    assert abs(errors(who, runs) - expected) < 3 * math.sqrt(expected * (1 - expected) / runs)


def test_correlation_makes_juries_worse() -> None:
    found = [errors(replace(EQUAL, correlation=rho), 600) for rho in (0.0, 0.4, 0.8)]
    assert found == sorted(found)
    assert found[0] < found[2] / 2


# blocs ------------------------------------------------------------------------------------
BLOC = replace(
    EQUAL, count=6000, stake_micro=10**10, accuracy=1.0, whales=(Whale("bloc", 0.25, NO),)
)


def test_a_quarter_of_the_stake_wins_below_a_third_of_turnout() -> None:
    assert flipping_turnout(0.25, 1.0) == pytest.approx(1 / 3)
    assert flipping_turnout(0.25, 0.9) == pytest.approx(0.25 / 0.75 / 0.8)
    assert flipping_turnout(0.25, 0.5) == math.inf


@pytest.mark.parametrize("accuracy", [1.0, 0.9, 0.75])
def test_a_bloc_flips_the_vote_on_its_side_of_the_line(accuracy: float) -> None:
    line = flipping_turnout(0.25, accuracy)
    for turnout, winner in ((line - 0.08, NO), (line + 0.08, YES)):
        who = replace(BLOC, accuracy=accuracy, turnout=turnout)
        assert {t.winner for t in tallies(who, 10)} == {winner}


def test_a_whale_votes_its_position_or_honestly_when_flat() -> None:
    whale = Whale("w", 0.9, "position", trader="attacker")
    who = replace(BLOC, whales=(whale,))
    electorate = draw(who, 1, "q")
    voted = vote(who, electorate, (YES, NO), 1, "q", {"w": NO})
    assert voted.winner == NO
    assert vote(who, electorate, (YES, NO), 1, "q", {"w": None}).winner == YES
    with pytest.raises(ValueError, match="name its trader"):
        Whale("w", 0.5, "position")


def test_whales_have_names_of_their_own() -> None:
    """Their minds are told apart by name: two of one name would vote as one."""
    with pytest.raises(ValueError, match="two voters are named 'w'"):
        Voters(whales=(Whale("w", 0.2, YES), Whale("v", 0.1), Whale("w", 0.3, NO)))


# thresholds -------------------------------------------------------------------------------
def test_a_tie_a_small_majority_and_a_small_turnout_have_no_winner() -> None:
    stakes, options = (10, 10, 10), (YES, NO)
    assert count(EQUAL, stakes, options, (0, 1, ABSENT)).winner is None
    assert count(EQUAL, stakes, options, (0, 0, 1)).winner == YES
    strict = replace(EQUAL, majority=2 / 3)
    assert count(strict, stakes, options, (0, 0, 1)).winner is None
    assert count(strict, stakes, options, (0, 0, 0)).winner == YES
    lazy = replace(EQUAL, min_turnout=0.5)
    assert count(lazy, stakes, options, (0, ABSENT, ABSENT)).winner is None
    assert count(lazy, stakes, options, (0, 0, ABSENT)).winner == YES
    assert count(EQUAL, stakes, options, (ABSENT,) * 3).winner is None


# money ------------------------------------------------------------------------------------
@given(
    st.lists(st.tuples(st.integers(0, 10**13), st.sampled_from([-1, 0, 1, 2])), min_size=1,
             max_size=40),
    st.floats(0, 1),
)  # fmt: skip
def test_what_is_slashed_is_paid_out(rows: list[tuple[int, int]], slash: float) -> None:
    stakes, votes = [s for s, _ in rows], [v for _, v in rows]
    options = (YES, NO, Answer(2))
    tally = count(replace(EQUAL, slash=slash), stakes, options, votes)
    assert sum(tally.rewards) == sum(tally.slashed)
    assert all(x >= 0 for x in (*tally.rewards, *tally.slashed))
    assert all(s <= stake for s, stake in zip(tally.slashed, stakes, strict=True))
    for choice, slashed, reward in zip(votes, tally.slashed, tally.rewards, strict=True):
        lost = choice != ABSENT and options[choice] != tally.winner
        assert slashed == 0 or (lost and tally.winner is not None)
        assert reward == 0 or (choice != ABSENT and options[choice] == tally.winner)
    assert tally.cast == sum(s for s, v in rows if v != ABSENT)


def test_slashing_by_hand() -> None:
    tally = count(replace(EQUAL, slash=0.1), (600, 300, 105), (YES, NO), (0, 0, 1))
    assert tally.slashed == (0, 0, 10)
    assert tally.rewards == (7, 3, 0)  # 6.67 and 3.33: floors, the rest to the largest


@given(st.integers(0, 10**24), st.integers(0, 1000))
def test_slashing_is_exact_for_any_stake(stake: int, permille: int) -> None:
    stakes = (2 * stake + 1, stake + 1, stake)
    tally = count(replace(EQUAL, slash=permille / 1000), stakes, (YES, NO), (0, 0, 1))
    assert tally.slashed == (0, 0, stake * permille // 1000)
    first = sum(tally.slashed) * stakes[0] // (stakes[0] + stakes[1])
    second = sum(tally.slashed) * stakes[1] // (stakes[0] + stakes[1])
    assert tally.rewards == (sum(tally.slashed) - second, second, 0)
    assert tally.rewards[0] - first <= 1


@given(st.integers(0, 10**15), st.lists(st.floats(0.001, 1e6), min_size=1, max_size=30))
def test_apportioned_parts_add_up(total: int, weights: list[float]) -> None:
    parts = apportion(total, weights)
    assert sum(parts) == total
    assert min(parts) >= 0


@given(
    st.integers(0, 10**18),
    st.lists(
        st.one_of(st.floats(0, 1e300), st.floats(0.5, 1e4), st.integers(0, 2**70)),
        min_size=1, max_size=30,
    ).filter(any),
)  # fmt: skip
def test_apportioned_parts_are_the_fractions_floors(total: int, weights: list[float]) -> None:
    exact = [Fraction(w) for w in weights]
    floors = [math.floor(total * w / sum(exact)) for w in exact]
    floors[weights.index(max(weights))] += total - sum(floors)
    assert apportion(total, weights) == floors


def test_stakes_have_the_tail_they_are_given() -> None:
    voters = Voters(count=4000, tail_exponent=1.5)
    stakes = sorted(draw(voters, 3, "q").stakes, reverse=True)
    assert sum(stakes) == voters.stake_micro
    top = stakes[:400]
    hill = 1 / (sum(math.log(s / top[-1]) for s in top[:-1]) / len(top[:-1]))
    assert hill == pytest.approx(1.5, rel=0.15)
    whales = replace(voters, whales=(Whale("a", 0.25), Whale("b", 0.1)))
    drawn = draw(whales, 3, "q").stakes
    assert sum(drawn) == voters.stake_micro
    assert drawn[-2:] == (voters.stake_micro // 4, math.floor(voters.stake_micro * 0.1))


# bribes -----------------------------------------------------------------------------------
def test_a_voter_takes_what_exceeds_its_expected_loss() -> None:
    # 1,000 USD of stake, 0.1 % slashed, loses with probability 0.9: 0.9 USD expected.
    assert least_bribe(1_000_000_000, 0.001, 0.9) == 900_001
    who = replace(
        EQUAL, count=5, stake_micro=5_000_000_000, accuracy=0.9, slash=0.001,
        bribe=Bribe(NO, budget_micro=10**9, price_per_stake=0.0009),
    )  # fmt: skip
    at_the_edge = tallies(who, 30)  # 0.9 USD is offered: not more than the expected loss
    assert all(t.bribed == () for t in at_the_edge)
    more = replace(who, bribe=Bribe(NO, 10**9, 0.00091))
    bought = [t for t in tallies(more, 30) if t.votes.count(1) == 3 and t.bribed]
    assert bought
    assert all(t.bribes == 910_000 * len(t.bribed) for t in bought)


def test_the_briber_buys_the_cheapest_until_it_wins_and_no_more() -> None:
    who = replace(
        EQUAL, count=101, stake_micro=101_000_000_000, tail_exponent=1.0, accuracy=1.0,
        bribe=Bribe(NO, budget_micro=10**12),
    )  # fmt: skip
    (tally,) = tallies(who, 1)
    stakes = draw(who, 1, "q").stakes
    assert tally.winner == NO
    assert tally.bribes == sum(least_bribe(stakes[v], 0.001, 1.0) for v in tally.bribed)
    dearest = max(stakes[v] for v in tally.bribed)
    assert all(stakes[v] >= dearest for v in range(101) if v not in tally.bribed)
    assert 2 * (tally.stake_for[NO] - dearest) <= tally.cast
    poor = replace(who, bribe=Bribe(NO, budget_micro=tally.bribes // 2))
    (short,) = tallies(poor, 1)
    assert short.winner == YES
    assert 0 < short.bribes <= tally.bribes // 2


def test_absent_voters_can_be_bought() -> None:
    who = replace(EQUAL, turnout=0.0, bribe=Bribe(NO, 10**9))
    (tally,) = tallies(who, 1)
    assert tally.winner == NO
    assert tally.turnout == pytest.approx(1 / 25)


# the network ------------------------------------------------------------------------------
def test_communities_are_the_components_of_the_network() -> None:
    graph = callers(23, 4)
    assert [len(c) for c in nx.weakly_connected_components(graph)] == [6, 6, 6, 5]
    other = nx.DiGraph([(0, 1), (2, 3), (3, 4)])
    drawn = draw(replace(EQUAL, count=5, communities=2), 1, "q", other)
    assert drawn.community.tolist() == [0, 0, 1, 1, 1]
    with pytest.raises(ValueError, match="nodes are not 0 … 4"):
        draw(replace(EQUAL, count=5), 1, "q", nx.DiGraph([(0, 9)]))


def test_equal_seeds_vote_alike_and_names_apart() -> None:
    electorate = draw(EQUAL, 1, "q")
    one = vote(EQUAL, electorate, (YES, NO), 5, "q")
    assert one == vote(EQUAL, electorate, (YES, NO), 5, "q")
    assert one.votes != vote(EQUAL, electorate, (YES, NO), 5, "another").votes


def test_a_parameter_moves_nobody_elses_draws() -> None:
    electorate = draw(EQUAL, 1, "q")
    full = vote(EQUAL, electorate, (YES, NO), 5, "q").votes
    half = vote(replace(EQUAL, turnout=0.5), electorate, (YES, NO), 5, "q").votes
    assert ABSENT in half
    assert all(h in (ABSENT, f) for h, f in zip(half, full, strict=True))


@pytest.mark.parametrize("share", [0.0, 1.0, 1.2])
def test_bad_shares_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Whale("w", share)
    with pytest.raises(ValueError, match="nothing is left"):
        Voters(whales=(Whale("a", 0.6), Whale("b", 0.4)))


def test_wrong_options_are_taken_evenly() -> None:
    who = replace(EQUAL, count=9000, communities=1, accuracy=0.4)
    electorate = draw(who, 1, "q")
    options = tuple(Answer(k) for k in range(4))
    votes = np.array(vote(who, electorate, options, 1, "q").votes)
    shares = np.bincount(votes, minlength=4) / len(votes)
    assert shares == pytest.approx([0.4, 0.2, 0.2, 0.2], abs=0.02)
