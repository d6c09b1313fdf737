"""The decorators of all kernel functions, and a compile cache that cannot go stale.

Numba keys its cache on one file's time stamp and does not see that an inlined helper in *another*
file changed; it then silently runs old machine code.  So the cache folder is named by a hash of
every kernel source and of whatever else decides the machine code, set before the first decorator.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

import llvmlite.binding
import numba

try:
    from sim.exchange.kernel.compiler import Dispatcher, EntryCompiler, KernelCache, PieceCompiler
except (ImportError, AttributeError):
    # Numba's insides have moved: its own compiler gives the same results, but takes twice as long.
    from numba.core.caching import FunctionCache as KernelCache
    from numba.core.compiler import Compiler as EntryCompiler
    from numba.core.compiler import Compiler as PieceCompiler
    from numba.core.registry import CPUDispatcher as Dispatcher

KERNEL_DIR = Path(__file__).parent


def source_hash(folder: Path = KERNEL_DIR) -> str:
    """Hash of every ``*.py`` in the kernel folder, the message codes, numba, llvmlite and processor."""
    versions = (
        f"numba {numba.__version__} llvmlite {llvmlite.__version__} "
        f"{llvmlite.binding.get_host_cpu_name()} bounds {numba.config.BOUNDSCHECK}"
    )
    h = hashlib.sha256(versions.encode())
    for path in sorted([*folder.glob("*.py"), folder.parent / "messages.py"]):
        h.update(path.name.encode())
        h.update(path.read_bytes())
    return h.hexdigest()[:16]


def cache_folder() -> Path:
    """``$WINDTUNNEL_CACHE`` or the user's cache folder, below it one per sources and their place.

    Numba finds cached code by the path of its source, so each checkout has a cache of its own.
    """
    place = hashlib.sha256(str(KERNEL_DIR.resolve()).encode()).hexdigest()[:8]
    name = f"{source_hash()}-{place}"
    base = os.environ.get("WINDTUNNEL_CACHE")
    if base:
        return Path(base) / name
    user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(user) / "windtunnel" / name


CACHE = cache_folder()
numba.config.CACHE_DIR = str(CACHE)


def entry_names() -> list[str]:
    """Names of the functions that Python calls, as ``module.function``."""
    return [
        f"{path.stem}.{name}"
        for path in sorted(KERNEL_DIR.glob("*.py"))
        for name in re.findall(r"^@entry\ndef (\w+)", path.read_text("utf-8"), re.MULTILINE)
    ]


def is_compiled() -> bool:
    """Whether all entries of a kernel compiled from exactly these sources are on disk."""
    version = f"py{sys.version_info[0]}{sys.version_info[1]}"
    on_disk = {path.name.split("-")[0] for path in CACHE.glob(f"kernel_*/*.{version}*.nbi")}
    return on_disk.issuperset(entry_names())


# No function of the kernel allocates: without numba's reference counting the code is smaller and
# faster.  `_nrt` is private, so this is the one switch; without it everything still works.
_OPTIONS = {
    "nopython": True,
    "error_model": "numpy",
    "_nrt": False,
    "boundscheck": None,
    "no_cfunc_wrapper": True,
    "forceinline": False,  # said aloud, or a function inherits it from who happens to call it first
}
# Functions that Python never calls need no wrapper.
_INTERNAL = {**_OPTIONS, "no_cpython_wrapper": True}


def inlined(function):
    """A small function on the hot path: LLVM inlines it at every call."""
    return _dispatcher(function, PieceCompiler, {**_INTERNAL, "forceinline": True})


def kernel(function):
    """A larger function: there is one copy of it, and others call it."""
    return _dispatcher(function, PieceCompiler, _INTERNAL)


def entry(function):
    """A function that Python calls: compiled with everything it needs, kept on disk."""
    found = _dispatcher(function, EntryCompiler, _OPTIONS)
    if found is not function:
        found._cache = KernelCache(found.py_func)
    return found


def _dispatcher(function, compiler, options):
    if numba.config.DISABLE_JIT:
        return function
    return Dispatcher(function, targetoptions=options, pipeline_class=compiler)
