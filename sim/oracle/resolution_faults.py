"""What can go wrong with a resolution itself: small faults on the message that the oracle sends.

wrong: another answer than the one decided; late: sent later; void: voided; double: two winners;
unlisted: a winner that is not on the list ("all NO" of an exhaustive list); out_of_range: a
scalar's value beyond its range; again: a second resolution after the final one.  The exchange
refuses double, unlisted, out_of_range and again (SET-03).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sim.exchange.instruments import AnyEvent, ScalarEvent
from sim.oracle.answers import NOTHING, Answer, possible, word_of
from sim.streams import stream

Kind = Literal["wrong", "late", "void", "double", "unlisted", "out_of_range", "again"]
KINDS: tuple[str, ...] = get_args(Kind)
REFUSED = frozenset({"double", "unlisted", "out_of_range", "again"})
ANSWERS = frozenset({"wrong", "void", "double", "unlisted", "out_of_range"})  # one at a time


@dataclass(frozen=True)
class ResolutionFault:
    """One fault of one event's resolution.

    Args:
        kind: see the module's text.
        answer: of wrong and again: the answer sent; None: the next outcome, a scalar's farther end.
        delay_us: of late: how much later; of again: after the final resolution.
        probability: that it happens; drawn once per event.
        retry_us: after a refusal the right resolution follows so much later; 0: never.
    """

    kind: Kind
    answer: Answer | None = None
    delay_us: int = 0
    probability: float = 1.0
    retry_us: int = 0

    def check(self, item: AnyEvent) -> None:
        """Raises ValueError for a fault that this event cannot have."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; there are {', '.join(KINDS)}")
        scalar = isinstance(item, ScalarEvent)
        if self.kind == "out_of_range" and not scalar:
            raise ValueError(f"{item.name!r} is no scalar: nothing is out of its range")
        if self.kind in ("double", "unlisted") and scalar:
            raise ValueError(f"{item.name!r} is a scalar: it has no winners to get wrong")
        if self.kind in ("late", "again") and self.delay_us <= 0:
            raise ValueError(f"a fault {self.kind!r} needs a delay")
        if self.answer is not None and not possible(item, self.answer):
            raise ValueError(f"{item.name!r} cannot resolve to {word_of(item, self.answer)}")


@dataclass(frozen=True)
class Sending:
    """What the oracle sends: RESOLVE's arg and arg2, later by ``delay_us``."""

    outcome: int
    value: int
    delay_us: int = 0
    fault: str = ""  # the kind that changed the answer, "" none
    retry_us: int = 0
    again: tuple[int, Answer] | None = None  # (µs after the final one, the answer)


def struck(
    faults: Sequence[ResolutionFault], item: AnyEvent, seed: int
) -> tuple[ResolutionFault, ...]:
    """Those faults that happen to an event: one draw each, from its own stream.

    Raises ValueError if two that change the answer happen for certain.
    """
    for fault in faults:
        fault.check(item)
    certain = [f.kind for f in faults if f.kind in ANSWERS and f.probability >= 1]
    if len(certain) > 1:
        raise ValueError(
            f"{item.name!r}: {' and '.join(certain)} exclude each other: one answer is sent"
        )
    happened = []
    for k, fault in enumerate(faults):
        u = float(stream(seed, f"resolution/{item.name}", f"fault {k}").random())
        if u < fault.probability:
            happened.append(fault)
    return tuple(happened)


def other(item: AnyEvent, answer: Answer) -> Answer:
    """A wrong answer when none is named: the next outcome; the end of a scalar that is farther."""
    if isinstance(item, ScalarEvent):
        middle = item.low + item.high
        far = item.low if answer.void or 2 * answer.value >= middle else item.high
        return Answer(0, far)
    return Answer((answer.outcome + 1) % len(item.shares))


def sending(item: AnyEvent, decided: Answer, faults: Sequence[ResolutionFault]) -> Sending:
    """What is sent for a decided answer; of faults that change it the first one counts."""
    delay = sum(f.delay_us for f in faults if f.kind == "late")
    last = next((f for f in faults if f.kind == "again"), None)
    changing = next((f for f in faults if f.kind in ANSWERS), None)
    sent, retry, kind = decided, 0, ""
    if changing is not None:
        kind, retry = changing.kind, changing.retry_us
        sent = _changed(item, decided, changing)
    again = None
    if last is not None:
        again = (last.delay_us, last.answer or other(item, sent))
    return Sending(sent.outcome, sent.value, delay, kind, retry, again)


def _changed(item: AnyEvent, decided: Answer, fault: ResolutionFault) -> Answer:
    if fault.kind == "wrong":
        return fault.answer or other(item, decided)
    if fault.kind == "void":
        return NOTHING
    if fault.kind == "unlisted":
        return Answer(len(item.shares))
    if fault.kind == "out_of_range":
        assert isinstance(item, ScalarEvent)
        return Answer(0, item.high + 1)
    # Any arg2 but 0 claims a second winner; it counts from 1, so that outcome 0 can be one.
    second = fault.answer or other(item, decided)
    return Answer(max(decided.outcome, 0), second.outcome + 1)
