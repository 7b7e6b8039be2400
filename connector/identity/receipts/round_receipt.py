"""A site's receipt of a round: which model it was sent, and what ran on it.

Rules: a site signs one receipt for each round that it answers; the lead hands all receipts of a
round to every site, so that a lead that sends different models to different sites is found. The
receipt names the manifest by its digest, so that two manifests under one job's name are found, too.
There is no time in it: that would tell how long private rows took. What receipts of one round must
have in common is `connector/services/federation/views.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from connector.errors import Malformed, SignatureInvalid
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.reading import Kind, remembering
from connector.jsonld.canonical import canonical
from federated.errors import EventUnknown
from federated.privacy import event
from federated.privacy.event import Events
from federated.reading import Member

TYPE: Final = "preau-round+jws"
MAX_CHARS: Final = 8 * 1024
MAX_VERSIONS: Final = 32
MAX_ROUND: Final = 1_000_000
_PLAIN: Final = "[ -~]+"
_TEXTS: Final = ("job", "site", "adjacency", "manifest", "digest", "recipe")
_LEDGER: Final = "ledger"
_MAYBE: Final = ("source", "key", "exact")  # 32 bytes each, in hex
_KIND: Final = Kind("receipt of a round", Malformed, MAX_CHARS, TYPE)

Versions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RoundReceipt:
    """What a site states of one round.

    Attributes:
        job: IRI.
        manifest: SHA-256 (hex) of the manifest that the site accepted.
        round: from 1.
        site: DID; it signed this.
        digest: SHA-256 (hex) of the round's arrays, see `federated.training.flower.records.digest`.
        recipe: SHA-256 (hex) of the training recipe that ran.
        versions: (library, version) of what the guarantee rests on, by name.
        adjacency: which data sets are neighbours, see `federated.privacy.rule`.
        events: what the round was charged as; None in a receipt of an earlier release.
        source: commitment to the rows that were read, hex, see `domain/transfer/extract.py`; empty
            in a receipt of an earlier release.
        key: of the site for the job, X25519, hex, by which it hides its part of a sum over sites
            of exact counts, not DP; empty where it adds to none.
        exact: SHA-256 (hex) of which sum over sites the answer adds exact counts to, not DP, no ε;
            empty where to none.
    """

    job: str
    manifest: str
    round: int
    site: str
    digest: str
    recipe: str
    versions: Versions
    adjacency: str
    events: Events | None = None
    source: str = ""
    key: str = ""
    exact: str = ""


def sign(signer: jws.Signer, receipt: RoundReceipt) -> str:
    """Return the receipt as a compact JWS.

    Raises:
        KeyUnusable: the key cannot be used.
    """
    statement: dict[str, Any] = {name: getattr(receipt, name) for name in _TEXTS}
    statement |= {"round": receipt.round, "versions": dict(receipt.versions)}
    if receipt.events is not None:
        statement[_LEDGER] = event.to_mapping(receipt.events)
    statement |= {name: each for name in _MAYBE if (each := getattr(receipt, name))}
    return jws.sign_compact(signer, canonical(statement), TYPE)


def read(token: str, document: DidDocument) -> RoundReceipt:
    """Verify and read a receipt.

    Args:
        token: compact JWS.
        document: DID document of the site that must have signed.

    Raises:
        SignatureInvalid: it does not verify, or states another site.
        Malformed: it cannot be read.
    """
    receipt = _read(_KIND.verified(token, document))
    if receipt.site != document.did:
        raise SignatureInvalid("the receipt was not signed by its site")
    return receipt


def unverified(token: str) -> RoundReceipt:
    """Read a receipt without verifying it: a stored one, or to learn whose it claims to be.

    Raises:
        Malformed: it cannot be read.
    """
    return _read(_KIND.unverified(token))


def signer(token: str) -> str:
    """Return the DID of whose key a receipt says that it is signed by; nobody has verified it.

    Raises:
        Malformed: it cannot be read.
    """
    key_id = jws.unverified_header(token).get("kid")
    return key_id.partition("#")[0] if isinstance(key_id, str) else ""


def read_versions(member: Member) -> Versions:
    """Return the versions of a JSON object, by name.

    Raises:
        Exception: it is no object of a few short plain texts, as the member's reader refuses.
    """
    stated = member.entries(most=MAX_VERSIONS)
    for name in stated:
        Member(name, member.refusal, member.trail).text(pattern=_PLAIN)
    return tuple((name, stated[name].text(pattern=_PLAIN)) for name in sorted(stated))


# All sites of a job, and all its rounds, state the same ones.
_events = remembering(64)(event.read)
_versions = remembering(64)(read_versions)


def _read(root: Member) -> RoundReceipt:
    part = root.fields(*_TEXTS, "round", "versions", maybe=(_LEDGER, *_MAYBE))
    try:
        events = _events(part[_LEDGER]) if _LEDGER in part else None
    except EventUnknown as exc:
        raise Malformed(f"the receipt of a round: {exc.reason}") from exc
    return RoundReceipt(
        job=part["job"].text(pattern=_PLAIN),
        manifest=part["manifest"].digest(),
        round=part["round"].integer(least=1, most=MAX_ROUND),
        site=part["site"].text(pattern=_PLAIN),
        digest=part["digest"].digest(),
        recipe=part["recipe"].digest(),
        versions=_versions(part["versions"]),
        adjacency=part["adjacency"].text(pattern=_PLAIN),
        events=events,
        **{name: part[name].digest() for name in _MAYBE if name in part},
    )
