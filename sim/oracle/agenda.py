"""What the event oracle will do at which time."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.world import World

Call = Callable[[int], None]


class Agenda:
    """Calls by time; those of one time come in the order of their events.

    In the order of planning the matching window could be seen: what is heard is heard when a
    window closes.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: dict[int, list[tuple[int, Call]]] = {}

    def plan(self, at_us: int, event: int, call: Call) -> None:
        """Have ``call(at_us)`` called when everything that arrives before is done."""
        if at_us not in self._calls:
            self._calls[at_us] = []
            self._world.call_at(at_us, self._due)
        self._calls[at_us].append((event, call))

    def _due(self, now_us: int) -> None:
        for _, call in sorted(self._calls.pop(now_us), key=itemgetter(0)):
            call(now_us)
