"""What an account sets for itself, and what follows when its line breaks (ORD-01, ORD-02)."""

from __future__ import annotations

from collections.abc import Sequence

from twin.codes import Event, Reason
from twin.state import State

CANCEL_ON_DISCONNECT, AUTO_LEND = 1, 2


def change(state: State, message: Sequence[int]) -> Reason:
    """SETTINGS."""
    account, flags, arg = message[2], message[7], message[9]
    if not 0 <= account < len(state.profiles):
        return Reason.UNKNOWN_ACCOUNT
    if flags & ~(CANCEL_ON_DISCONNECT | AUTO_LEND) or not 0 <= arg <= len(state.profiles):
        return Reason.BAD_FLAGS
    profile = state.profiles[account]
    profile.settings = flags
    if arg > 0:
        profile.owner = arg - 1
    state.emit(Event.SETTINGS, account=account, code=flags, x=profile.owner)
    return Reason.NONE


def disconnect(state: State, message: Sequence[int]) -> Reason:
    """DISCONNECT."""
    account = message[2]
    if not 0 <= account < len(state.profiles):
        return Reason.UNKNOWN_ACCOUNT
    if state.profiles[account].settings & CANCEL_ON_DISCONNECT:
        state.cancel_account(account, Reason.DISCONNECTED)
    return Reason.NONE
