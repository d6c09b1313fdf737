"""One decorator for all kernel functions, and a compile cache that cannot go stale.

Numba keys its cache on one file's time stamp and does not see that an inlined helper in *another*
file changed; it then silently runs old machine code.  So the cache folder is named by a hash of
every kernel source and of the numba version, set before the first decorator runs.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numba

KERNEL_DIR = Path(__file__).parent


def source_hash(folder: Path = KERNEL_DIR) -> str:
    """Hash of numba's version and every ``*.py`` in the kernel folder (and the message codes)."""
    h = hashlib.sha256(f"numba {numba.__version__}".encode())
    for path in sorted([*folder.glob("*.py"), folder.parent / "messages.py"]):
        h.update(path.name.encode())
        h.update(path.read_bytes())
    return h.hexdigest()[:16]


def cache_folder() -> Path:
    """``$WINDTUNNEL_CACHE`` or the user's cache folder, below it one folder per source hash."""
    base = os.environ.get("WINDTUNNEL_CACHE")
    root = (
        Path(base)
        if base
        else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "windtunnel"
    )
    return root / source_hash()


def is_compiled() -> bool:
    """Whether a compiled kernel for exactly these sources is on disk."""
    return any(cache_folder().glob("**/*.nbc"))


CACHE = cache_folder()
if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(CACHE)

# No function of the kernel allocates: without numba's reference counting the code is smaller and
# faster.  `_nrt` is private, so this is the one switch; without it everything still works.
_OPTIONS = {"error_model": "numpy", "_nrt": False, "boundscheck": None}
# Functions that Python never calls need no wrapper and no cache entry of their own.
_INTERNAL = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inlined(function):
    """A small function on the hot path: LLVM inlines it at every call."""
    return numba.njit(forceinline=True, **_INTERNAL)(function)


def kernel(function):
    """A function compiled once and called by others: takes the arenas, builds its own views."""
    return numba.njit(**_INTERNAL)(function)


def entry(function):
    """A function that Python calls: compiled with everything it needs, kept on disk."""
    return numba.njit(cache=True, no_cfunc_wrapper=True, **_OPTIONS)(function)
