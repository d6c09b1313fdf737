"""What an event can resolve to, what is true of it, and what its shares are then worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sim.exchange.instruments import MICRO, AnyEvent, ScalarEvent

VOID = -1


@dataclass(frozen=True, order=True)
class Answer:
    """One answer: ``outcome`` as RESOLVE's arg (−1 void, 0 for a scalar), ``value`` of a scalar."""

    outcome: int
    value: int = 0

    @property
    def void(self) -> bool:
        return self.outcome == VOID


NOTHING = Answer(VOID)


@dataclass(frozen=True)
class Truth:
    """What is true of an event from ``due_us`` on; ``outcome`` −1: it is void."""

    outcome: int
    due_us: int
    value: int = 0

    @property
    def answer(self) -> Answer:
        return Answer(self.outcome, self.value)


def possible(item: AnyEvent, answer: Answer) -> bool:
    """Whether the exchange takes it as a resolution (SET-03)."""
    if answer.void:
        return True
    if isinstance(item, ScalarEvent):
        return answer.outcome == 0 and item.low <= answer.value <= item.high
    return answer.value == 0 and 0 <= answer.outcome < len(item.shares)


def answer_named(item: AnyEvent, word: str | float) -> Answer:
    """The answer that a file writes as the name of an outcome, "void", or a scalar's value.

    Raises:
        ValueError: the event has no such outcome, or the value lies outside its range.
    """
    if isinstance(word, str) and word.lower() == "void":
        return NOTHING
    if isinstance(item, ScalarEvent):
        return Answer(0, _value(item, word))
    if word in item.shares:
        return Answer(item.shares.index(str(word)))
    allowed = [*item.shares, "void"]
    close = get_close_matches(str(word), allowed, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    raise ValueError(f"{item.name!r} has no outcome {word!r}{hint} allowed: {', '.join(allowed)}")


def _value(item: ScalarEvent, word: str | float) -> int:
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{item.name!r} is a scalar: a number or 'void', not {word!r}") from None
    if not float(value).is_integer() or not item.low <= value <= item.high:
        raise ValueError(
            f"{item.name!r}: value {value:g} is outside the whole numbers {item.low} … {item.high}"
        )
    return int(value)


def word_of(item: AnyEvent, answer: Answer) -> str:
    """The name of an answer, for people."""
    if answer.void:
        return "void"
    if isinstance(item, ScalarEvent):
        return str(answer.value)
    if 0 <= answer.outcome < len(item.shares):
        return item.shares[answer.outcome]
    return f"outcome {answer.outcome}"


def payout_micro(item: AnyEvent, shares: Sequence[int], answer: Answer) -> int:
    """Micro-USDC that one account's shares (by outcome) pay: SET-03, floors included."""
    if answer.void:
        return sum(shares) * MICRO // len(item.shares)
    if isinstance(item, ScalarEvent):
        span, up = item.high - item.low, answer.value - item.low
        return shares[0] * MICRO * up // span + shares[1] * MICRO * (span - up) // span
    return shares[answer.outcome] * MICRO


def alternatives(item: AnyEvent, truth: Answer, proposed: Sequence[Answer]) -> tuple[Answer, ...]:
    """What a voter may take for true: the truth first, then what was proposed and differs from it.

    Where every proposal was right, a voter who errs takes a binary event's other outcome, else
    votes void.
    """
    others = [a for a in dict.fromkeys(proposed) if a != truth]
    if not others:
        binary = len(item.shares) == 2 and not isinstance(item, ScalarEvent) and not truth.void
        others = [Answer(1 - truth.outcome)] if binary else [NOTHING]
        if truth.void:
            others = [Answer(0, item.low if isinstance(item, ScalarEvent) else 0)]
    return (truth, *others)
