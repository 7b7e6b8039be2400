"""Messages about uses of contracts as values, named as in `protos/connector/peer/v1`.

Rules: as `messages.py`, whose table of kinds has these too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from connector.errors import Malformed
from connector.protocol import codec
from connector.protocol.codec import Body, Octets, Several, Text

MOST_CONTENT: Final = 1 << 20  # bytes of a table that comes with the answer

_STATES: Final = ("refused", "preparing", "ready", "failed", "gone", "referred")
_SIGNED: Final = ("ready", "referred")  # what comes with the provider's signature

Id = Annotated[str, Text()]
Lines = Annotated[
    tuple[str, ...], Several(Text(limit=codec.MAX_LINE, spaces=True), limit=codec.MAX_LINES)
]


@dataclass(frozen=True, slots=True)
class UseRequest(Body):
    """Consumer: a signed request for a use, exact bytes."""

    request_id: Id
    agreement_id: Id
    request: Annotated[bytes, Octets(limit=codec.MAX_POLICY)]
    signature: Annotated[str, Text(limit=codec.MAX_TOKEN)]


@dataclass(frozen=True, slots=True)
class UseAnswer(Body):
    """Provider: its decision, and what has become of what it granted."""

    request_id: Id
    state: Annotated[str, Text(among=_STATES)]
    code: Annotated[str, Text(limit=64, empty=True)] = ""
    reasons: Lines = ()
    extract_id: Annotated[str, Text(empty=True)] = ""
    statement: Annotated[str, Text(limit=8 * 1024, empty=True)] = ""
    content: Annotated[bytes, Octets(limit=MOST_CONTENT, empty=True)] = b""

    def check(self) -> None:
        """What was refused has a code and nothing else; what is ready or referred is signed.

        Raises:
            Malformed: they do not belong together.
        """
        if (self.state in ("refused", "failed")) != bool(self.code):
            raise Malformed(f"field `code` contradicts the state `{self.state}`")
        signed = self.state in _SIGNED
        if signed != bool(self.statement) or (self.content and self.state != "ready"):
            raise Malformed(f"the content contradicts the state `{self.state}`")


@dataclass(frozen=True, slots=True)
class ReferralMessage(Body):
    """Holder of a referral, to the third party that it names."""

    referral: Annotated[str, Text(limit=8 * 1024)]


@dataclass(frozen=True, slots=True)
class ReferralAnswer(Body):
    """Third party: it took in the referral, which is used by that."""

    referral_id: Id

    def check_about(self, referral_id: str) -> None:
        """See that it is about a referral.

        Raises:
            Malformed: it is about another.
        """
        if self.referral_id != referral_id:
            raise Malformed("the answer is about another referral")


KINDS: Final[Mapping[str, tuple[type[Body], type[Body]]]] = {
    "UseRequest": (UseRequest, UseAnswer),
    "ReferralMessage": (ReferralMessage, ReferralAnswer),
}
