"""What accounts ask the exchange to do for them: owner, cancel on disconnect, auto-lend (ORD-01, ORD-02)."""

from __future__ import annotations

from sim.exchange.kernel.events import emit
from sim.exchange.kernel.jit import kernel
from sim.exchange.kernel.orders import R_ACCOUNT, R_FLAGS, cancel_all
from sim.exchange.kernel.state import C_OWNER, C_SETTINGS, N_ACCOUNTS
from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
    M_FLAGS,
    M_KIND,
    Event,
    Kind,
    Reason,
)

K_DISCONNECT = int(Kind.DISCONNECT)
SETTINGS = int(Event.SETTINGS)
DISCONNECTED = int(Reason.DISCONNECTED)
CANCEL_ON_DISCONNECT, AUTO_LEND = 1, 2


@kernel
def account_settings(s, m):
    """SETTINGS and DISCONNECT; returns a reject reason or 0."""
    a = m[M_ACCOUNT]
    if a < 0 or a >= s.h[N_ACCOUNTS]:
        return R_ACCOUNT
    account = s.acct[a]
    if m[M_KIND] == K_DISCONNECT:
        if account[C_SETTINGS] & CANCEL_ON_DISCONNECT:
            cancel_all(s, a, -1, DISCONNECTED)
        return 0
    if (
        m[M_FLAGS] & ~(CANCEL_ON_DISCONNECT | AUTO_LEND)
        or m[M_ARG] < 0
        or m[M_ARG] > s.h[N_ACCOUNTS]
    ):
        return R_FLAGS
    account[C_SETTINGS] = m[M_FLAGS]
    if m[M_ARG] > 0:
        account[C_OWNER] = m[M_ARG] - 1
    emit(s, SETTINGS, a, 0, 0, 0, 0, 0, 0, 0, 0, m[M_FLAGS], 0, account[C_OWNER], 0)
    return 0
