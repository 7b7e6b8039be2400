"""The receipts of a job beside its model: who signed the manifest, the contracts and each round.

Rules: exact bytes travel as text; the card of the model, which the lead signs, names the digest of
each part, so that nothing can be exchanged; a site's statement counts by a DID document that the
auditor brings, or else by one that the card names, which proves no more than the lead's word for
it. No network and no node is needed. Whether the charges come to ε is the accountant's affair: what
each round released is compared with the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

from connector.errors import EvidenceInvalid, PreauError
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.evidence.verdict import Part, Standing, Step, follow
from connector.identity.key import Relationship
from connector.identity.reading import Kind
from connector.identity.receipts import round_receipt
from connector.identity.receipts.receipt import read_receipt
from connector.identity.receipts.round_receipt import RoundReceipt
from connector.jsonld.canonical import canonical, sha256_hex
from federated.job import MAX_ROUNDS, MAX_SITES, JobManifest, parse
from federated.manifest import SiteContract
from federated.reading import Member

TYPE: Final = "preau:JobReceipts"
VERSION: Final = 1
MANIFEST_TYPE: Final = "preau-manifest+jws"
MAX_BYTES: Final = 256 * 1024 * 1024  # the most rounds of the most sites, at 2.5 KB each
_MOST_DOCUMENTS: Final = 8  # of one site
_KIND: Final = Kind("receipts of a job", EvidenceInvalid, MAX_BYTES)
_CARD: Final = Kind("card of a model", EvidenceInvalid, MAX_BYTES)

T = TypeVar("T")
Documents = Mapping[str, Sequence[DidDocument]]  # by DID


@dataclass(frozen=True, slots=True)
class _Case:
    """What is compared.

    Attributes:
        job: the manifest.
        digest: SHA-256 (hex) of its bytes.
        rounds: receipts of each round, compact JWS, by the site that each says it is of.
        stated: of each round, what the card says.
        sites: what the card says of each site.
        documents: by which each site's signature counts.
    """

    job: JobManifest
    digest: str
    rounds: Sequence[Mapping[str, str]]
    stated: Sequence[Member]
    sites: Mapping[str, Member]
    documents: Documents


def build(
    manifest: bytes,
    signature: str,
    rounds: Sequence[Sequence[str]],
    known: Mapping[str, Sequence[bytes]],
) -> bytes:
    """Return the file.

    Args:
        manifest: exact bytes.
        signature: the lead's over them, compact JWS, detached.
        rounds: receipts of each round, compact JWS, in order.
        known: DID documents of the sites, exact bytes, by DID.
    """
    shown = {site: [each.decode() for each in found] for site, found in known.items()}
    return canonical(
        {
            "type": TYPE,
            "version": VERSION,
            "manifest": manifest.decode(),
            "signature": signature,
            "rounds": [list(each) for each in rounds],
            "documents": shown,
        }
    )


def verify(
    file: bytes, card: Mapping[str, Any], lead: DidDocument, trusted: Sequence[DidDocument] = ()
) -> Part:
    """Judge the receipts of a job.

    Args:
        file: as `build` wrote it.
        card: of its model, verified by `card.read`.
        lead: DID document of the lead.
        trusted: DID documents of sites, had from a source that the auditor trusts.
    """
    opened: list[_Case] = []
    named = {each.did for each in trusted}

    def manifest() -> str:
        opened.append(_open(file, card, lead, trusted))
        return f"manifest of `{opened[0].job.job}`, signed by its lead `{lead.did}`"

    part = follow("receipts", _steps(lead.did, manifest, opened))
    missing = [each for each in opened[0].job.sites if each not in named] if opened else []
    if part.standing is Standing.FAILED or not missing:
        return part
    finding = f"{', '.join(missing)}: by documents that the lead names; bring them with `--site`"
    return replace(part, standing=Standing.UNPROVEN, finding=finding)


def _steps(lead: str, manifest: Callable[[], str], opened: Sequence[_Case]) -> Iterator[Step]:
    yield lead, manifest
    case = opened[0]
    yield lead, partial(_rounds, case)
    for contract in case.job.contracts:
        yield contract.site, partial(_contract, case, contract)
        yield contract.site, partial(_site, case, contract.site)


def _open(
    file: bytes, card: Mapping[str, Any], lead: DidDocument, trusted: Sequence[DidDocument]
) -> _Case:
    """Read the file and the card, and verify the lead's signature of the manifest.

    Raises:
        EvidenceInvalid: they cannot be read, or are of two jobs.
        SignatureInvalid: the lead did not sign the manifest.
    """
    part = _KIND.opened(file).fields(
        *("type", "version", "manifest", "signature", "rounds", "documents")
    )
    part["type"].exactly(TYPE)
    part["version"].integer(least=VERSION, most=VERSION)
    data = part["manifest"].content().encode()
    said = Member(card, _CARD.refusal)
    if said.child("manifest").digest() != sha256_hex(data):
        raise EvidenceInvalid("the manifest beside the card is not the one that the card names")
    jws.verify_detached(
        part["signature"].content(), data, lead, Relationship.ASSERTION, MANIFEST_TYPE
    )
    with _KIND.reading():
        job = parse(data)
    sites = {each.child("site").text(): each for each in said.child("sites").items(most=MAX_SITES)}
    if set(sites) != set(job.sites):
        raise EvidenceInvalid("the card names other sites than the manifest")
    shown = part["documents"].entries(most=MAX_SITES)
    if set(shown) - set(sites):
        part["documents"].refuse("has a receipt of a site that is not in the job")
    return _Case(
        job=job,
        digest=sha256_hex(data),
        rounds=[_by_site(each) for each in part["rounds"].items(most=MAX_ROUNDS + 1)],
        stated=said.child("history").items(most=MAX_ROUNDS + 1),
        sites=sites,
        documents={
            site: [each for each in trusted if each.did == site]
            or list(_named(each, site, shown.get(site)))
            for site, each in sites.items()
        },
    )


def _by_site(member: Member) -> Mapping[str, str]:
    tokens = _texts(member)
    found = {round_receipt.unverified(token).site: token for token in tokens}
    if len(found) != len(tokens):
        member.refuse("has two receipts of one site")
    return found


def _texts(member: Member) -> list[str]:
    return [each.content() for each in member.items(most=MAX_SITES)]


def _named(said: Member, site: str, shown: Member | None) -> Iterator[DidDocument]:
    """Yield the documents beside the card that it names."""
    digests = {each.digest() for each in said.child("documents").items(most=_MOST_DOCUMENTS)}
    for each in shown.items(most=_MOST_DOCUMENTS) if shown is not None else ():
        data = each.content().encode()
        if sha256_hex(data) in digests:
            yield documents.read(data, site)


def _rounds(case: _Case) -> str:
    """See that the receipts are those that the card names, one of each site that answered."""
    found = [[sha256_hex(token.encode()) for token in each.values()] for each in case.rounds]
    if found != [_texts(each.child("receipts")) for each in case.stated]:
        raise EvidenceInvalid("the receipts beside the card are not those that the card names")
    for number, (tokens, said) in enumerate(zip(case.rounds, case.stated, strict=True), 1):
        answered = set(_texts(said.child("answered")))
        if said.child("round").integer() != number or not set(tokens) >= answered:
            raise EvidenceInvalid(f"round {number} lacks the receipt of a site that answered it")
    return f"{sum(map(len, found))} receipts of {len(found)} rounds, all that the card names"


def _contract(case: _Case, contract: SiteContract) -> str:
    """See that a site signed that it has the contract which the manifest names."""
    found = _by_any(case.documents[contract.site], partial(read_receipt, contract.receipt))
    stated = (contract.agreement, contract.digest, contract.dataset, case.job.lead)
    if (found.agreement, found.digest, found.dataset, found.consumer) != stated:
        raise EvidenceInvalid(f"the receipt of `{contract.site}` is of another contract")
    return f"contract `{found.agreement}`, by the receipt of `{contract.site}`"


def _site(case: _Case, site: str) -> str:
    """See that a site signed what the card says of its rounds."""
    said = case.sites[site]
    ran = [each.value for each in said.child("ran").items(most=MAX_ROUNDS)]
    read = _texts(said.child("source"))
    answered, signed = 0, 0
    for number, tokens in enumerate(case.rounds, 1):
        if site not in tokens:
            continue
        found = _by_any(case.documents[site], partial(round_receipt.read, tokens[site]))
        _check(case, number, found)
        signed += 1
        answered += site in _texts(case.stated[number - 1].child("answered"))
        if {"recipe": found.recipe, "versions": dict(found.versions)} not in ran:
            raise EvidenceInvalid(
                f"`{site}` ran in round {number} a recipe or versions that the card does not name"
            )
        if found.source and found.source not in read:
            raise EvidenceInvalid(
                f"`{site}` read in round {number} a source that the card does not name"
            )
    counted = said.child("rounds").integer(), said.child("spent").child("rounds").integer()
    if (answered, signed) != counted:
        raise EvidenceInvalid(f"the card does not count as many rounds of `{site}` as it signed")
    return f"{signed} rounds signed by `{site}`"


def _check(case: _Case, number: int, found: RoundReceipt) -> None:
    """See that a receipt is of its round, of the model that was sent, and of the charge stated."""
    stated = (case.job.job, case.digest, number)
    if (found.job, found.manifest, found.round) != stated:
        raise EvidenceInvalid(f"a receipt of `{found.site}` is not of round {number}")
    if found.digest not in _texts(case.stated[number - 1].child("sent")):
        raise EvidenceInvalid(f"`{found.site}` was sent another model in round {number}")
    if found.events not in (None, case.job.released(number)):
        raise EvidenceInvalid(f"`{found.site}` charged another mechanism in round {number}")


def _by_any(known: Sequence[DidDocument], read: Callable[[DidDocument], T]) -> T:
    """Return what is read by the first document that verifies it.

    Raises:
        PreauError: none does.
    """
    fault: PreauError = EvidenceInvalid("there is no DID document of the site to verify with")
    for document in known:
        try:
            return read(document)
        except PreauError as exc:
            fault = exc
    raise fault
