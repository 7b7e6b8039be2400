"""An authority's memberships as credentials of DCP: what its Issuer Service offers.

Rules: such a credential says what the membership says that our own kind of node fetches, is revoked
with it at the same place, and differs in the name of its algorithm and in the address of its list,
which others can read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connector.domain.credentials import PublishedCopy
from connector.errors import NotFound
from connector.identity import credential as credentials
from connector.identity import did as dids
from connector.identity import status
from connector.identity.dcp.credential import Profile
from connector.identity.dcp.issuance import (
    CredentialContainer,
    CredentialObject,
    IssuerMetadata,
)
from connector.identity.dcp.jwt import header_of
from connector.ports import Ports, Transaction
from connector.services.membership import authority

STATUS_PATH: Final = authority.STATUS_PATH + "/dcp"
SCHEMA: Final = "https://w3id.org/preau/credentials/v1#MembershipCredential"


class Memberships:
    """The offering of an authority: to each member its membership."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def metadata(self) -> IssuerMetadata:
        """Return what it issues."""
        did = self._ports.settings.did
        offered = CredentialObject(
            id=f"{did}#{credentials.MEMBERSHIP}",
            credential_type=credentials.MEMBERSHIP,
            credential_schema=SCHEMA,
            offer_reason="reissue",
            binding_methods=("did:web",),
            profile=Profile.VC20.value,
        )
        return IssuerMetadata(did, (offered,))

    def knows(self, tx: Transaction, holder: str) -> bool:
        """Return whether a holder was ever admitted."""
        return tx.members.get(holder) is not None

    def stands(self, tx: Transaction, holder: str) -> bool:
        """Return whether its membership was not revoked."""
        member = tx.members.get(holder)
        return member is not None and not member.revoked

    def issued(
        self, tx: Transaction, holder: str, ids: Sequence[str]
    ) -> dict[str, CredentialContainer]:
        """Return its membership, by the ids of what was asked for."""
        member = tx.members.get(holder)
        if member is None:
            return {}
        token = _reissued(self._ports, member.credential, list_url(self._ports))
        kind, profile = credentials.MEMBERSHIP, Profile.VC20.value
        return {each: CredentialContainer(kind, token, profile) for each in ids}


def list_url(ports: Ports) -> str:
    """Return the address of the list that tells which of these credentials were revoked."""
    return dids.origin(ports.settings.did) + STATUS_PATH


def status_list(ports: Ports) -> str:
    """Return that list (VC-JWT), as new as the one of memberships.

    Raises:
        NotFound: this node is not an authority.
    """
    authority.status_list(ports)
    url = list_url(ports)
    with ports.store.read() as tx:
        newest = tx.status_lists.get(authority.status_url(ports))
        copy = tx.published_copies.get(url)
    if newest is None:
        raise NotFound("this node is not an authority")
    if copy is not None and copy.fetched_at == newest.fetched_at:
        return copy.token
    with ports.store.write() as tx:
        token = _listed(ports, newest.credential, url)
        made = PublishedCopy(url, token, newest.fetched_at)
        tx.published_copies.put(made)
    return made.token


def _reissued(ports: Ports, membership: str, url: str) -> str:
    """Return a membership for readers of others' kind, its status in the list at an address."""
    document = dict(credentials.unverified_credential(membership).document)
    entry = dict(document["credentialStatus"])
    entry |= {"id": f"{url}#{entry['statusListIndex']}", "statusListCredential": url}
    document["credentialStatus"] = entry
    return credentials.issue(ports.signer, document, header_of(ports.signer))


def _listed(ports: Ports, published: str, url: str) -> str:
    """Return a status list for readers of others' kind, at another address."""
    document = dict(credentials.unverified_credential(published).document)
    subject = {
        name: value
        for name, value in document["credentialSubject"].items()
        if name != status.TEMPLATES
    }
    document |= {"id": url, "credentialSubject": subject | {"id": f"{url}#list"}}
    return credentials.issue(ports.signer, document, header_of(ports.signer))
