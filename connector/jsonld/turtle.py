"""Node objects to Turtle: in the order given, one-time blank nodes in place.

Rule: the same nodes give the same bytes, because reports and profiles are compared byte by byte.
What is read stands in `policies_odrl/documents`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from connector.errors import Malformed
from connector.jsonld.canonical import MAX_DEPTH
from policies_odrl.documents.contexts import is_absolute, is_language
from policies_odrl.model import XSD

MAX_INLINE: Final = 16  # levels of `[ … ]`; deeper nodes are written by label

_BLANK: Final = re.compile(r"_:[A-Za-z0-9_]+")
_LOCAL: Final = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
_ESCAPES: Final = {
    **{code: f"\\u{code:04X}" for code in (*range(0x20), 0x7F)},
    **{ord(char): "\\" + name for char, name in zip('\\"\n\r\t', '\\"nrt', strict=True)},
}


def turtle_bytes(nodes: Sequence[Mapping[str, Any]], prefixes: Mapping[str, str]) -> bytes:
    """Return node objects as Turtle: in the order given, one-time blank nodes in place.

    >>> found = turtle_bytes([{"@id": "urn:a", "@type": ["urn:x#T"]}], {"x": "urn:x#"})
    >>> found.decode().splitlines()
    ['@prefix x: <urn:x#> .', '', '<urn:a> a x:T .']

    Args:
        nodes: flattened node objects, each with its own `@id`.
        prefixes: prefix -> namespace; those that are used are declared.

    Raises:
        Malformed: something has no Turtle form.
    """
    writer = _Writer(nodes, prefixes)
    blocks = list(writer.blocks())
    head = "".join(f"@prefix {name}: <{prefixes[name]}> .\n" for name in sorted(writer.used))
    try:
        return "\n".join(part for part in (head, *blocks) if part).encode()
    except UnicodeEncodeError as exc:
        raise Malformed("text that is not Unicode") from exc


class _Writer:
    def __init__(self, nodes: Sequence[Mapping[str, Any]], prefixes: Mapping[str, str]) -> None:
        self._nodes = {str(node.get("@id", "")): node for node in nodes}
        if len(self._nodes) != len(nodes):
            raise Malformed("each node needs its own `@id`")
        self._prefixes = sorted(prefixes.items(), key=lambda item: (-len(item[1]), item[0]))
        self.used: set[str] = set()
        self._referred = referred = Counter(name for node in nodes for name in _referred(node))
        self._inline = {
            name for name in self._nodes if name.startswith("_:") and referred[name] == 1
        }
        self._written: set[str] = set()

    def blocks(self) -> Iterator[str]:
        """Yield what stands on its own first, then what was too deep or lies on a cycle."""
        for name in [item for item in self._nodes if item not in self._inline]:
            yield self._block(name)
        for name in self._nodes:
            if name not in self._written:
                self._inline.discard(name)
                yield self._block(name)

    def _block(self, name: str) -> str:
        self._written.add(name)
        lines = self._lines(self._nodes[name], 1)
        return f"{self._name(name)} {' ;'.join(lines).lstrip()} .\n" if lines else ""

    def _lines(self, node: Mapping[str, Any], depth: int) -> list[str]:
        indent = "\n" + "    " * depth
        lines = []
        types = node.get("@type", [])
        types = [types] if isinstance(types, str) else types
        if types:
            lines.append(f"{indent}a {', '.join(self._name(item) for item in types)}")
        for name, values in node.items():
            if not name.startswith("@") and values:
                objects = ", ".join(self._value(item, depth) for item in values)
                lines.append(f"{indent}{self._name(name)} {objects}")
        return lines

    def _value(self, value: Any, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise Malformed(f"lists nested deeper than {MAX_DEPTH}")
        if not isinstance(value, Mapping):
            raise Malformed("a value must be an object")
        if "@list" in value:
            return f"( {''.join(self._value(item, depth + 1) + ' ' for item in value['@list'])})"
        if "@value" in value:
            return self._literal(value)
        return self._node(str(value.get("@id", "")), depth)

    def _node(self, name: str, depth: int) -> str:
        if name.startswith("_:") and name not in self._nodes and self._referred[name] == 1:
            return "[]"  # nothing is said of it
        if name not in self._inline or name in self._written or depth > MAX_INLINE:
            return self._name(name)
        self._written.add(name)
        lines = self._lines(self._nodes[name], depth + 1)
        return f"[{' ;'.join(lines)}{chr(10)}{'    ' * depth}]" if lines else "[]"

    def _literal(self, value: Mapping[str, Any]) -> str:
        plain, datatype = _native(value)
        text = f'"{plain.translate(_ESCAPES)}"'
        language = value.get("@language")
        if language is not None:
            if not is_language(str(language)):
                raise Malformed("a language tag that is not one")
            return f"{text}@{language}"
        return text if datatype == XSD + "string" else f"{text}^^{self._name(datatype)}"

    def _name(self, name: str) -> str:
        if name.startswith("_:") and _BLANK.fullmatch(name):
            return name
        for prefix, namespace in self._prefixes:
            if name.startswith(namespace) and _LOCAL.fullmatch(name[len(namespace) :]):
                self.used.add(prefix)
                return f"{prefix}:{name[len(namespace) :]}"
        if not is_absolute(name):
            raise Malformed(f"`{name[:200]}` is not an absolute name")
        return f"<{name}>"


def _native(value: Mapping[str, Any]) -> tuple[str, str]:
    """Return the lexical form and the datatype of a value object."""
    plain: Any = value["@value"]
    if isinstance(plain, bool):
        own = "boolean"
    elif isinstance(plain, int | float):
        own = "integer" if isinstance(plain, int) else "double"
    elif isinstance(plain, str):
        own = "string"
    else:
        raise Malformed("a value must be text, a number or a truth value")
    text = str(plain).lower() if own == "boolean" else str(plain)
    return text, str(value.get("@type", XSD + own))


def _referred(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names that a node refers to, as often as it does; classes count too."""
    types = node.get("@type", [])
    yield from [types] if isinstance(types, str) else types
    stack = [item for name, values in node.items() if not name.startswith("@") for item in values]
    while stack:
        value = stack.pop()
        if "@list" in value:
            stack.extend(value["@list"])
        elif "@id" in value:
            yield str(value["@id"])
