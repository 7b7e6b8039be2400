"""Frozen values that are cheap to make: a constructor that does not look up each slot by name."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(kind: Any) -> Any:
    """Return a class as a frozen dataclass with slots, whose fields are all parameters."""
    kind = dataclass(frozen=True, slots=True)(kind)
    scope: dict[str, Any] = {"_missing": MISSING}
    heads, body = ["self"], []
    for it in fields(kind):
        value, default = it.name, "" if it.default is MISSING else f" = _default_{it.name}"
        if it.default_factory is not MISSING:
            value, default = f"_make_{value}() if {value} is _missing else {value}", " = _missing"
        scope |= {f"_default_{it.name}": it.default, f"_make_{it.name}": it.default_factory}
        scope[f"_set_{it.name}"] = getattr(kind, it.name).__set__
        heads.append(it.name + default)
        body.append(f"_set_{it.name}(self, {value})")
    body += ["self.__post_init__()"] * hasattr(kind, "__post_init__")
    text = f"def __init__({', '.join(heads)}):\n " + "\n ".join(body)
    exec(text, scope)  # noqa: S102 - as `dataclasses` does, of the names of fields
    made, plain = scope["__init__"], kind.__init__
    made.__qualname__, made.__annotations__ = plain.__qualname__, plain.__annotations__
    kind.__init__ = made
    return kind
