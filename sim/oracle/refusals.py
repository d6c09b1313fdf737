"""Sources and feeds that do not fit together, refused before the run."""

from __future__ import annotations

from collections.abc import Sequence

from sim.exchange.instruments import Feed
from sim.oracle.fault import OracleError
from sim.oracle.policy import Policy
from sim.oracle.source import Source


def check_feeds(sources: Sequence[Source], feeds: Sequence[str], true: Sequence[str]) -> None:
    """Raises OracleError for a feed without a true price, and a source that names an unknown feed
    or is made of one that does not cover its feeds."""
    for name in feeds:
        if name not in true:
            raise OracleError(f"no true price for feed {name!r}; there is {list(true)}")
    names = [s.name for s in sources]
    for i, source in enumerate(sources):
        for name in (*source.coins, *source.min_usd, *source.max_usd):
            if name not in feeds:
                raise OracleError(
                    f"source {source.name!r}: unknown feed {name!r}; listed: {list(feeds)}",
                    ("source", i),
                    name,
                    tuple(feeds),
                )
        for up in source.made_of:
            other = sources[names.index(up)]
            missing = [n for n in feeds if source.covers(n) and not other.covers(n)]
            if missing:
                raise OracleError(
                    f"source {source.name!r} is made of {up!r}, which does not cover "
                    f"{', '.join(missing)}",
                    ("source", i),
                )


def check_coverage(
    feeds: Sequence[Feed],
    covering: Sequence[Sequence[int]],
    sources: Sequence[Source],
    policy: Policy,
) -> None:
    """Raises OracleError for a feed with fewer sources than its quorum, or without any.

    Args:
        covering: places of the sources that cover each feed.
    """
    for feed, places in zip(feeds, covering, strict=True):
        most = len(places)
        if not most:
            raise OracleError(f"no source covers feed {feed.name!r}", ("source",))
        if policy.name == "single":
            most = 1
            if policy.source not in [sources[s].name for s in places]:
                raise OracleError(
                    f"index policy 'single': source {policy.source!r} does not cover {feed.name!r}",
                    ("single",),
                )
        if feed.min_sources > most:
            raise OracleError(
                f"min_sources {feed.min_sources} of feed {feed.name!r} is more than the {most} "
                "that there are",
                ("min_sources",),
            )
