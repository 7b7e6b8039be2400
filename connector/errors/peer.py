"""What a caller or peer did wrong: we do not trust it, or cannot read what it sent."""

from __future__ import annotations

from connector.errors.root import PreauError


class PeerFault(PreauError):
    """The caller or peer is at fault."""

    code = "PEER_FAULT"


class Untrusted(PeerFault):
    """Who is calling is unknown, or no longer believed."""

    code = "UNTRUSTED"


class UnknownPeer(Untrusted):
    """No participant of that DID was ever admitted."""

    code = "UNKNOWN_PEER"


class SpaceUnstated(Untrusted):
    """In which of this node's spaces it deals with the peer is not stated."""

    code = "SPACE_UNSTATED"


class UntrustedIssuer(Untrusted):
    """The credential's issuer is not on this node's list."""

    code = "UNTRUSTED_ISSUER"


class CredentialRevoked(Untrusted):
    """The status list marks the credential as revoked."""

    code = "CREDENTIAL_REVOKED"


class CredentialSuspended(Untrusted):
    """The status list marks the credential as suspended, for the time being."""

    code = "CREDENTIAL_SUSPENDED"


class CredentialExpired(Untrusted):
    """The credential is outside its validity period."""

    code = "CREDENTIAL_EXPIRED"


class CredentialInvalid(Untrusted):
    """The credential's signature, subject or shape is wrong."""

    code = "CREDENTIAL_INVALID"


class StatusMalformed(CredentialInvalid):
    """A member of a status entry or status list is not as its specification demands."""

    code = "MALFORMED_VALUE_ERROR"  # these five: Bitstring Status List 1.0, section 3.2


class StatusVerificationFailed(CredentialInvalid):
    """The status list does not verify, or is not one that can speak for the credential."""

    code = "STATUS_VERIFICATION_ERROR"


class StatusListTooShort(CredentialInvalid):
    """The status list has too few entries for any credential to hide among them."""

    code = "STATUS_LIST_LENGTH_ERROR"


class StatusOutOfRange(CredentialInvalid):
    """The credential's index is outside of its status list."""

    code = "RANGE_ERROR"


class StatusRetrievalFailed(Untrusted):
    """The status list that the credential names could not be fetched."""

    code = "STATUS_RETRIEVAL_ERROR"


class StatusListStale(Untrusted):
    """The cached status list is past its `validUntil`, and no newer one could be had."""

    code = "STATUS_LIST_STALE"


class CertificateMismatch(Untrusted):
    """The TLS certificate was not issued by a CA that the caller's DID document lists."""

    code = "CERTIFICATE_MISMATCH"


class TokenMissing(Untrusted):
    """The call carries no token."""

    code = "TOKEN_MISSING"


class TokenInvalid(Untrusted):
    """The token's signature, issuer, audience or lifetime is wrong."""

    code = "TOKEN_INVALID"


class TokenMismatch(Untrusted):
    """The token was made for another method, body or certificate."""

    code = "TOKEN_MISMATCH"


class TokenReplayed(Untrusted):
    """The token was used before."""

    code = "TOKEN_REPLAYED"


class DidUnresolvable(Untrusted):
    """The DID document could not be fetched, or is not that DID's."""

    code = "DID_UNRESOLVABLE"


class AddressForbidden(Untrusted):
    """A peer-supplied address points where this node does not go."""

    code = "ADDRESS_FORBIDDEN"


class Unauthenticated(Untrusted):
    """A caller of the management API showed no valid token."""

    code = "UNAUTHENTICATED"


class Malformed(PeerFault):
    """What arrived cannot be read."""

    code = "MALFORMED_MESSAGE"


class MessageTooLarge(Malformed):
    """The message exceeds the size limit."""

    code = "MESSAGE_TOO_LARGE"


class FilterUnsupported(Malformed):
    """The catalog was asked for with a filter that this node does not know."""

    code = "FILTER_UNSUPPORTED"


class SignatureInvalid(Malformed):
    """A signature does not verify, or was made by a key that may not make it."""

    code = "SIGNATURE_INVALID"


class DescriptionTampered(Malformed):
    """A self-description does not verify."""

    code = "DESCRIPTION_TAMPERED"


class AgreementTampered(Malformed):
    """The agreement is not what was negotiated, or a signature over it does not verify."""

    code = "AGREEMENT_TAMPERED"


class AgreementTimeWrong(AgreementTampered):
    """The agreement's time cannot be: by a party's clock, the negotiation, or a membership."""

    code = "AGREEMENT_TIME_WRONG"


class ManifestTampered(Malformed):
    """The job manifest's signature or digest does not verify."""

    code = "MANIFEST_TAMPERED"


class ContentMismatch(Malformed):
    """Bytes that were transferred are not those that the provider signed."""

    code = "CONTENT_MISMATCH"


class CheckpointFork(Malformed):
    """A peer showed two histories of its audit log."""

    code = "CHECKPOINT_FORK"
