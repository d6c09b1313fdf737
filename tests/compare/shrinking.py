"""Makes a program small while something stays true of it: that kernel and reference part on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from programs import Program
from session import RULES
from twin.codes import MESSAGE_COLUMNS, Message
from twin.listing import Market
from twin.rules import completed

Fails = Callable[[Program], bool]
ACCOUNT, INSTRUMENT, ARG = (MESSAGE_COLUMNS.index(n) for n in ("account", "instrument", "arg"))
M = Message
NO_ACCOUNT = {M.INDEX, M.MARK, M.PREMIUM, M.FUNDING, M.RESOLVE, M.LIQUIDATE, M.POOL, M.FUND}
NO_ACCOUNT |= {M.EXTERNAL, M.INTEREST, M.SETTLE, M.STATE, M.BOOK, M.DEPTH}
IN_A_BOOK = {M.NEW, M.CONDITIONAL, M.CANCEL_ALL, M.STATE, M.EXTERNAL}
OF_AN_EVENT = {M.RESOLVE, M.PROPOSE, M.DISPUTE, M.MINT, M.MERGE, M.CONVERT}


class Shrinker:
    """Tries smaller programs until the time is up; `program` is the smallest that still fails."""

    def __init__(self, program: Program, fails: Fails, seconds: float = 120.0) -> None:
        self.program = program
        self.fails = fails
        self.until = time.monotonic() + seconds
        self.tries = 0

    def _try(self, smaller: Program) -> bool:
        if time.monotonic() > self.until:
            return False
        self.tries += 1
        if not self.fails(smaller):
            return False
        self.program = smaller
        return True

    def run(self) -> Program:
        self._end()
        before = -1
        while before != len(self.program.messages) and time.monotonic() < self.until:
            before = len(self.program.messages)
            self._messages()
            self._events()
            self._derivatives()
        self._accounts()
        self._rules()
        return self.program

    # -- messages ---------------------------------------------------------------------------

    def _keep(self, messages: list[list[int]]) -> bool:
        return self._try(replace(self.program, messages=messages))

    def _end(self) -> None:
        """Cut what comes after the failure, by halves."""
        low, high = 0, len(self.program.messages)
        while low < high:
            middle = (low + high) // 2
            if self._keep(self.program.messages[:middle]):
                high = middle
            else:
                low = middle + 1

    def _messages(self) -> None:
        """Leave out runs of messages, long ones first."""
        length = max(1, len(self.program.messages) // 2)
        while length:
            start = len(self.program.messages)
            while start > 0 and time.monotonic() < self.until:
                start = max(0, start - length)
                messages = self.program.messages
                self._keep(messages[:start] + messages[start + length :])
            length //= 2

    # -- what is declared -------------------------------------------------------------------

    def _events(self) -> None:
        for e in reversed(range(len(self.program.listing["events"]))):
            market = Market(self.program.listing)
            books = [i.id for i in market.books_of(e)]
            self._drop("events", e, books, e)

    def _derivatives(self) -> None:
        for group in ("futures", "inverses", "perpetuals"):
            for k in reversed(range(len(self.program.listing.get(group, ())))):
                before = ("perpetuals", "inverses", "futures")
                before = before[: before.index(group)]
                id_ = sum(len(self.program.listing.get(g, ())) for g in before) + k
                self._drop(group, k, [id_], None)

    def _drop(self, group: str, k: int, books: Sequence[int], event: int | None) -> None:
        """Leave out one declared thing, and the messages that are about it."""
        declared = list(self.program.listing[group])
        del declared[k]
        messages = []
        for message in self.program.messages:
            kind, where = message[1], message[INSTRUMENT]
            if kind in IN_A_BOOK:
                if where in books:
                    continue
                message = _with(message, INSTRUMENT, where - sum(b < where for b in books))
            if event is not None and kind in OF_AN_EVENT:
                if where == event:
                    continue
                message = _with(message, INSTRUMENT, where - (where > event))
            messages.append(message)
        listing = {**self.program.listing, group: declared}
        self._try(replace(self.program, listing=listing, messages=messages))

    def _accounts(self) -> None:
        """Number the accounts that are left afresh."""
        used = sorted({m[ACCOUNT] for m in self.program.messages if m[1] not in NO_ACCOUNT})
        used = [a for a in used if 0 <= a < self.program.accounts]
        new = {a: n for n, a in enumerate(used)}
        messages = []
        for message in self.program.messages:
            if message[1] not in NO_ACCOUNT:
                message = _with(message, ACCOUNT, new.get(message[ACCOUNT], message[ACCOUNT]))
            if message[1] == Message.SETTINGS and message[ARG] > 0:
                owner = message[ARG] - 1
                message = _with(message, ARG, new.get(owner, owner) + 1)
            messages.append(message)
        self._try(replace(self.program, accounts=max(1, len(used)), messages=messages))

    def _rules(self) -> None:
        """Put each rule back to its usual value."""
        for name, usual in completed(RULES).items():
            if self.program.rules.get(name, usual) != usual:
                self._try(replace(self.program, rules={**self.program.rules, name: usual}))


def _with(message: Iterable[int], column: int, value: int) -> list[int]:
    changed = list(message)
    changed[column] = value
    return changed
