"""Members that many messages have: context, type, pids, code, reasons, addresses, a message's id.

Source: DSP 2025-1, Schemas & Contexts, and the JSON schemas of the messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from connector.errors import Malformed, MessageTooLarge, UpgradeRequired
from connector.jsonld.canonical import b64url
from connector.protocol import codec
from connector.protocol.codec import Body, forms_of
from connector.protocol.dsp import extensions
from federated.reading import MAX_BYTES, Member, is_plain, read

VERSION: Final = "2025-1"
CONTEXT: Final = "https://w3id.org/dspace/2025/1/context.jsonld"
# A pid that must be stated of a process that never began (RFC 9562, section 5.9).
NIL: Final = "urn:uuid:00000000-0000-0000-0000-000000000000"
MAX_URL: Final = 2048  # characters
_MAX_CONTEXTS: Final = 8
_OTHER: Final = re.compile(r"https://w3id\.org/dspace/([0-9A-Za-z.]+(?:/[0-9]+)?)/")
_ID: Final = r"\S+"
_URL: Final = r"(?i:https?)://[^\s/?#@\\]+(?:[/?][^\s#\\]*)?"
_CODE: Final = re.compile(r"\S{1,64}")
_PIDS: Final = {"provider_pid": "providerPid", "consumer_pid": "consumerPid"}
_NAMES: Final = {**_PIDS, "code": "code", "reasons": "reason"}


def opened(data: bytes, *types: str, untyped: bool = False) -> tuple[str, Member]:
    """Return type and members of a message.

    Args:
        data: body of a request or answer, UTF-8.
        types: those that may stand where it came from.
        untyped: whether it may leave out its type: then it is of the first.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: not JSON, no message of the protocol, or of another type.
        UpgradeRequired: of another version of the protocol.
    """
    if len(data) > MAX_BYTES:
        raise MessageTooLarge(f"{len(data)} bytes exceed the limit of {MAX_BYTES}")
    whole = read(data, _refusal(types[0] if len(types) == 1 else "message"))
    _check_context(whole.fields("@context", others=True)["@context"])
    if untyped and "@type" not in whole.value:
        return types[0], whole
    kind = whole.fields("@type", others=True)["@type"].exactly(*types)
    return kind, Member(whole.value, _refusal(kind))


def begun(message: Body, kind: str = "") -> dict[str, Any]:
    """Return what a message begins with: context, type, pids, code, reasons, our extensions.

    Args:
        message: the value.
        kind: its type; empty: the name of its class.

    """
    beside = extensions.BESIDE.get(type(message), ())
    found = {name: getattr(message, name) for name in forms_of(type(message)) if name not in beside}
    body: dict[str, Any] = {"@context": [CONTEXT], "@type": kind or type(message).__name__}
    body |= {_NAMES[name]: _json(found[name]) for name in _NAMES if found.get(name)}
    return body | (extensions.written(message) if beside else {})


def common(cls: type[Body], root: Member, after: str = "", maybe: str = "") -> dict[str, Any]:
    """Return the fields of a message that `begun` writes.

    Args:
        cls: class of the message.
        root: of the message.
        after: see `message_id`.
        maybe: the pid that may be absent, by the name of its member.

    Raises:
        Malformed: a member is missing or of another form.
    """
    names, beside = forms_of(cls), extensions.BESIDE.get(cls, ())
    found = extensions.read(cls, root) if beside else {}
    if "message_id" in names:
        found["message_id"] = found["message_id"] or message_id(root.value, after)
    for field, name in _PIDS.items():
        if field in names:
            found[field] = identifier(root, name) if name != maybe or name in root.value else ""
    if "code" in names:
        found["code"], found["reasons"] = code_and_reasons(root)
    return found


def needed(body: Mapping[str, Any], *names: str) -> None:
    """Refuse to write a message without a member that its schema requires.

    Raises:
        Malformed: it is not there.
    """
    for name in names:
        if not body.get(name):
            raise Malformed(f"`{body['@type']}` cannot be written without `{name}`")


def one_of(body: Mapping[str, Any], left: str, right: str) -> None:
    """Refuse a message that has both of two members, or neither.

    Raises:
        Malformed: the schema's `oneOf` does not hold.
    """
    if bool(body.get(left)) == bool(body.get(right)):
        raise Malformed(f"`{body['@type']}` must have either `{left}` or `{right}`")


def identifier(root: Member, name: str) -> str:
    """Return a member that names something.

    Raises:
        Malformed: missing, no text, too long, or with white space.
    """
    return root.fields(name, others=True)[name].text(most=codec.MAX_ID, pattern=_ID)


def address(root: Member, name: str) -> str:
    """Return a member that is a web address. Whether this node goes there is for its guard.

    Raises:
        Malformed: missing, or no plain `http` or `https` address.
    """
    return root.fields(name, others=True)[name].text(most=MAX_URL, pattern=_URL)


def several(root: Member, name: str, most: int) -> list[Member]:
    """Return the elements of a list; none where it is absent.

    Raises:
        Malformed: of no object; no list, or longer.
    """
    found = root.fields(maybe=(name,), others=True).get(name)
    return found.items(most=most) if found else []


def code_and_reasons(root: Member) -> tuple[str, tuple[str, ...]]:
    """Return `code` and `reason` as lines that can be shown.

    A process must end whatever words its peer chooses. So these are trimmed, not refused. A code
    that is none of ours by its form, which has no blank, becomes the first reason.

    Raises:
        Malformed: `code` is no text, or `reason` no list.
    """
    code = root.child("code").content() if "code" in root.value else ""
    lines = [] if _CODE.fullmatch(code) and is_plain(code) else [code]
    lines += [_said(each.value) for each in several(root, "reason", MAX_BYTES)[: codec.MAX_LINES]]
    shown = tuple(line for line in map(line_of, lines) if line)[: codec.MAX_LINES]
    return "" if lines[:1] == [code] else code, shown


def line_of(text: str) -> str:
    """Return a text as one line that can be shown, cut to what is read of a reason."""
    plain = "".join(sign if is_plain(sign) else " " for sign in text[: 4 * codec.MAX_LINE])
    return " ".join(plain.split())[: codec.MAX_LINE]


def message_id(body: Mapping[str, Any], after: str = "") -> str:
    """Return the id of a message whose sender gave it none: a name of its content (RFC 6920).

    Its `@id` is content: who means the same twice says it anew, and a repetition is the same.
    Without one the same content may be meant twice all the same: a transfer is suspended, resumed
    and suspended again. So a process counts: a message that came has the id with `after` being the
    id of the last message that moved the process before it. One that has the id of that last
    message itself, reckoned with what was before that, is its repetition.

    Args:
        body: the whole message.
        after: id of the last message that moved the process; empty for the first.
    """
    text = json.dumps([after, body], sort_keys=True, separators=(",", ":"))
    return f"ni:///sha-256;{b64url(sha256(text.encode()).digest())}"


def _json(value: str | tuple[str, ...]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)


def _check_context(member: Member) -> None:
    named = list(_texts(member.value))
    if CONTEXT not in named:
        other = next(filter(None, map(_OTHER.match, named)), None)
        if other:
            raise UpgradeRequired(
                f"a message of version `{other[1]}` of the Dataspace Protocol; "
                f"this node speaks {VERSION}"
            )
    for each in member.items(least=1, most=_MAX_CONTEXTS):
        each.text(most=MAX_URL)
    if CONTEXT not in named:
        member.refuse(f"must name `{CONTEXT}`")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _said(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("@value"), str):
        return str(value["@value"])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _refusal(kind: str) -> Any:
    def refusal(pointer: str, fault: str) -> Malformed:
        return Malformed(f"`{kind}` {pointer or '/'}: {fault}")

    return refusal
