"""Small slips in single expressions of the engine, made by rule: faults that nobody thought of."""

from __future__ import annotations
import __future__

import ast
import copy
import inspect
import random
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from itertools import islice
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any, Final, NamedTuple

from tests.support.planted_policies import forget

_OPERATORS: Final = (
    *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Is, ast.IsNot), (ast.Eq, ast.NotEq)),
    *((ast.In, ast.NotIn), (ast.And, ast.Or), (ast.Add, ast.Sub), (ast.BitOr, ast.BitAnd)),
)
_NAMES: Final = (
    *(("any", "all"), ("min", "max"), ("TRUE", "FALSE"), ("all_of", "any_of")),
    *(("low", "high"), ("start", "end"), ("above", "below"), ("UNDETERMINED", "FALSE")),
)
# What may stand in the place of what.
_TURNED: Final[dict[type, type]] = {it: to for pair in _OPERATORS for it, to in (pair, pair[::-1])}
_OTHERS: Final = {it: to for pair in _NAMES[::-1] for it, to in (pair[::-1], pair)}


def _slipped(node: Any) -> Iterator[Any]:
    """Yield a node with one small slip in it."""
    match node:
        case ast.Compare(ops=[one]) if type(one) in _TURNED:
            yield ast.Compare(node.left, [_TURNED[type(one)]()], node.comparators)
        case ast.BoolOp(op=joint, values=[first, *more]):
            yield ast.BoolOp(_TURNED[type(joint)](), node.values)
            yield from (first, more[-1])
        case ast.BinOp(op=joint) if type(joint) in _TURNED:
            yield ast.BinOp(node.left, _TURNED[type(joint)](), node.right)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.Name(id=name) if name in _OTHERS:
            yield ast.Name(_OTHERS[name], node.ctx)
        case ast.Attribute(attr=name) if name in _OTHERS:
            yield ast.Attribute(node.value, _OTHERS[name], node.ctx)
        case ast.Constant(value=int() as value):
            yield ast.Constant(not value if isinstance(value, bool) else value + 1)
        case ast.IfExp():
            yield from (node.body, node.orelse)
        case ast.Tuple(elts=[_, *more]) | ast.List(elts=[_, *more]) if more:
            yield type(node)(more, node.ctx)


class Slip(NamedTuple):
    """A function with a slip in one expression."""

    function: FunctionType
    file: str
    line: int
    code: CodeType

    def plant(self) -> None:
        """Put it in place of what is right, for as long as the process lives."""
        self.function.__code__ = self.code
        forget()


def slips(lines: Collection[tuple[str, int]]) -> Iterator[Slip]:
    """Yield slips in the functions of the engine, on some lines, in an order of no meaning."""
    found = list(dict.fromkeys(_functions()))
    everything = [it for function in found for it in _in_function(function, lines)]
    random.Random(0).shuffle(everything)  # noqa: S311 - an order, no secret
    for make in everything:
        with suppress(ValueError, SyntaxError, TypeError):
            yield make()


def _functions() -> Iterator[FunctionType]:
    names = [name for name in sys.modules if name.startswith("policies_odrl")]
    for module in (sys.modules[name] for name in sorted(names)):
        for held in (*vars(module).values(), *_methods(module)):
            found = getattr(held, "fget", None) or getattr(held, "__wrapped__", held)
            found = getattr(found, "__func__", found)
            if isinstance(found, FunctionType) and found.__module__ == module.__name__:
                yield found


def _methods(module: Any) -> Iterator[Any]:
    for held in vars(module).values():
        if inspect.isclass(held) and held.__module__ == module.__name__:
            yield from vars(held).values()


def _in_function(
    function: FunctionType, lines: Collection[tuple[str, int]]
) -> Iterator[Callable[[], Slip]]:
    file, first = function.__code__.co_filename, function.__code__.co_firstlineno
    try:
        tree: Any = ast.parse(dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return
    if not isinstance(tree.body[0], ast.FunctionDef):
        return
    tree.body[0].decorator_list = []
    for place, node in enumerate(ast.walk(tree.body[0])):
        line = first + getattr(node, "lineno", 0) - 1
        if (file, line) in lines and not isinstance(node, ast.arguments):
            for turn, _ in enumerate(_slipped(node)):
                yield lambda place=place, turn=turn, line=line: Slip(  # type: ignore[misc]
                    function, file, line, _compiled(function, tree, place, turn)
                )


def _compiled(function: FunctionType, tree: Any, place: int, turn: int) -> CodeType:
    """Return the code of a function with one slip.

    Raises:
        ValueError: what it encloses cannot be made apart from its class.
    """
    whole = copy.deepcopy(tree)
    node = next(islice(ast.walk(whole.body[0]), place, None))
    new = next(islice(_slipped(node), turn, None))
    changed: Any = _Exchange(node, new).visit(whole)
    text = ast.fix_missing_locations(changed)
    code = compile(text, "slip", "exec", __future__.annotations.compiler_flag)
    made: dict[str, Any] = {}
    exec(code, function.__globals__, made)  # noqa: S102 - our own source
    found: CodeType = made[function.__name__].__code__
    if found.co_freevars != function.__code__.co_freevars:
        raise ValueError(function.__qualname__)
    return found


class _Exchange(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else super().visit(node)
