"""Bearer tokens of data: what a provider gives a consumer for one transfer.

Rules: the provider signs it and alone believes it; it names the consumer, the contract, the dataset
and the extract, and is good for `LIFE`: a request that comes later, or before it was made, is
refused. It says who may ask, not that data may flow: that is judged anew while it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from connector.errors import TokenInvalid
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.identity.lifetime import Lifetime
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical

TYPE: Final = "preau-pull+jwt"
LIFE: Final = timedelta(minutes=10)
MAX_CHARS: Final = 4 * 1024
_LATEST: Final = (1 << 35) - 1  # seconds: beyond the year 3000
_KIND: Final = Kind("token", TokenInvalid, MAX_CHARS, TYPE, Relationship.INVOCATION)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is good for.

    Attributes:
        consumer: DID.
        transfer: the provider's pid.
        extract: its id.
        agreement: IRI.
        dataset: IRI.
    """

    consumer: str
    transfer: str
    extract: str
    agreement: str
    dataset: str


def make(signer: jws.Signer, did: str, grant: Grant, now: datetime) -> str:
    """Make a token.

    Args:
        signer: the provider's.
        did: the provider.
        grant: what for.
        now: UTC.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    issued = int(now.timestamp())
    claims = {
        "iss": did,
        "aud": did,
        "sub": grant.consumer,
        "transfer": grant.transfer,
        "extract": grant.extract,
        "agreement": grant.agreement,
        "dataset": grant.dataset,
        "iat": issued,
        "exp": issued + int(LIFE.total_seconds()),
    }
    return jws.sign_compact(signer, canonical(claims), TYPE)


def check(token: str, document: DidDocument, now: datetime) -> Grant:
    """Check a token that a request for an extract carries, and return what it is good for.

    Args:
        token: as received.
        document: of the provider, which must have signed it.
        now: UTC.

    Raises:
        TokenInvalid: signature, issuer or lifetime is wrong.
    """
    claims = _KIND.verified(token, document)
    if not claims.child("iss").value == claims.child("aud").value == document.did:
        raise TokenInvalid("the token was issued by another")
    issued, expires = (
        datetime.fromtimestamp(claims.child(name).integer(most=_LATEST), UTC)
        for name in ("iat", "exp")
    )
    if now >= expires:
        raise TokenInvalid("the token has expired", hint="ask for another: `preau transfer access`")
    Lifetime(issued, expires).check(LIFE, now)
    return Grant(
        consumer=claims.child("sub").text(),
        transfer=claims.child("transfer").text(),
        extract=claims.child("extract").text(),
        agreement=claims.child("agreement").text(),
        dataset=claims.child("dataset").text(),
    )
