"""Publishing templates, on an authority, and the charter, on a participant.

Rules: a layer has the id that its policy states, and a version that counts up; the same terms
again change nothing. What is withdrawn stays on record, since contracts name it by digest. Whoever
changes a layer changes no contract: offers made under the former one are contracted no more until
they are published anew (`force.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import policies_odrl
from connector.config import Settings
from connector.domain.layer import KeptLayer, LayerKind
from connector.domain.space import Space
from connector.enforcement.layers import bare
from connector.errors import LayerUnmet, NotFound, PolicyInvalid, QuotaReached
from connector.identity import layer as documents
from connector.identity import status
from connector.jsonld.policy import policy_document, read_policy
from connector.ports import Ports, Transaction
from connector.services.lookup import require
from connector.services.membership import authority
from connector.services.negotiation import notices, terms
from policies_odrl import Policy
from policies_odrl.checking.findings import Severity

_EVENTS: Final = {LayerKind.AUTHORITY: "template", LayerKind.CHARTER: "charter"}


def publish(ports: Ports, policy: Mapping[str, Any], *, personal: bool = False) -> KeptLayer:
    """Publish a template of the space, on an authority, or else this participant's charter.

    Args:
        ports: of this node.
        policy: ODRL as JSON-LD, with an `@id` and without a target.
        personal: whether it bears on datasets with personal data only.

    Raises:
        PolicyInvalid: not a well-formed policy that permits something, or it names a target.
        CredentialInvalid: it cannot be written as a document.
        QuotaReached: an authority has as many templates as its list may name.
        KeyUnusable: our key cannot sign.
    """
    own, kind = ports.settings.did, kind_of(ports)
    read = _checked(ports, read_policy(policy, ports.mechanisms.profiles))
    stated = policy_document(read, ports.mechanisms.profiles)
    with ports.store.write() as tx:
        earlier = tx.layers.find(issuer=own, kind=kind, id=read.id)
        data = documents.build(
            stated,
            kind=kind,
            issuer=own,
            identifier=read.id,
            version=1 + max((each.version for each in earlier), default=0),
            personal=personal,
            published=ports.clock.now(),
        )
        found = documents.read(data)
        for each in earlier:
            before = documents.read(each.document)
            if not each.withdrawn and (before.policy, before.personal) == (stated, personal):
                return each
        made = KeptLayer(
            digest=found.name.digest,
            issuer=own,
            kind=kind,
            id=read.id,
            version=found.name.version,
            document=data,
            token="",
            published_at=found.published,
        )
        apart = _of_spaces(ports.settings)
        for each in in_force(tx, own):
            rest = kind is LayerKind.CHARTER and not apart & {each.id, made.id}
            if rest or each.id == made.id:
                tx.layers.put(replace(each, withdrawn=True))
        tx.layers.put(made)
        _changed(ports, tx, made, "published")
    return made


def withdraw(ports: Ports, identifier: str, reason: str) -> KeptLayer:
    """Hold a template or the charter in force no longer.

    Args:
        ports: of this node.
        identifier: its id.
        reason: one line, without personal data.

    Raises:
        Malformed: the reason is not one line.
        NotFound: none of that id is in force.
    """
    notices.check_reason(reason)
    with ports.store.write() as tx:
        held = {each.id: each for each in in_force(tx, ports.settings.did)}
        found = replace(require(held.get(identifier), "layer", identifier), withdrawn=True)
        tx.layers.put(found)
        _changed(ports, tx, found, "withdrawn", reason=reason)
    return found


def own(ports: Ports) -> list[KeptLayer]:
    """Return what this node published, oldest first; withdrawn ones too."""
    with ports.store.read() as tx:
        return tx.layers.find(issuer=ports.settings.did)


def in_force(tx: Transaction, issuer: str) -> list[KeptLayer]:
    """Return what a node itself published and did not withdraw, oldest first."""
    return tx.layers.find(issuer=issuer, withdrawn=False)


def of_space(settings: Settings, tx: Transaction, space: Space) -> list[KeptLayer]:
    """Return what of that bears on what this node offers in a space: the charter of the space.

    Raises:
        LayerUnmet: the space's charter is not published.
    """
    held, apart = in_force(tx, settings.did), _of_spaces(settings)
    if not space.charter:
        return [each for each in held if each.id not in apart]
    found = [each for each in held if each.id == space.charter]
    if not found:
        raise LayerUnmet(
            f"the charter `{space.charter}` of the space `{space.id}` is not published",
            hint="`preau layer publish FILE`",
        )
    return found


def _of_spaces(settings: Settings) -> set[str]:
    """Return the ids of charters that bear on one space each."""
    return {each.charter for each in settings.spaces if each.charter}


def token(ports: Ports, digest: str) -> str:
    """Return a template as an authority serves it, signed by its present key.

    Raises:
        NotFound: none of that digest.
        KeyUnusable: our key cannot sign.
    """
    with ports.store.read() as tx:
        found = tx.layers.get(digest)
    if found is None or (found.issuer, found.kind) != (ports.settings.did, LayerKind.AUTHORITY):
        raise NotFound("no such template")
    return documents.sign(ports.signer, found.document)


def kind_of(ports: Ports) -> LayerKind:
    """Return which kind of layer this node publishes."""
    authority_here = ports.settings.kind == authority.KIND
    return LayerKind.AUTHORITY if authority_here else LayerKind.CHARTER


def _changed(ports: Ports, tx: Transaction, made: KeptLayer, act: str, **facts: str) -> None:
    kind = f"{_EVENTS[made.kind]}.{act}"
    tx.audit.append(kind, made.id, version=made.version, digest=made.digest, **facts)
    if made.kind is LayerKind.AUTHORITY:
        if len(in_force(tx, made.issuer)) > status.MOST_TEMPLATES:
            raise QuotaReached(f"an authority has at most {status.MOST_TEMPLATES} templates")
        authority.rebuild(ports, tx)


def _checked(ports: Ports, policy: Policy) -> Policy:
    terms.check_size(policy)
    if ":" not in policy.id:
        raise PolicyInvalid("the policy states no `@id` that is an IRI")
    if not policy.permissions:
        raise PolicyInvalid("the policy permits nothing, so that nothing could be offered under it")
    parties = (policy.target, policy.assigner, policy.assignee)
    if any(parties) or any(rule.target or rule.assignee for _, rule in policy.rules()):
        raise PolicyInvalid("the policy names a target or a party; it is for all offers")
    known = ports.mechanisms.profiles.known(policy)
    for found in policies_odrl.validate(bare(policy), knowledge=known):  # it has no target yet
        if found.severity is Severity.ERROR:
            where = f" at `{found.path}`" if found.path else ""
            raise PolicyInvalid(f"{found.sentence}{where}", hint=found.fix)
    return policy
