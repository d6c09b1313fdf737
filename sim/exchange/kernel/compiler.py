"""How kernel functions are compiled: each is typed and lowered once, optimised once per entry.

Numba by default links, optimises and assembles *every* function together with everything it
calls: a chain of calls ten deep is optimised ten times.  ``Piece`` leaves a function that Python
never calls as raw LLVM code; only an entry, which Python does call, links all the pieces it
reaches, each once, and optimises the whole.  Set up as numba documents it (``pipeline_class``); the
two classes below are the only place that relies on numba's code libraries.
"""

from __future__ import annotations

from numba import _dynfunc
from numba.core import lowering
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, _LowerResult
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass
from numba.core.funcdesc import PythonFunctionDescriptor
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.types import unliteral
from numba.core.untyped_passes import FixupArgs, IRProcessing, ReconstructSSA, TranslateByteCode


class Piece(JITCodeLibrary):
    """Raw code of one function, to be linked into entries."""

    def finalize(self):
        self._finalized = True
        for function in self._final_module.functions:
            if not function.is_declaration:
                function.linkage = "linkonce_odr"

    def add_linking_library(self, library):
        _add(self, library)

    def _get_module_for_linking(self):
        self._ensure_finalized()
        return self._final_module


class Whole(JITCodeLibrary):
    """Code of an entry and of every piece it reaches."""

    def add_linking_library(self, library):
        _add(self, library)


def _add(self, library):
    """Link `library` and what it links, each once, callers first (an unused linkonce is dropped)."""
    library._ensure_finalized()
    for each in [library, *library._linking_libraries] if isinstance(library, Piece) else [library]:
        if each not in self._linking_libraries:
            self._linking_libraries.append(each)


class _Function(lowering.Lower):
    """Lowering of a function that stays a function: called, never inlined."""

    def setup_function(self, fndesc):
        super().setup_function(fndesc)
        if "alwaysinline" not in self.function.attributes:
            self.function.attributes.add("noinline")


@register_pass(mutates_CFG=True, analysis_only=False)
class PieceLowering(LoweringPass):
    """LLVM code of an internal function, not optimised and not assembled."""

    _name = "piece_lowering"

    def __init__(self):
        LoweringPass.__init__(self)

    def run_pass(self, state):
        target = state.targetctx
        codegen = target.codegen()
        library = state.library = Piece(codegen, state.func_id.func_qualname)
        flags = state.flags
        fndesc = PythonFunctionDescriptor.from_specialized_function(
            state.func_ir, state.typemap, state.return_type, state.calltypes, mangler=target.mangler,
            inline=flags.forceinline, noalias=flags.noalias, abi_tags=[flags.get_mangle_string()],
        )  # fmt: skip
        with target.push_code_library(library):
            lower = _Function(target, library, fndesc, state.func_ir, metadata=state.metadata)
            lower.lower()
        library.finalize()
        unused = _dynfunc.make_function(
            fndesc.lookup_module(), fndesc.qualname.split(".")[-1], "", 0, lower.env, (library,)
        )
        target.insert_user_function(unused, fndesc, [library])
        state["cr"] = _LowerResult(fndesc, lower.call_helper, cfunc=unused, env=lower.env)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class EntryLowering(NativeLowering):
    """Machine code of an entry."""

    _name = "entry_lowering"

    def run_pass(self, state):
        state.library = Whole(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return super().run_pass(state)


def _pipeline(low):
    """Numba's passes without those that inline, rewrite or unroll source: the kernel has no use for them."""
    manager = PassManager("kernel")
    for each in (
        TranslateByteCode, FixupArgs, IRProcessing, ReconstructSSA, NopythonTypeInference, PreLowerStripPhis,
        IRLegalization, AnnotateTypes, low, NoPythonBackend,
    ):  # fmt: skip
        manager.add_pass(each, each.__name__)
    manager.finalize()
    return [manager]


class Dispatcher(CPUDispatcher):
    """A function's compiled versions, by argument types: one for all constants of a type.

    Numba would compile another version for each constant argument.
    """

    def get_call_template(self, args, kws):
        return super().get_call_template([unliteral(x) for x in args], kws)


for _name in ("_load_overload", "_guard_against_spurious_io_errors"):
    getattr(FunctionCache, _name)  # AttributeError: plain numba is used instead


class KernelCache(FunctionCache):
    """Numba's disk cache without the refresh that precedes each load.

    The refresh imports everything numba can compile, scipy included, which is more than half of a
    fresh start; code that is compiled already needs none of it.  The first compilation does it.
    """

    def load_overload(self, sig, target_context):
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


class PieceCompiler(CompilerBase):
    """Compiler of functions that only compiled code calls."""

    def define_pipelines(self):
        return _pipeline(PieceLowering)


class EntryCompiler(CompilerBase):
    """Compiler of functions that Python calls."""

    def define_pipelines(self):
        return _pipeline(EntryLowering)
