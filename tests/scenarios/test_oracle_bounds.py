"""Numbers that no run can hold, and words that say nothing, are refused at their field."""

from __future__ import annotations

import pytest

from scenarios import load
from scenarios.errors import ScenarioError

AT = "2025-06-02T12:11:00Z"
FAULT = f"start={AT},duration_s=10"
EVENT = "name='a',resolves=2025-06-02T12:12:00Z"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("oracle.stale_after_s=10000000000000", "oracle.stale_after_s: .*1000000000"),
        ("oracle.latency_ms=1e18", "oracle.latency_ms: .*1000000000"),
        ("oracle.source=[{name='a',lag_ms=1e18}]", "oracle.source.0.lag_ms: .*1000000000"),
        ("oracle.source=[{name='a',weight=1e308}]", "oracle.source.0.weight: .*1000000"),
        ("oracle.source=[{name='a',heartbeat_s=1e-9}]", "oracle.source.0.heartbeat_s: "),
        ("oracle.guard.band_s=1e18", "oracle.guard.band_s: .*1000000000"),
        ("oracle.policy=redemption", "oracle: policy 'redemption' and redemption_usd"),
        (f"oracle.fault=[{{kind='lag',extra_s=1e18,{FAULT}}}]", "oracle.fault.0.*extra_s: "),
        (f"oracle.fault=[{{kind='shuffle',window_s=1e-9,{FAULT}}}]", "oracle.fault.0.*window_s: "),
        (f"oracle.fault=[{{kind='factor',factor=1e300,{FAULT}}}]", "oracle.fault.0.*factor: "),
        (
            f"oracle.fault=[{{kind='drop',sources=['okx','okx'],{FAULT}}}]",
            "oracle.fault.0.*sources: 'okx' is named twice",
        ),
        (
            f"oracle.fault=[{{kind='captured',to_usd=1,bias_pct=2,{FAULT}}}]",
            "oracle.fault.0.*to_usd and bias_pct: say one",
        ),
        (
            f"oracle.fault=[{{kind='clamp',floor_usd=1,margin_pct=2,{FAULT}}}]",
            "oracle.fault.0.*margin_pct stands alone",
        ),
        ("resolution.voters.stake_usd=0", "resolution.voters.stake_usd: .*greater than 0"),
        ("resolution.liveness_s=1e18", "resolution.liveness_s: .*1000000000"),
        (
            f"event=[{{{EVENT},kind='scalar',low=0,high=10,outcome=inf}}]",
            "event.0: a: outcome inf is neither whole nor 'void'",
        ),
        (f"event=[{{{EVENT},kind='scalar',low=0,high=10000000000000}}]", "event.0.high: "),
        (f"event=[{{{EVENT},kind='binary',sigma_per_sqrt_h=1e300}}]", "sigma_per_sqrt_h: "),
        (f"event=[{{{EVENT},kind='binary',date=1969-01-01T00:00:00Z}}]", "a: date .* before 1970"),
        (
            f"event=[{{{EVENT},coin='BTC',strike='open',every_s=1e-9,repeat=3}}]",
            "event.0.every_s: .*less than a microsecond",
        ),
    ],
)
def test_it_is_refused(override: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load("smoke", [override])
