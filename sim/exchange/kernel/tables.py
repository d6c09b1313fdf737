"""What ``State`` is to compiled code: three pointers, and tables that know where they lie.

Numba's own arrays carry seven or more fields each; a tuple of two dozen of them, handed to a
hundred small functions, made the kernel take minutes to compile.  Here the state is the base
pointers of the three arenas.  A table adds nothing but types: its offset and its row widths are
constants or header words that never change, so ``s.pos[a, i, SIZE]`` is one multiplication chain
and one load.  Indexes must be whole numbers >= 0 (there is no wrap-around; NUMBA_BOUNDSCHECK=1
checks them); leaving out trailing indexes gives the sub-table.  Source: numba's extension API (``numba.extending``).
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils, config, types
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_global, signature
from numba.extending import (
    infer_getattr,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
    type_callable,
)

DTYPES = (types.int64, types.float64, types.uint64)  # of the three arenas


@dataclass(frozen=True)
class Dim:
    """A length that the header holds: h[key] * times + plus."""

    key: int
    times: int = 1
    plus: int = 0

    def value(self, h: Any) -> int:
        return int(h[self.key]) * self.times + self.plus

    def __repr__(self) -> str:
        return f"h{self.key}_{self.times}_{self.plus}"


class StateType(types.Type):
    """The tuple of tables."""

    def __init__(self) -> None:
        super().__init__("State")


class Table(types.Type):
    """A dense table of one dtype with these lengths."""

    def __init__(self, dtype: types.Type, dims: tuple[Dim | int, ...]) -> None:
        self.dtype = dtype
        self.dims = dims
        super().__init__("_".join(["T", str(dtype), *map(repr, dims)]))

    def sub(self, indexes: int) -> types.Type | None:
        """Type of the table indexed `indexes` times; None if that is too often."""
        if indexes > len(self.dims):
            return None
        return Table(self.dtype, self.dims[indexes:]) if indexes < len(self.dims) else self.dtype


STATE = StateType()


@register_model(StateType)
class StateModel(models.StructModel):
    def __init__(self, manager, kind):
        super().__init__(
            manager, kind, [(f"a{k}", types.CPointer(d)) for k, d in enumerate(DTYPES)]
        )


@register_model(Table)
class TableModel(models.StructModel):
    def __init__(self, manager, kind):
        super().__init__(
            manager,
            kind,
            [("base", types.CPointer(kind.dtype)), ("h", types.CPointer(types.int64))],
        )


def _constant(builder, pointer, key):
    """A header word that never changes while compiled code runs."""
    word = builder.load(builder.gep(pointer, [ir.Constant(ir.IntType(64), key)], inbounds=True))
    word.set_metadata("invariant.load", builder.module.add_metadata([]))
    return word


def _length(builder, pointer, dim):
    """A Dim or a number as an LLVM value."""
    if isinstance(dim, int):
        return ir.Constant(ir.IntType(64), dim)
    word = _constant(builder, pointer, dim.key)
    if dim.times != 1:
        word = builder.mul(word, ir.Constant(word.type, dim.times))
    return builder.add(word, ir.Constant(word.type, dim.plus)) if dim.plus else word


def _parts(index):
    """Types of the single indexes in an index; None unless all are whole numbers."""
    each = tuple(index) if isinstance(index, types.BaseTuple) else (index,)
    return each if all(isinstance(x, types.Integer) for x in each) else None


@infer_global(operator.getitem)
class GetItem(AbstractTemplate):
    def generic(self, args, kws):
        table, index = args
        if isinstance(table, Table) and (parts := _parts(index)) is not None:
            found = table.sub(len(parts))
            if found is not None:
                return signature(found, table, index)
        return None


@infer_global(operator.setitem)
class SetItem(AbstractTemplate):
    def generic(self, args, kws):
        table, index, _ = args
        if isinstance(table, Table) and (parts := _parts(index)) is not None:
            if len(parts) == len(table.dims):
                return signature(types.none, table, index, table.dtype)
        return None


def _address(context, builder, kind, value, index_type, index):
    """Pointer to table[index]."""
    table = cgutils.create_struct_proxy(kind)(context, builder, value=value)
    values = [index]
    parts = _parts(index_type)
    if isinstance(index_type, types.BaseTuple):
        values = cgutils.unpack_tuple(builder, index)
    at = None
    for n, dim in enumerate(kind.dims):
        if at is not None:
            at = builder.mul(at, _length(builder, table.h, dim))
        if n < len(values):
            one = context.cast(builder, values[n], parts[n], types.int64)
            if config.BOUNDSCHECK:
                cgutils.do_boundscheck(context, builder, one, _length(builder, table.h, dim), n)
            at = one if at is None else builder.add(at, one)
    return builder.gep(table.base, [at], inbounds=True), table.h


@lower_builtin(operator.getitem, Table, types.Any)
def get_item(context, builder, sig, args):
    kind, index_type = sig.args
    pointer, h = _address(context, builder, kind, args[0], index_type, args[1])
    if not isinstance(sig.return_type, Table):
        return builder.load(pointer)
    part = cgutils.create_struct_proxy(sig.return_type)(context, builder)
    part.base = pointer
    part.h = h
    return part._getvalue()


@lower_builtin(operator.setitem, Table, types.Any, types.Any)
def set_item(context, builder, sig, args):
    kind, index_type, _ = sig.args
    pointer, _ = _address(context, builder, kind, args[0], index_type, args[1])
    builder.store(args[2], pointer)
    return context.get_dummy_value()


def compiled_views(views: Any, layout: dict[str, tuple[Any, ...]], offsets: int) -> None:
    """Tell the compiler what ``views(arenas)`` is: a State whose attributes are `layout`'s tables."""
    tables = {name: Table(DTYPES[arena], tuple(dims)) for name, (arena, *dims) in layout.items()}
    places = {name: (k, arena) for k, (name, (arena, *_)) in enumerate(layout.items())}

    @type_callable(views)
    def type_views(context):
        return lambda arenas: STATE if isinstance(arenas, types.BaseTuple) else None

    @lower_builtin(views, types.BaseTuple)
    def lower_views(context, builder, sig, args):
        state = cgutils.create_struct_proxy(STATE)(context, builder)
        for k, (kind, value) in enumerate(
            zip(sig.args[0], cgutils.unpack_tuple(builder, args[0]), strict=True)
        ):
            setattr(state, f"a{k}", context.make_array(kind)(context, builder, value).data)
        return state._getvalue()

    @infer_getattr
    class Attributes(AttributeTemplate):
        key = StateType

        def generic_resolve(self, kind, name):
            return tables.get(name)

    @lower_getattr_generic(StateType)
    def get_attribute(context, builder, kind, value, name):
        k, arena = places[name]
        state = cgutils.create_struct_proxy(STATE)(context, builder, value=value)
        part = cgutils.create_struct_proxy(tables[name])(context, builder)
        part.h = state.a0
        base = getattr(state, f"a{arena}")
        part.base = builder.gep(base, [_constant(builder, state.a0, offsets + k)], inbounds=True)
        return part._getvalue()


def prefetch(row: Any) -> None:
    """Ask the processor to bring the cache line at the start of a sub-table nearer; no effect else."""


@type_callable(prefetch)
def type_prefetch(context):
    return lambda row: types.none if isinstance(row, Table) else None


@lower_builtin(prefetch, Table)
def lower_prefetch(context, builder, sig, args):
    table = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0])
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    read, keep, data = (ir.Constant(word, x) for x in (0, 3, 1))
    builder.call(call, [builder.bitcast(table.base, byte), read, keep, data])
    return context.get_dummy_value()
