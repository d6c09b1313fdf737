"""Named random streams: one seed in, one independent generator per name out.

A stream depends on the seed, its name and its purpose and on nothing else, so that adding a trader,
or giving one a further purpose, shifts nobody's draws.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, name: str, purpose: str = "") -> np.random.Generator:
    """The generator of (`seed`, `name`, `purpose`), at its beginning.

    Args:
        seed: the run's seed, any non-negative int.
        name: who draws, for example ``"maker/BTC/0"``.
        purpose: what for, where one name draws for several things.

    Returns:
        A PCG64 generator.  Its SeedSequence has the seed as entropy and 256 bits of a hash of the
        name and of the purpose as spawn key; each has its own hash, so that no (name, purpose)
        can spell another.

    Raises:
        ValueError: the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"seed {seed} is negative")
    # Not hash(): it changes from process to process.
    key = tuple(word for text in (name, purpose) for word in _words(text))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def _words(text: str) -> list[int]:
    """The first 128 bits of the SHA-256 of `text` as four 32-bit words."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
