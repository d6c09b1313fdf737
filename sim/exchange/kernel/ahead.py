"""Fetch memory before it is needed: a pass over all accounts waits for positions, not for sums.

An account's positions lie somewhere in a row of a kilobyte or more, which no processor guesses.
A fetch changes no value anywhere; in plain Python it does nothing.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic

from sim.exchange.kernel.bits import ONE, ZERO, lowest
from sim.exchange.kernel.jit import inlined
from sim.exchange.kernel.state import N_ACCOUNTS, N_ACTIVE
from sim.exchange.kernel.tables import Table

AHEAD = 12  # accounts; at 60 ns each that is several times the way to memory and back
READ, KEEP, DATA = 0, 3, 1  # llvm.prefetch: for reading, near, no code

if config.DISABLE_JIT:

    def fetch(table) -> None:
        """Have the first cache line of a table near soon."""

else:

    @intrinsic
    def fetch(typingctx, table):
        """Have the first cache line of a table near soon."""
        if not isinstance(table, Table):
            return None

        def generate(context, builder, signature, args):
            (value,) = args
            struct = context.make_helper(builder, signature.args[0], value=value)
            byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
            function = builder.module.declare_intrinsic(
                "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, word, word, word])
            )
            where = builder.bitcast(struct.base, byte)
            builder.call(function, [where, *(ir.Constant(word, x) for x in (READ, KEEP, DATA))])
            return context.get_dummy_value()

        return types.void(table), generate


@inlined
def fetch_account(s, a):
    """Have the rows of account a near soon; a may be beyond the last."""
    if a < s.h[N_ACCOUNTS]:
        fetch(s.acct[a])
        fetch(s.bal[a])
        fetch(s.lent[a])
        fetch(s.active[a])


@inlined
def fetch_positions(s, a):
    """Have what account a holds and has ordered near soon; a may be beyond the last."""
    if a >= s.h[N_ACCOUNTS]:
        return
    for word in range(s.h[N_ACTIVE]):
        bits = s.active[a, word]
        while bits != ZERO:
            fetch(s.pos[a, word * 64 + lowest(bits)])
            bits &= bits - ONE
