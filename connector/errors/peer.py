"""What a caller or peer did wrong: we do not trust it, or cannot read what it sent."""

from __future__ import annotations

from connector.errors.root import PreauError


class PeerFault(PreauError):
    """The caller or peer is at fault.

    Correct what the reason names, and ask again.
    """

    code = "PEER_FAULT"


class Untrusted(PeerFault):
    """Who is calling is unknown, or no longer believed.

    Have the caller admitted, or its credentials renewed, as the reason says.
    """

    code = "UNTRUSTED"


class UnknownPeer(Untrusted):
    """No participant of that DID was ever admitted.

    Meet first (`preau peer meet DID`), or present credentials that the space's scopes name.
    """

    code = "UNKNOWN_PEER"


class SpaceUnstated(Untrusted):
    """In which of this node's spaces it deals with the peer is not stated.

    Choose the space at the node that asks for it: `preau peer space DID SPACE`.
    """

    code = "SPACE_UNSTATED"


class UntrustedIssuer(Untrusted):
    """The credential's issuer is not on this node's list.

    Present a credential of an issuer that the space trusts; `trusted_issuers` lists them.
    """

    code = "UNTRUSTED_ISSUER"


class CredentialRevoked(Untrusted):
    """The status list marks the credential as revoked.

    Ask the issuer: nothing else helps while the credential is revoked.
    """

    code = "CREDENTIAL_REVOKED"


class CredentialSuspended(Untrusted):
    """The status list marks the credential as suspended, for the time being.

    Wait until the issuer lifts the suspension.
    """

    code = "CREDENTIAL_SUSPENDED"


class CredentialExpired(Untrusted):
    """The credential is outside its validity period.

    Get a new credential; compare both clocks.
    """

    code = "CREDENTIAL_EXPIRED"


class CredentialInvalid(Untrusted):
    """The credential's signature, subject or shape is wrong.

    Present what the space's scopes name, each credential about the caller's own DID.
    """

    code = "CREDENTIAL_INVALID"


class StatusMalformed(CredentialInvalid):
    """A member of a status entry or status list is not as its specification demands.

    The issuer has to correct its list, or issue the credential anew.
    """

    code = "MALFORMED_VALUE_ERROR"  # these five: Bitstring Status List 1.0, section 3.2


class StatusVerificationFailed(CredentialInvalid):
    """The status list does not verify, or is not one that can speak for the credential.

    The issuer has to sign the list itself, by a key of its DID document.
    """

    code = "STATUS_VERIFICATION_ERROR"


class StatusListTooShort(CredentialInvalid):
    """The status list has too few entries for any credential to hide among them.

    The issuer has to publish a list of 131,072 entries or more.
    """

    code = "STATUS_LIST_LENGTH_ERROR"


class StatusOutOfRange(CredentialInvalid):
    """The credential's index is outside of its status list.

    The issuer has to issue the credential anew, with an index of its list.
    """

    code = "RANGE_ERROR"


class StatusRetrievalFailed(Untrusted):
    """The status list that the credential names could not be fetched.

    The issuer has to make its list reachable; then ask again.
    """

    code = "STATUS_RETRIEVAL_ERROR"


class StatusListStale(Untrusted):
    """The cached status list is past its `validUntil`, and no newer one could be had.

    The issuer has to publish a newer list; then ask again.
    """

    code = "STATUS_LIST_STALE"


class CertificateMismatch(Untrusted):
    """The TLS certificate was not issued by a CA that the caller's DID document lists.

    List the CA in the DID document, or call with a certificate of a CA that it lists.
    """

    code = "CERTIFICATE_MISMATCH"


class TokenMissing(Untrusted):
    """The call carries no token.

    Send a self-issued token: `Authorization: Bearer TOKEN`.
    """

    code = "TOKEN_MISSING"


class TokenInvalid(Untrusted):
    """The token's signature, issuer, audience or lifetime is wrong.

    Make a token for this node (`aud`), for five minutes at most, by a key that the DID document
    lists for it; compare both clocks.
    """

    code = "TOKEN_INVALID"


class TokenMismatch(Untrusted):
    """The token was made for another method, body or certificate.

    Make the token for this very call and certificate.
    """

    code = "TOKEN_MISMATCH"


class TokenReplayed(Untrusted):
    """The token was used before.

    Make a token for each call, with a `jti` of its own.
    """

    code = "TOKEN_REPLAYED"


class DidUnresolvable(Untrusted):
    """The DID document could not be fetched, or is not that DID's.

    Serve the DID document where did:web looks for it, without redirects, with its services.
    """

    code = "DID_UNRESOLVABLE"


class AddressForbidden(Untrusted):
    """A peer-supplied address points where this node does not go.

    Name an `https` address of a public host; `unsafe_allow_hosts` names exceptions for a try.
    """

    code = "ADDRESS_FORBIDDEN"


class Unauthenticated(Untrusted):
    """A caller of the management API showed no valid token.

    Send the token of the management API, which is in the node's home.
    """

    code = "UNAUTHENTICATED"


class LoginRefused(Untrusted):
    """Name or password is wrong, the provider does not say who it is, or a session has ended.

    Log in again; who is in no group that has a role here asks the operator.
    """

    code = "LOGIN_REFUSED"


class Malformed(PeerFault):
    """What arrived cannot be read.

    Correct the member that the reason names by its JSON pointer.
    """

    code = "MALFORMED_MESSAGE"


class MessageTooLarge(Malformed):
    """The message exceeds the size limit.

    Send less at once.
    """

    code = "MESSAGE_TOO_LARGE"


class FilterUnsupported(Malformed):
    """The catalog was asked for with a filter that this node does not know.

    Ask without a filter, or with the members that the hint names.
    """

    code = "FILTER_UNSUPPORTED"


class SignatureInvalid(Malformed):
    """A signature does not verify, or was made by a key that may not make it.

    Sign with a key that the DID document lists for it.
    """

    code = "SIGNATURE_INVALID"


class DescriptionTampered(Malformed):
    """A self-description does not verify.

    The publisher has to publish the dataset anew.
    """

    code = "DESCRIPTION_TAMPERED"


class AgreementTampered(Malformed):
    """The agreement is not what was negotiated, or a signature over it does not verify.

    Compare the agreement with the offer that was accepted; negotiate anew.
    """

    code = "AGREEMENT_TAMPERED"


class AgreementTimeWrong(AgreementTampered):
    """The agreement's time cannot be: by a party's clock, the negotiation, or a membership.

    Compare both clocks; negotiate anew.
    """

    code = "AGREEMENT_TIME_WRONG"


class ManifestTampered(Malformed):
    """The job manifest's signature or digest does not verify."""

    code = "MANIFEST_TAMPERED"


class ContentMismatch(Malformed):
    """Bytes that were transferred are not those that the provider signed.

    Fetch the bytes again; tell the provider where they differ again.
    """

    code = "CONTENT_MISMATCH"


class CheckpointFork(Malformed):
    """A peer showed two histories of its audit log.

    Keep both histories: they are evidence against the peer; talk with its operator.
    """

    code = "CHECKPOINT_FORK"
