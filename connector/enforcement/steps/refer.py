"""The step that says which third party carries a use out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from federated.reading import Member

MOST_CHARS: Final = 512
_PARTY: Final = re.compile(r"(did:web:[A-Za-z0-9.%:_-]+|https://[A-Za-z0-9.-]+(:[0-9]{1,5})?)")


def names_party(text: str) -> bool:
    """Return whether a text names a third party: a DID (did:web), or an origin (RFC 6454)."""
    return len(text) <= MOST_CHARS and _PARTY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Refer:
    """No data leave: who asks gets a signed referral, and presents it to a third party.

    Attributes:
        party: did:web or https origin of who carries the use out.
        dataset: IRI of what the referral is about.
    """

    kind: ClassVar[str] = "refer"
    version: ClassVar[int] = 1
    party: str
    dataset: str

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"party": self.party, "dataset": self.dataset}

    @classmethod
    def read(cls, member: Member) -> Refer:
        """Return the step that these members say."""
        part = member.fields("party", "dataset")
        party = part["party"].text()
        if not names_party(party):
            part["party"].refuse("must be a did:web or an https origin")
        return cls(party, part["dataset"].text())
