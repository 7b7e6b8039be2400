"""Presentation definitions: conditions by which a verifier asks (DCP 1.0 section 5.4.1.1).

Rules (Presentation Exchange 2.1, sections 5 and 8): what is understood are input descriptors with
conditions on fields: plain paths, and filters by `type`, `const`, `enum`, `contains` and `pattern`,
where a list has a value that one of its elements has. Whatever else narrows an answer is refused by
name, since nobody could say what it leaves out; formats are a matter of DCP's profiles. A pattern
is a literal, with anchors or without: a regular expression of a peer could take forever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from connector.errors import NotSupported
from connector.identity.dcp.credential import Held, Profile
from federated.reading import Member

MOST: Final = 16  # input descriptors, fields of one, and paths of a field
MAX_CHARS: Final = 256
_STEP: Final = re.compile(r"\.([A-Za-z_@][\w-]*)|\['([\w@:/.#-]+)'\]|\[(\*|[0-9]{1,4})\]")
_LITERAL: Final = re.compile(r"(\^?)([\w@:/#% -]*(?:\\?\.[\w@:/#% -]*)*)(\$?)")
_WRAPPED: Final = "vc"  # the claim of a JWT of VCDM 1.1, in which the credential stands
_FIELD: Final = ("path", "filter", "optional", "id", "name", "purpose", "intent_to_retain")
_DESCRIPTOR: Final = ("id", "constraints", "name", "purpose", "format")
_FILTER: Final = ("type", "const", "enum", "pattern", "contains")
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A condition on a credential.

    Attributes:
        paths: the first that leads to a value counts.
        condition: JSON Schema of that value, as far as it is understood; empty: any value.
        optional: whether the value may be missing.
    """

    paths: tuple[Path, ...]
    condition: Mapping[str, Any]
    optional: bool

    def holds(self, document: Mapping[str, Any]) -> bool:
        """Return whether a credential meets it."""
        for path in self.paths:
            values = list(_values(document, path))
            if values:
                return any(_meets(each, self.condition) for each in values)
        return self.optional


@dataclass(frozen=True, slots=True)
class Descriptor:
    """An input descriptor: a credential that is asked for.

    Attributes:
        id: within its definition.
        fields: all must hold.
    """

    id: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A presentation definition.

    Attributes:
        id: to be named in the answer.
        descriptors: at least one.
    """

    id: str
    descriptors: tuple[Descriptor, ...]

    def chosen(self, held: Sequence[Held]) -> dict[str, tuple[Held, ...]]:
        """Return the credentials that answer each descriptor; none where one is not answered.

        Args:
            held: those that may leave.
        """
        found = {
            each.id: tuple(
                one
                for one in held
                if all(field.holds(one.credential.document) for field in each.fields)
            )
            for each in self.descriptors
        }
        return found if all(found.values()) else {}


def read(member: Member) -> Definition:
    """Read a definition.

    Raises:
        PreauError: the reader's refusal: it is none.
        NotSupported: it has a condition that is not understood.
    """
    part = member.fields("id", "input_descriptors", others=True)
    _only(member, ("id", "input_descriptors", "name", "purpose", "format"))
    listed = part["input_descriptors"].items(least=1, most=MOST)
    found = tuple(_descriptor(each) for each in listed)
    if len({each.id for each in found}) < len(found):
        part["input_descriptors"].refuse("must have each id once")
    return Definition(part["id"].text(), found)


def submission(
    definition: Definition,
    chosen: Mapping[str, Sequence[Held]],
    presented: Sequence[Held],
    pid: str,
) -> dict[str, Any]:
    """Return where in an answer each descriptor is answered (section 6).

    Args:
        definition: as it was asked.
        chosen: as `Definition.chosen` gave it.
        presented: all credentials, in the order in which they were presented.
        pid: fresh id.
    """
    profiles = [each for each in Profile if any(one.profile is each for one in presented)]
    places = {}
    for number, profile in enumerate(profiles):
        within = [one for one in presented if one.profile is profile]
        for index, one in enumerate(within):
            root = "$.vp" if profile is Profile.VC11 else "$"
            places[one.token] = (number, f"{root}.verifiableCredential[{index}]")
    entries = [
        {
            "id": name,
            "format": "jwt_vp",
            "path": f"$.presentation[{places[one.token][0]}]",
            "path_nested": {"id": name, "format": "jwt_vc", "path": places[one.token][1]},
        }
        for name, found in chosen.items()
        for one in found
    ]
    return {"id": pid, "definition_id": definition.id, "descriptor_map": entries}


def _descriptor(member: Member) -> Descriptor:
    _only(member, _DESCRIPTOR)
    part = member.fields("id", "constraints", others=True)
    constraints = part["constraints"]
    _only(constraints, ("fields",))
    listed = constraints.child("fields")
    # Some write a single field without the list round it.
    items = [listed] if isinstance(listed.value, dict) else listed.items(least=1, most=MOST)
    return Descriptor(part["id"].text(), tuple(_field(each) for each in items))


def _field(member: Member) -> Field:
    _only(member, _FIELD)
    part = member.fields("path", maybe=("filter", "optional"), others=True)
    paths = tuple(_path(each) for each in part["path"].items(least=1, most=MOST))
    condition: Mapping[str, Any] = {}
    if "filter" in part:
        _check_filter(part["filter"])
        condition = part["filter"].value
    return Field(paths, condition, part["optional"].value is True if "optional" in part else False)


def _path(member: Member) -> Path:
    text = member.text(most=MAX_CHARS)
    steps = [next(filter(None, found)) for found in _STEP.findall(text)]
    if text[:1] != "$" or _STEP.sub("", text) != "$":
        _unsupported(member, "a path that is not a chain of names")
    return tuple(steps[1:] if steps[:1] == [_WRAPPED] else steps)


def _check_filter(member: Member) -> None:
    _only(member, _FILTER)
    part = member.fields(maybe=_FILTER, others=True)
    if "type" in part and part["type"].text() not in _TYPES:
        _unsupported(part["type"], "this type of a filter")
    if "enum" in part:
        part["enum"].items(least=1, most=MOST)
    if "pattern" in part and not _LITERAL.fullmatch(part["pattern"].text(most=MAX_CHARS)):
        _unsupported(part["pattern"], "a pattern that is not a literal")
    if "contains" in part:
        if not set(part) <= {"contains", "type"}:
            _unsupported(member, "`contains` beside another condition")
        _check_filter(part["contains"])


def _values(value: Any, path: Sequence[str]) -> Iterable[Any]:
    if not path:
        yield value
    elif path[0] == "*" and isinstance(value, list):
        for each in value:
            yield from _values(each, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
    elif isinstance(value, list) and path[0].isdigit() and int(path[0]) < len(value):
        yield from _values(value[int(path[0])], path[1:])


def _meets(value: Any, condition: Mapping[str, Any]) -> bool:
    if "contains" in condition:
        return isinstance(value, list) and any(
            _meets(each, condition["contains"]) for each in value
        )
    if isinstance(value, list) and condition.get("type") != "array":
        return any(_meets(each, condition) for each in value)
    if "type" in condition and not _is_a(value, condition["type"]):
        return False
    if "const" in condition and value != condition["const"]:
        return False
    if "enum" in condition and value not in condition["enum"]:
        return False
    return "pattern" not in condition or _matches(value, condition["pattern"])


def _is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool) and name != "boolean":
        return False
    return isinstance(value, _TYPES[name])


def _matches(value: Any, pattern: str) -> bool:
    found = _LITERAL.fullmatch(pattern)
    if found is None or not isinstance(value, str):
        return False
    start, literal, end = found.groups()
    text = literal.replace("\\.", ".")
    if start and end:
        return value == text
    return value.startswith(text) if start else value.endswith(text) if end else text in value


def _only(member: Member, known: Sequence[str]) -> None:
    member.fields(others=True)  # an object
    for name in member.value:
        if name not in known:
            _unsupported(member, f"`{name[:40]}`")


def _unsupported(member: Member, what: str) -> NoReturn:
    raise NotSupported(
        f"a presentation definition: {member.pointer or '/'}: {what} is not understood here",
        hint="ask by `scope`",
    )
