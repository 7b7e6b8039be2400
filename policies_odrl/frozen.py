"""Frozen values that are cheap to make: filled in as drafts, of which each then becomes a value."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(kind: Any) -> Any:
    """Return a class as a frozen dataclass with slots, whose fields are all parameters."""
    kind = dataclass(frozen=True, slots=True, init=False)(kind)
    names = tuple(it.name for it in fields(kind))
    draft = type("Draft", (), {"__slots__": names})  # of the same shape, and can be set
    scope: dict[str, Any] = {"_missing": MISSING, "_draft": draft}
    heads, body = ["_kind"], ["self = _draft()"]
    for it in fields(kind):
        value, default = it.name, "" if it.default is MISSING else f" = _default_{it.name}"
        if it.default_factory is not MISSING:
            value, default = f"_make_{value}() if {value} is _missing else {value}", " = _missing"
        scope |= {f"_default_{it.name}": it.default, f"_make_{it.name}": it.default_factory}
        heads.append(it.name + default)
        body.append(f"self.{it.name} = {value}")
    body += ["self.__class__ = _kind", *["self.__post_init__()"] * hasattr(kind, "__post_init__")]
    text = f"def __new__({', '.join(heads)}):\n " + "\n ".join((*body, "return self"))
    exec(text, scope)  # noqa: S102 - as `dataclasses` does, of the names of fields
    kind.__new__ = scope["__new__"]
    kind.__reduce__ = lambda self: (self.__class__, tuple([getattr(self, it) for it in names]))
    return kind
