"""Messages of the Resolution API: a verifier's query, and the presentations that answer it.

Rules (DCP 1.0 section 5.4): a query asks by scopes or by a presentation definition, never by both
or neither; this node understands scopes. Unknown members are passed over, those that are known are
strict, and a refusal names the member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.errors import Malformed
from connector.identity.dcp import definition, message, scopes
from connector.identity.dcp.definition import Definition
from connector.identity.dcp.scopes import ALIASES, Naming, Scope
from connector.identity.reading import Kind
from federated.reading import MAX_BYTES, Member

MOST_PRESENTATIONS: Final = 16
MAX_QUERY_BYTES: Final = 256 * 1024
Asked = tuple[Scope, ...] | Definition
_QUERY: Final = Kind("PresentationQueryMessage", Malformed, MAX_QUERY_BYTES)
_RESPONSE: Final = Kind("PresentationResponseMessage", Malformed, MAX_BYTES)


def query(asked: Sequence[str]) -> dict[str, Any]:
    """Return a query (section 5.4.1).

    Args:
        asked: scopes, as the holder's space writes them.

    Raises:
        Malformed: none, too many, or one that is no line of text.
    """
    body = message.written(_QUERY, scope=list(asked))
    _scopes(Member(body, _QUERY.refusal).child("scope"))
    return body


def read_query(data: bytes, aliases: Mapping[str, Naming] = ALIASES) -> Asked:
    """Read a query.

    Args:
        data: JSON.
        aliases: of the scopes that are known here.

    Raises:
        Malformed: not a query: without its context, with both or neither of scopes and presentation
            definition, or with a scope that cannot be read.
        NotSupported: it asks by a presentation definition that is not understood here.
    """
    root = message.opened(_QUERY, data)
    part = root.fields(maybe=("scope", "presentationDefinition"), others=True)
    part = {name: member for name, member in part.items() if member.value is not None}
    if len(part) != 1:
        root.refuse("must have either `scope` or `presentationDefinition`")
    if "scope" in part:
        return tuple(scopes.read(each, aliases) for each in _scopes(part["scope"]))
    return definition.read(part["presentationDefinition"])


def read_scopes(asked: Sequence[str], aliases: Mapping[str, Naming] = ALIASES) -> tuple[Scope, ...]:
    """Read scopes of this node's own settings.

    Raises:
        Malformed: none, too many, or one that cannot be read.
    """
    member = Member({"scope": list(asked)}, _QUERY.refusal).child("scope")
    return tuple(scopes.read(each, aliases) for each in _scopes(member))


def response(
    presentations: Sequence[str], submission: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the answer to a query (section 5.4.2).

    Args:
        presentations: JWTs; none where no credential that was asked for is held.
        submission: where a presentation definition is answered; None for scopes.
    """
    stated = {} if submission is None else {"presentationSubmission": dict(submission)}
    return message.written(_RESPONSE, presentation=list(presentations), **stated)


def read_response(data: bytes) -> tuple[str, ...]:
    """Read an answer, and return the presentations, which nobody has verified yet.

    Args:
        data: JSON.

    Raises:
        Malformed: not an answer, with no presentation, or with one that is secured otherwise than
            as a JWT.
    """
    part = message.opened(_RESPONSE, data).fields("presentation", others=True)
    found = part["presentation"].items(least=1, most=MOST_PRESENTATIONS)
    return tuple(enveloped(each, "VerifiablePresentation", "vp+jwt") for each in found)


def enveloped(member: Member, name: str, media: str) -> str:
    """Return the JWT that a text is, or that an object envelops (VCDM 2.0 section 4.13).

    Args:
        member: the text or object.
        name: what is enveloped; the object's type says `Enveloped…`.
        media: media type of the `data:` URL, without `application/`.

    Raises:
        PreauError: the reader's refusal: another kind of value, or secured in another way.
    """
    if isinstance(member.value, str):
        return member.text(most=MAX_BYTES)
    part = member.fields("id", "type", others=True)
    listed = part["type"].value if isinstance(part["type"].value, list) else [part["type"].value]
    if f"Enveloped{name}" not in listed:
        part["type"].refuse(f"must be `Enveloped{name}`: only what is secured as a JWT is read")
    head = f"data:application/{media},"
    text = part["id"].text(most=MAX_BYTES)
    if not text.startswith(head):
        part["id"].refuse(f"must begin with `{head}`")
    return text.removeprefix(head)


def _scopes(member: Member) -> list[Member]:
    found = member.items(least=1, most=scopes.MOST)
    for each in found:
        each.text(most=scopes.MAX_CHARS)
    return found
