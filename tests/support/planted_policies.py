"""Faults planted in the engine, and whether the laws that guard against them see them.

`python -m tests.support.planted_policies [WORD …]` asks the laws whose name holds each word, and
prints for each fault at which of its draws the law sees it. `planted_policies.json` holds the
faults: module, function, some of its text, and what is put in its place. See decision record 0097.
"""

from __future__ import annotations
import __future__

import ast
import gc
import inspect
import json
import multiprocessing
import sys
from collections.abc import Callable
from functools import _lru_cache_wrapper, cache
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any, Final, NamedTuple

from policies_odrl import Knowledge

_FILE: Final = Path(__file__).with_suffix(".json")


class Fault(NamedTuple):
    """One function with some of its text replaced."""

    module: str
    function: str
    old: str
    new: str

    def right(self) -> tuple[Any, str]:
        """Return the function as it stands, and its text; the old text stands in it once.

        Raises:
            ValueError: it stands there otherwise, so that nothing would be planted.
        """
        owner: Any = import_module(f"policies_odrl.{self.module}")
        *outer, name = self.function.split(".")
        for part in outer:
            owner = getattr(owner, part)
        held = inspect.getattr_static(owner, name)
        found = getattr(held, "fget", None) or getattr(held, "__wrapped__", held)
        found = getattr(found, "__func__", found)
        text = dedent(inspect.getsource(found))
        if text.count(self.old) != 1:
            raise ValueError(f"`{self.old}` does not stand once in `{self.function}`")
        return found, text

    def plant(self) -> None:
        """Put the fault in place of what is right, for as long as the process lives."""
        found, text = self.right()
        tree = ast.parse(text.replace(self.old, self.new))
        tree.body[0].decorator_list = []  # type: ignore[attr-defined] # a function
        made: dict[str, Any] = {}
        code = compile(tree, self.module, "exec", __future__.annotations.compiler_flag)
        exec(code, found.__globals__, made)  # noqa: S102 - our own source, one text replaced
        found.__code__ = made[found.__name__].__code__
        forget()


@cache
def keepers() -> list[Any]:
    """Return whatever keeps answers."""
    kinds = (Knowledge, _lru_cache_wrapper)
    return [held for held in gc.get_objects() if isinstance(held, kinds)]


def forget() -> None:
    """Clear what was kept of right answers."""
    for held in keepers():
        if isinstance(held, Knowledge):
            held.kept.clear()
        elif held.cache_info().currsize > 1:  # not tables, which are read once
            held.cache_clear()


def laws() -> dict[str, list[Fault]]:
    """Return law (module and function) -> faults in what it guards."""
    rows = json.loads(_FILE.read_text("utf-8")).items()
    return {law: [Fault(*row) for row in faults] for law, faults in rows}


def named(law: str) -> Any:
    """Return the test of a law."""
    module, _, name = law.rpartition(".")
    return getattr(import_module(module), name)


class _Seen(BaseException):
    """A law sees a fault; Hypothesis does not take it for a failure, and tries no other."""


def seen_after(law: str, fault: Fault) -> int | None:
    """Return at which of its draws a law, run as in each test, sees a fault; None: at none."""
    test, drawn = named(law), 0
    held, part = (test.law, "holds") if hasattr(test, "law") else (test.hypothesis, "inner_test")
    right: Callable[..., None] = getattr(held, part)

    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal drawn
        drawn += 1
        try:
            right(*args, **kwargs)
        except Exception as exc:
            raise _Seen from exc

    setattr(held, part, counted)
    fault.plant()
    try:
        test()
    except _Seen:
        return drawn
    return None


def main() -> None:
    """Print the table, each fault measured in a process of its own."""
    from tests import conftest  # noqa: F401, PLC0415 - the same draws as in each test

    apart = multiprocessing.get_context("fork")
    for law, faults in laws().items():
        for fault in faults if all(word in law for word in sys.argv[1:]) else ():
            named(law)
            with apart.Pool(1, maxtasksperchild=1) as pool:
                found = pool.apply(seen_after, (law, fault))
            sys.stdout.write(f"{law}: {fault.function} `{fault.new}`: {found or 'never'}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
