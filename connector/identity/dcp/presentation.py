"""Presentations: made for one verifier, and checked with each credential in them.

Rules (DCP 1.0 section 5.4.3): signed by an `authentication` key of the holder, made for this
verifier, valid now; each credential is verified under its issuer's document, is in its period, and
its subject is the holder; the data model of the presentation is that of all its credentials
(appendix A.2.1). Whose credentials are believed, and whether they still stand, is asked of a
`Policy`; which issuers' documents are looked at, of the caller. What was checked can be judged
again without the network: that is what a cache does on every hit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from connector.domain import instant
from connector.errors import CredentialExpired, CredentialInvalid
from connector.identity import credential as credentials
from connector.identity import jws
from connector.identity.credential import VCDM
from connector.identity.dcp import credential as others
from connector.identity.dcp.credential import VCDM_11, Held, Profile, identifier, types
from connector.identity.dcp.jwt import Form, header_of, moment
from connector.identity.dcp.query import enveloped
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.identity.reading import Kind
from connector.identity.trust import Claim, Policy
from connector.jsonld.canonical import canonical
from federated.reading import Member

LIFE: Final = timedelta(minutes=5)
MAX_CHARS: Final = 2 * 1024 * 1024
MOST_CREDENTIALS: Final = 32
_NAME: Final = "VerifiablePresentation"
_ENVELOPE: Final = f"Enveloped{_NAME}"
_KIND: Final = Kind(
    "presentation", CredentialInvalid, MAX_CHARS, relationship=Relationship.AUTHENTICATION
)
_FORM: Final = Form(_KIND, frozenset({"", "jwt", "vp+jwt"}), frozenset({"", "vp"}))

Issuers = Callable[[str], DidDocument]  # raises Untrusted for an issuer that is not to be asked


@dataclass(frozen=True, slots=True)
class Presentation:
    """A presentation whose signatures verified, and whose holder is its subject.

    Attributes:
        holder: DID.
        profile: of it and all its credentials.
        credentials: at least one.
    """

    holder: str
    profile: Profile
    credentials: tuple[Held, ...]


def make(
    signer: jws.Signer,
    did: str,
    audience: str,
    held: Sequence[Held],
    jti: Callable[[], str],
    now: datetime,
) -> tuple[str, ...]:
    """Make the presentations of credentials: one for each profile among them, none for none.

    Args:
        signer: the holder's.
        did: the holder.
        audience: DID of the verifier.
        held: what to present.
        jti: gives a fresh id each time.
        now: UTC.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    made = []
    for profile in Profile:
        tokens = [each.token for each in held if each.profile is profile]
        if tokens:
            body, typ = _BODIES[profile](did, tokens)
            claims = {**body, **_registered(did, audience, jti(), now)}
            made.append(jws.sign_compact(signer, canonical(claims), typ, header_of(signer)))
    return tuple(made)


def check(
    token: str,
    holder: DidDocument,
    audience: str,
    now: datetime,
    *,
    issuers: Issuers,
    policy: Policy,
    answered: bool = False,
) -> Presentation:
    """Check a presentation.

    Args:
        token: as received.
        holder: DID document of who authenticated, and must have made it.
        audience: own DID.
        now: UTC.
        issuers: DID document of an issuer.
        policy: whose credentials are believed, and whether each still stands.
        answered: whether it is the answer of the holder's own Credential Service to a query of
            ours, over TLS; only then it need not say whom it was made for, which VCDM 2.0 does not
            demand.

    Raises:
        CredentialInvalid: a signature, holder, audience, subject or shape is wrong.
        CredentialExpired: it, or a credential in it, is outside its period.
        Untrusted: as `issuers` and `policy` say.
    """
    claims = _opened(token, holder)
    _check_registered(claims, holder.did, audience, now, answered=answered)
    profile, tokens = _content(claims, holder.did)
    found = tuple(_verified(each, issuers) for each in tokens)
    for each in found:
        if each.profile is not profile:
            raise CredentialInvalid(
                f"the presentation is of profile `{profile}`, and holds a credential of"
                f" `{each.profile}`"
            )
    result = Presentation(holder.did, profile, found)
    judge(result, holder, now, issuers=issuers, policy=policy)
    return result


def judge(
    presentation: Presentation,
    holder: DidDocument,
    now: datetime,
    *,
    issuers: Issuers,
    policy: Policy,
) -> None:
    """Judge the credentials of a checked presentation, now or again later.

    Args:
        presentation: as `check` returned it.
        holder: DID document of who authenticated.
        now: UTC.
        issuers: as of `check`.
        policy: as of `check`.

    Raises:
        CredentialInvalid: a credential's subject is not the holder.
        CredentialExpired: a credential is outside its period.
        Untrusted: as `issuers` and `policy` say.
    """
    for each in presentation.credentials:
        if each.credential.subject_id != holder.did:
            raise CredentialInvalid("the subject of a credential is not the presentation's holder")
        credentials.check_period(each.credential, now, ahead=instant.SKEW)
        issuer = issuers(each.credential.issuer)
        policy.check(Claim(each.credential, issuer, holder, now))


def _registered(did: str, audience: str, jti: str, now: datetime) -> dict[str, Any]:
    issued = int(now.timestamp())
    return {
        "iss": did,
        "sub": did,
        "aud": audience,
        "jti": jti,
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(LIFE.total_seconds()),
    }


def _vc20(did: str, tokens: Sequence[str]) -> tuple[dict[str, Any], str]:
    """VC-JOSE-COSE section 3.1.2: the claims are the presentation."""
    inside = [
        {
            "@context": VCDM,
            "id": f"data:application/vc+jwt,{token}",
            "type": "EnvelopedVerifiableCredential",
        }
        for token in tokens
    ]
    body = {"@context": [VCDM], "type": [_NAME], "holder": did, "verifiableCredential": inside}
    return body, "vp+jwt"


def _vc11(did: str, tokens: Sequence[str]) -> tuple[dict[str, Any], str]:
    """VCDM 1.1 section 6.3.1: it stands in the claim `vp`."""
    body = {
        "@context": [VCDM_11],
        "type": [_NAME],
        "holder": did,
        "verifiableCredential": list(tokens),
    }
    return {"vp": body}, "JWT"


_BODIES: Final = {Profile.VC20: _vc20, Profile.VC11: _vc11}


def _opened(token: str, holder: DidDocument) -> Member:
    """Return the claims of a presentation, out of a token that envelops it where one does."""
    claims = _FORM.opened(token, holder)
    part = claims.fields(maybe=("type",), others=True)
    if "type" in part and _ENVELOPE in types(part["type"]):
        return _FORM.opened(enveloped(claims, _NAME, "vp+jwt"), holder)
    return claims


def _check_registered(
    claims: Member, did: str, audience: str, now: datetime, *, answered: bool
) -> None:
    names = ("iss", "sub", "aud", "iat", "nbf", "exp")
    part = claims.fields(maybe=names, others=True)
    for name in ("iss", "sub"):
        if name in part and part[name].value != did:
            part[name].refuse("must be the holder")
    if ("aud" in part or not answered) and claims.child("aud").value not in (audience, [audience]):
        raise CredentialInvalid("the presentation was made for another verifier, or for several")
    here = f"and this node's clock says {instant.text(now)}"
    for name in ("iat", "nbf"):
        if name in part and (begins := moment(part[name])) > now + instant.SKEW:
            raise CredentialExpired(
                f"the presentation is not valid before {instant.text(begins)}, {here}",
                hint="check both clocks",
            )
    if "exp" in part and now >= (ends := moment(part["exp"])) + instant.SKEW:
        raise CredentialExpired(
            f"the presentation expired at {instant.text(ends)}, {here}", hint="check both clocks"
        )


def _content(claims: Member, did: str) -> tuple[Profile, list[str]]:
    """Return the profile of a presentation and the credentials in it, unverified."""
    if "vp" in claims.fields(maybe=("vp",), others=True):
        claims.fields("iss", others=True)
        # Some write no context here, where nothing follows from it but the data model.
        root, profile, context = claims.child("vp"), Profile.VC11, VCDM_11
    else:
        claims.fields("@context", "holder", others=True)
        root, profile, context = claims, Profile.VC20, VCDM
    names, maybe = ("type", "verifiableCredential"), ("@context", "holder")
    part = root.fields(*names, maybe=maybe, others=True)
    _check_presentation(part, context, did)
    listed = part["verifiableCredential"]
    single = not isinstance(listed.value, list)
    found = [listed] if single else listed.items(least=1, most=MOST_CREDENTIALS)
    return profile, [_credential(each, profile) for each in found]


def _check_presentation(part: Mapping[str, Member], context: str, did: str) -> None:
    if _NAME not in types(part["type"]):
        part["type"].refuse("must name a verifiable presentation")
    if "@context" in part:
        contexts = part["@context"].items(least=1, most=others.MOST_VALUES)
        if contexts[0].value != context:
            part["@context"].refuse(f"must begin with `{context}`")
    if "holder" in part and identifier(part["holder"]) != did:
        part["holder"].refuse("must be the DID that signed it")


def _credential(member: Member, profile: Profile) -> str:
    """Return the JWT of a credential: itself in VCDM 1.1, enveloped in VCDM 2.0."""
    if isinstance(member.value, str) is (profile is Profile.VC20):
        member.refuse(f"is not secured as profile `{profile}` demands")
    return enveloped(member, "VerifiableCredential", "vc+jwt")


def _verified(token: str, issuers: Issuers) -> Held:
    issuer = others.unverified(token).credential.issuer
    return others.verify(token, issuers(issuer))
