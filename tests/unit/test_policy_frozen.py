"""Values made by the fast constructor are those of a frozen dataclass."""

from __future__ import annotations

import inspect
import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest

import policies_odrl
from policies_odrl.frozen import frozen
from tests.support.each import over


class Plain:
    number: int
    names: tuple[str, ...] = ()
    kept: dict[str, int] = field(default_factory=dict, compare=False)


class Checked(Plain):
    number: int = 7

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("negative")


def twins(kind: type) -> tuple[Any, Any]:
    """The same class twice: made fast, and by the standard library."""
    parts = {**vars(Plain), **vars(kind), "__annotations__": Plain.__annotations__}
    body = {name: part for name, part in parts.items() if name not in {"__dict__", "__weakref__"}}
    made, other = type(kind.__name__, (), body), type(kind.__name__, (), dict(body))
    return frozen(made), dataclass(frozen=True, slots=True)(other)


@over("given", [{}, {"names": ("a",)}, {"names": (), "kept": {"a": 1}}])
@over("kind", [Plain, Checked])
def test_it_is_the_value_that_a_dataclass_makes(kind: type, given: dict[str, Any]) -> None:
    fast, standard = twins(kind)
    one, other = fast(3, **given), standard(3, **given)
    assert repr(one) == repr(other)
    assert hash(one) == hash(other)
    assert [getattr(one, it.name) for it in fields(fast)] == [3, one.names, one.kept]
    assert replace(one, number=4) == fast(4, **given) != one
    with pytest.raises(FrozenInstanceError):
        one.number = 4
    assert fast(1).kept is not fast(1).kept


def test_what_follows_the_constructor_runs_and_what_is_missing_is_refused() -> None:
    fast, _ = twins(Checked)
    assert fast().number == 7
    with pytest.raises(ValueError, match="negative"):
        fast(-1)
    with pytest.raises(TypeError, match="number"):
        twins(Plain)[0]()


def test_each_class_of_the_package_takes_its_fields() -> None:
    """Also those with an own `__eq__`, `__hash__` or a class above."""
    seen = 0
    for module in walk_packages(policies_odrl.__path__, "policies_odrl."):
        for kind in vars(import_module(module.name)).values():
            make = getattr(kind, "__new__", None) if isinstance(kind, type) else None
            if "_draft" in getattr(make, "__globals__", {}):
                assert list(inspect.signature(kind).parameters) == [it.name for it in fields(kind)]
                seen += 1
    assert seen > 30
    value = policies_odrl.PartyRef("urn:example:a", source="urn:example:b")
    for same in (pickle.loads(pickle.dumps(value)), deepcopy(value)):  # noqa: S301 - made here
        assert same == value
        assert type(same) is policies_odrl.PartyRef
