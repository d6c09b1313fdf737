"""What a scenario file may say about resolutions: ``[resolution]``, ``event.<name>.resolution``.

`scenarios.resolution_parts` makes the event oracle of it; docs/resolution.md explains it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, model_validator

from scenarios.errors import choose
from scenarios.part import Name, NonNegative, Part, Ratio, Seconds, SecondsOr0, Usd
from sim.exchange.instruments import AnyEvent, BinaryEvent, CategoricalEvent, ScalarEvent
from sim.oracle.answers import answer_named
from sim.oracle.resolution_faults import ANSWERS
from sim.oracle.resolution_faults import Kind as FaultKind

DAY_S = 86_400
Delay = Annotated[float, Field(ge=0, le=7 * DAY_S, allow_inf_nan=False)]  # SET-02
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Outcome = str | int | float
MINDS = ("honest", "position")


class Whale(Part):
    """A voter with a share of all stake: an outcome's name, ``honest``, or ``position``."""

    name: Name
    share: Share
    votes: Outcome = "honest"
    trader: str = ""  # whose shares decide, and for whom the vote is
    bought: bool = False  # the stake was bought for this vote
    resale_loss: Ratio = 0.0  # of its price, when it is sold again

    @model_validator(mode="after")
    def _position(self) -> Whale:
        if self.votes == "position" and not self.trader:
            raise ValueError(f"voter {self.name!r} votes by a position: name its trader")
        return self


class Bribe(Part):
    """Money for votes; ``price_per_stake`` USD per USD of stake, 0: the least that is taken."""

    outcome: Outcome
    budget_usd: Usd
    price_per_stake: NonNegative = 0.0


class Voters(Part):
    """Who votes (`sim.oracle.electorate`); figures without a source are assumptions."""

    count: Annotated[int, Field(ge=1, le=100_000)] = 1000
    stake_usd: Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)] = 50_000_000.0
    tail_exponent: NonNegative = 1.2  # of stakes; 0: all equal
    communities: Annotated[int, Field(ge=1)] = 10
    accuracy: Ratio = 0.95
    correlation: Ratio = 0.1
    turnout: Ratio = 0.6
    slash: Ratio = 0.001  # UMA: 0.1 % of stake per wrong vote
    majority: Annotated[float, Field(ge=0.5, lt=1, allow_inf_nan=False)] = (
        0.5  # of stake cast; UMA since 2025: 0.65
    )
    min_turnout: Ratio = 0.05
    whale: tuple[Whale, ...] = ()
    bribe: Bribe | None = None

    @model_validator(mode="after")
    def _possible(self) -> Voters:
        if self.communities > self.count:
            raise ValueError(f"{self.communities} communities of {self.count} voters")
        names = [w.name for w in self.whale]
        for k, name in enumerate(names):
            if name in names[:k]:
                raise ValueError(f"whale.{k}.name: there is a voter {name!r} already")
        total = sum(w.share for w in self.whale)
        if total >= 1:
            raise ValueError(f"whales hold {total:g} of the stake: nothing is left for voters")
        return self


class ResolutionFault(Part):
    """What goes wrong with a resolution (`sim.oracle.resolution_faults`)."""

    kind: FaultKind
    event: str = ""  # none named: every event
    outcome: Outcome = ""  # of wrong, again and double; none named: the next one
    delay_s: SecondsOr0 = 0.0  # of late: how much; of again: after the final resolution
    probability: Ratio = 1.0  # drawn once per event
    retry_s: SecondsOr0 = 0.0  # after a refusal: until the right one follows; 0: never

    @model_validator(mode="after")
    def _timed(self) -> ResolutionFault:
        if self.kind in ("late", "again") and not self.delay_s:
            raise ValueError(f"a fault {self.kind!r} needs delay_s above 0")
        if self.outcome != "" and self.kind not in ("wrong", "again", "double"):
            raise ValueError(f"a fault {self.kind!r} has no outcome of its own")
        return self


class EventResolution(Part):
    """How one event is resolved; what is not said is as in ``[resolution]``."""

    method: Literal["direct", "optimistic"] | None = None
    delay_s: Delay | None = None
    liveness_s: Seconds | None = None
    vote_s: Seconds | None = None
    bond_usd: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = None
    observes: Literal["truth", "nearest", "twap", "quorum"] | None = None
    twap_s: Annotated[int, Field(ge=1, le=DAY_S)] | None = None
    source: str | None = None
    quorum: Annotated[int, Field(ge=1)] | None = None
    tie: Literal["void", "again"] | None = None
    voters: Voters | None = None


class Resolution(Part):
    """How events are resolved (SET-02).

    ``direct``: what is observed, ``delay_s`` after it is known.  ``optimistic``: by proposals,
    disputes and votes [UMA]; traders of kind ``reporter`` and ``disputer`` make them.
    ``observes``, for price-linked events: the true price, the reading of ``source`` nearest in
    time, the mean index of the last ``twap_s``, or the median of the first ``quorum`` sources with
    a reading made at that time or later.
    """

    method: Literal["direct", "optimistic"] = "direct"
    delay_s: Delay = 0.0
    liveness_s: Seconds = 7200.0  # UMA
    vote_s: Seconds = 172_800.0  # UMA: commit and reveal, a day each
    bond_usd: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] = 750.0  # Polymarket
    observes: Literal["truth", "nearest", "twap", "quorum"] = "truth"
    twap_s: Annotated[int, Field(ge=1, le=DAY_S)] = 30
    source: str = ""  # of nearest; none named: the first
    quorum: Annotated[int, Field(ge=1)] = 3
    tie: Literal["void", "again"] = "void"
    voters: Voters = Voters()
    fault: tuple[ResolutionFault, ...] = ()
    corrupters: tuple[Name, ...] = ()  # traders that are one corrupter, for the accounts of it

    def of(self, own: EventResolution | None) -> Resolution:
        """The settings of one event."""
        if own is None:
            return self
        said = {k: v for k in type(own).model_fields if (v := getattr(own, k)) is not None}
        return self.model_copy(update=said)


class Declared(Protocol):
    """What the check needs of an ``[[event]]``."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def priced(self) -> bool: ...
    @property
    def outcomes(self) -> tuple[str, ...]: ...
    @property
    def exhaustive(self) -> bool: ...
    @property
    def low(self) -> int: ...
    @property
    def high(self) -> int: ...
    @property
    def resolution(self) -> EventResolution | None: ...


def listed(event: Declared) -> AnyEvent:
    """An event with its outcomes and no more."""
    if event.kind == "scalar":
        return ScalarEvent(name=event.name, low=event.low, high=event.high)
    if event.kind == "categorical":
        return CategoricalEvent(
            name=event.name, outcomes=event.outcomes, exhaustive=event.exhaustive
        )
    return BinaryEvent(name=event.name)


def check_resolution(
    resolution: Resolution,
    events: Sequence[Declared],
    spoken_of: Mapping[str, Collection[str]],
    sources: Collection[str],
    traders: Collection[str],
) -> None:
    """Raises ValueError, naming the entry, for names and outcomes that there are not.

    ``spoken_of``: by event, the names under which a fault may speak of it.
    ``sources``: those declared; none: the usual ones, which the oracle itself knows.
    """
    names = [name for e in events for name in spoken_of[e.name]]
    for name in resolution.corrupters:
        _known(f"resolution.corrupters: unknown trader {name!r}", name, traders)
    for i, fault in enumerate(resolution.fault):
        at = f"resolution.fault.{i} ({fault.kind})"
        if fault.event:
            _known(f"{at}: unknown event {fault.event!r}", fault.event, names)
        for event in events:
            if not fault.event or fault.event in spoken_of[event.name]:
                _fits(at, fault, listed(event))
    for event in events:
        _exclusive(resolution.fault, spoken_of[event.name])
        found = resolution.of(event.resolution)
        at = f"event.{event.name}.resolution" if event.resolution else "resolution"
        if event.resolution is not None and not event.priced:
            if event.resolution.observes not in (None, "truth"):
                raise ValueError(f"{at}.observes: no price decides {event.name!r}")
        if found.source and sources:
            _known(f"{at}.source: unknown source {found.source!r}", found.source, sources)
        if found.observes == "quorum" and 0 < len(sources) < found.quorum:
            raise ValueError(f"{at}.quorum: {found.quorum} of {len(sources)} sources")
        if found.method == "optimistic":
            _check_voters(f"{at}.voters", found.voters, listed(event), traders)


def _known(what: str, word: str, allowed: Collection[str]) -> None:
    if word not in allowed:
        raise ValueError(f"{what}{choose(word, allowed)}")


def _check_voters(at: str, voters: Voters, item: AnyEvent, traders: Collection[str]) -> None:
    for whale in voters.whale:
        if whale.trader:
            what = f"{at}.whale.{whale.name}: unknown trader {whale.trader!r}"
            _known(what, whale.trader, traders)
        if whale.votes not in MINDS:
            _named(f"{at}.whale.{whale.name}", item, whale.votes)
    if voters.bribe is not None:
        _named(f"{at}.bribe", item, voters.bribe.outcome)


def _named(at: str, item: AnyEvent, word: Outcome) -> Any:
    try:
        return answer_named(item, word)
    except ValueError as error:
        raise ValueError(f"{at}: {error}") from None


def _fits(at: str, fault: ResolutionFault, item: AnyEvent) -> None:
    scalar = isinstance(item, ScalarEvent)
    if scalar and fault.kind in ("double", "unlisted"):
        raise ValueError(f"{at}: {item.name!r} is a scalar: it has no winners to get wrong")
    if not scalar and fault.kind == "out_of_range":
        raise ValueError(f"{at}: {item.name!r} is no scalar: nothing is out of its range")
    if fault.outcome != "":
        _named(at, item, fault.outcome)


def _exclusive(faults: Sequence[ResolutionFault], names: Collection[str]) -> None:
    """One answer is sent: two faults that change it for certain contradict each other."""
    certain = [
        (i, f)
        for i, f in enumerate(faults)
        if (not f.event or f.event in names) and f.kind in ANSWERS and f.probability >= 1
    ]
    if len(certain) > 1:
        (i, first), (j, second) = certain[:2]
        raise ValueError(
            f"resolution.fault.{i} ({first.kind}) and resolution.fault.{j} ({second.kind}) exclude"
            f" each other: one answer is sent for {min(names)!r}"
        )
