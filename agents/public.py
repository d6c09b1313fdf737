"""What the public can know of an event's resolution: the part of the event oracle agents may ask."""

from __future__ import annotations

from typing import Any, Protocol

from sim.oracle.answers import Answer
from sim.oracle.question import Procedure
from sim.oracle.resolution_log import Seen


class PublicOracle(Protocol):
    """`sim.oracle.event.EventOracle`, as far as it is public; always ask with one's own latency."""

    def seen(self, event: int, at_us: int) -> Seen:
        """The state of an event as of `at_us`."""
        ...

    def answer_at(self, event: int, at_us: int) -> Answer | None:
        """What an honest observer answers at `at_us`; None: too early."""
        ...

    def procedure(self, event: int) -> Procedure:
        """Bond, liveness and the like."""
        ...


def public_oracle(world: Any) -> PublicOracle | None:
    """The event oracle among a world's services, None if there is none."""
    for service in getattr(world, "services", ()):
        if hasattr(service, "seen") and hasattr(service, "answer_at"):
            found: PublicOracle = service
            return found
    return None
