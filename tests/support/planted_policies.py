"""Faults planted in the engine, and after how many examples a law sees each of them.

`python -m tests.support.planted_policies [WORD]` asks the laws whose name holds a word, and prints
for each fault the examples that ten seeds needed. `planted_policies.json` holds the faults: module,
function, some of its text, and what is put in its place. See decision record 0089.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import json
import multiprocessing
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any, Final, NamedTuple

from hypothesis import HealthCheck, Phase, seed, settings

SEEDS: Final = 10
MOST: Final = 400  # examples after which a fault counts as not seen
_FILE: Final = Path(__file__).with_suffix(".json")
_SETTINGS: Final = settings(
    max_examples=MOST,
    phases=[Phase.generate],
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


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


def laws() -> dict[str, list[Fault]]:
    """Return law (module and function) -> faults in what it guards."""
    rows = json.loads(_FILE.read_text("utf-8")).items()
    return {law: [Fault(*row) for row in faults] for law, faults in rows}


class _Seen(BaseException):
    """A law sees a fault; Hypothesis does not take it for a failure, and tries no other."""


def _seen_after(law: Any, start: int) -> int | None:
    """Return with how many examples, drawn from a seed, a law fails; None where it does not."""
    right: Callable[..., None] = law.hypothesis.inner_test
    drawn = 0

    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal drawn
        drawn += 1
        try:
            right(*args, **kwargs)
        except Exception as exc:
            raise _Seen from exc

    law.hypothesis.inner_test = counted
    vars(law).pop("_hypothesis_internal_settings_applied", None)  # which allows no others
    try:
        seed(start)(_SETTINGS(law))()
    except _Seen:
        return drawn
    finally:
        law.hypothesis.inner_test = right
    return None


def _measured(law: str, fault: Fault) -> list[int | None]:
    fault.plant()
    module, _, name = law.rpartition(".")
    found: list[int | None] = []
    while len(found) < SEEDS and None not in found:  # what one seed does not see is not seen
        found.append(_seen_after(getattr(import_module(module), name), len(found)))
    return found


def main() -> None:
    """Print the table, each fault measured in a process of its own."""
    apart = multiprocessing.get_context("fork")
    for law, faults in laws().items():
        for fault in faults if all(word in law for word in sys.argv[1:]) else ():
            with apart.Pool(1, maxtasksperchild=1) as pool:
                found = pool.apply(_measured, (law, fault))
            sys.stdout.write(f"{law}: {fault.function} `{fault.new}`: {found}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
