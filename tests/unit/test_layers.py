"""Layers between nodes: templates of the authority, the provider's charter, and what is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain import space as spaces
from connector.domain.catalog.dataset import Offer
from connector.domain.layer import KeptLayer, LayerKind
from connector.errors import (
    CredentialInvalid,
    LayerUnmet,
    NotFound,
    PolicyInvalid,
    StatusListStale,
)
from connector.identity import layer as documents
from connector.identity import status
from connector.identity.evidence import Standing, verify
from connector.jsonld.canonical import canonical, parse_object
from connector.ports import Ports
from connector.services.evidence.export import export
from connector.services.health import layers as doctor
from connector.services.layers import fetching, force, keeping
from connector.services.membership import authority
from connector.services.negotiation import agree, negotiate
from connector.services.publication import catalog_pages, publish
from tests.support.contracts import Space
from tests.support.doubles import ports_for_tests, settings_for_tests
from tests.support.link import (
    CONTEXT,
    DATASET,
    PREAU,
    Link,
    Node,
    description,
    limit,
    link,
    offer,
)
from tests.support.management import commanded
from tests.support.negotiating import State, ask, both, states

TEMPLATE = "urn:example:template:pupils"
SPACE = spaces.Space("did:web:authority.example", ("did:web:authority.example",))
CHARTER = "urn:example:charter"


def above(identifier: str, *limits: tuple[str, str, str, str]) -> dict[str, Any]:
    """A template or charter that permits training under some limits."""
    rule = {
        "action": f"{PREAU}federatedTraining",
        "constraint": [limit(f"{PREAU}{left}", *rest) for left, *rest in limits],
    }
    return {
        "@context": CONTEXT,
        "@id": identifier,
        "@type": "Set",
        "profile": PREAU.removesuffix("#"),
        "permission": [rule],
    }


LOW = ("epsilon", "lteq", "2", "decimal")
MANY = ("minimumSites", "gteq", "4", "integer")
STRICT = above(TEMPLATE, LOW)
SITES = above(CHARTER, MANY)


class Authority:
    """The node of the space's authority, and its papers at the members."""

    def __init__(self, pair: Link) -> None:
        self.pair = pair
        settings = settings_for_tests(
            pair.folder / "authority", pair.space.did, kind="authority", space=pair.space.did
        )
        self.ports = ports_for_tests(
            pair.folder / "authority",
            pair.space.did,
            settings=settings,
            signer=pair.space.signer,
            clock=pair.clock,
        )

    def publish(self, policy: dict[str, Any], **said: Any) -> KeptLayer:
        made = keeping.publish(self.ports, policy, **said)
        self.tell()
        return made

    def tell(self, *nodes: Node) -> None:
        """Let members have the list as of now, and the templates that it names."""
        for node in nodes or self.pair.nodes.values():
            held(node, authority.status_list(self.ports), self)


def held(node: Node, token: str, source: Authority) -> None:
    space = node.pair.space
    (listed,) = space.cached(token).values()
    found = status.read(token, space.document)
    ports = replace(node.ports, web=Templates(source.ports))
    with node.ports.store.write() as tx:
        tx.status_lists.put(replace(listed, valid_until=found.valid_until))
    fetching.complete(ports, found, space.document)


class Templates:
    """The port `Web` in front of the authority's templates."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    def get(self, url: str, *, limit: int = 1 << 20) -> bytes:
        token = keeping.token(self.ports, url.rpartition("/")[2]).encode()
        assert len(token) <= limit
        return token

    def post(self, url: str, body: bytes, *, limit: int = 1 << 16) -> bytes:
        raise AssertionError(url, body, limit)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        yield pair


@pytest.fixture
def space(pair: Link) -> Authority:
    return Authority(pair)


def published(pair: Link) -> Offer:
    publish.publish(pair.school.ports, description(pair.folder))
    (found,) = [o for o in publish.offers(pair.school.ports, DATASET) if isinstance(o, Offer)]
    return found


def layers_of(offer_or_document: bytes) -> dict[str, str]:
    """Return the layer of each line about a limit."""
    lines = json.loads(offer_or_document)
    lines = lines["coverage"] if isinstance(lines, dict) else lines
    return {line["constraint"]: line["layer"] for line in lines}


def test_a_weaker_offer_is_narrowed_and_each_line_names_its_layer(
    pair: Link, space: Authority
) -> None:
    template = space.publish(STRICT)
    charter = keeping.publish(pair.school.ports, SITES)
    found = published(pair)
    assert found.layers == (template.name, charter.name)
    said = layers_of(found.coverage)
    assert said["epsilon lteq 2"] == "authority"
    assert said["minimumSites gteq 4"] == "charter"
    assert "epsilon lteq 3" not in said
    assert said["permission federatedTraining"] == "authority"
    assert said["unitOfPrivacy eq Person"] == "offer"
    ask(pair, policy=offer(epsilon="1", sites="4"))
    assert states(pair) == both(State.FINALIZED)
    for node in (pair.lab, pair.school):
        (agreed,) = node.agreements()
        signed = layers_of(agreed.document)
        assert signed["epsilon lteq 1"] == "negotiated"
        assert signed["minimumSites gteq 4"] == "charter"
        assert {each["digest"] for each in json.loads(agreed.document)["layers"]} == {
            template.digest,
            charter.digest,
        }
        shown = {line.constraint: line.layer for line in agree.coverage_of(agreed)}
        assert shown == signed
        key = canonical(dict(pair.space.signer.public_jwk))
        part = verify(export(node.ports, agreed.id), [key]).part("layers")
        assert (part.standing, len(part.checks)) == (Standing.PROVEN, 1 + (node is pair.school))


def test_publication_says_what_layers_add_and_nothing_that_the_offer_states(
    pair: Link, space: Authority
) -> None:
    school = pair.school.ports
    described = description(pair.folder)
    assert publish.publish_anew(school, described).effects == ()
    space.publish(STRICT)
    keeping.publish(school, SITES)
    (held,) = [each.id for each in publish.offers(school, DATASET) if isinstance(each, Offer)]
    said = publish.publish_anew(school, {**described, "offer": offer(**{"@id": held})}).effects
    assert said == (
        f"offer `{held}`: the authority adds `epsilon lteq 2`",
        f"offer `{held}`: the charter adds `minimumSites gteq 4`",
    )
    kept = {**described, "offer": offer(epsilon="2", sites="4", **{"@id": held})}
    assert publish.publish_anew(school, kept).effects == ()


def test_terms_that_weaken_a_layer_are_refused_by_either_side(pair: Link, space: Authority) -> None:
    space.publish(STRICT)
    published(pair)
    with pytest.raises(LayerUnmet, match=rf"template `{TEMPLATE}` version 1.*epsilon lteq 2"):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="3"))
    keeping.publish(pair.school.ports, SITES)  # the consumer does not know the charter
    published(pair)
    wish = offer(epsilon="1", sites="3")
    ask(pair, policy=wish)
    assert states(pair) == both(State.OFFERED)
    negotiate.counter(pair.lab.ports, pair.lab.only().pid, wish)
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    for node in (pair.lab, pair.school):
        assert node.only().code == "LAYER_UNMET"
        assert f"charter `{CHARTER}` version 1" in node.only().reasons[0]
        assert "minimumSites gteq 4" in node.only().reasons[0]


def test_an_offer_of_which_nothing_is_left_is_not_published(pair: Link, space: Authority) -> None:
    space.publish(above(TEMPLATE, LOW, ("minimumSites", "lteq", "2", "integer")))
    with pytest.raises(LayerUnmet, match=rf"nothing of the offer.*template `{TEMPLATE}`"):
        published(pair)
    assert publish.offers(pair.school.ports, DATASET) == []


def test_contracts_stay_and_offers_wait_when_a_template_changes(
    pair: Link, space: Authority
) -> None:
    published(pair)
    ask(pair)
    assert states(pair) == both(State.FINALIZED)
    before = pair.school.agreements()
    new = space.publish(STRICT)
    with pytest.raises(LayerUnmet, match="does not uphold template") as refused:
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    assert "must publish the dataset again" in refused.value.hint
    with pair.school.ports.store.read() as tx:
        (check,) = doctor.offers(
            pair.school.ports.settings,
            tx,
            pair.school.ports.own_membership,
            pair.school.ports.mechanisms.profiles,
            pair.clock.now(),
        )
    assert (check.verdict, str(new.name) in check.finding) == ("warn", True)
    assert pair.school.agreements() == before
    agree.check_stands(before[0])
    published(pair)
    ask(pair)
    assert [each.state for each in pair.lab.negotiations()] == [State.FINALIZED] * 2


def test_the_provider_refuses_what_it_published_under_other_layers(
    pair: Link, space: Authority
) -> None:
    published(pair)
    space.publish(STRICT)
    with pair.lab.ports.store.write() as tx:  # the consumer has not heard of it
        tx.status_lists.put(*pair.space.cached(pair.space.status_list()).values())
    ask(pair)
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "LAYER_UNMET"
    assert "does not uphold template" in pair.lab.only().reasons[0]


def test_a_consumer_accepts_and_signs_nothing_that_weakens_a_template(
    pair: Link, space: Authority
) -> None:
    published(pair)
    for wish in (None, offer(epsilon="2.6")):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=wish)
    keeping.publish(space.ports, STRICT)
    space.tell(pair.lab)  # between asking and signing; the provider has not heard of it
    pair.pump()
    signed, offered = pair.lab.negotiations()
    assert (signed.state, signed.code) == (State.TERMINATED, "AGREEMENT_TAMPERED")
    assert offered.state is State.OFFERED  # it waits for its operator, who cannot accept either
    with pytest.raises(LayerUnmet, match="epsilon lteq 2"):
        negotiate.accept(pair.lab.ports, offered.pid)
    assert pair.lab.agreements() == []


def test_what_bears_on_personal_data_only_leaves_others_alone(pair: Link, space: Authority) -> None:
    made = space.publish(STRICT, personal=True)
    with pair.school.ports.store.read() as tx:
        for personal, expected in ((True, (made.name,)), (False, ())):
            found = force.for_own(pair.school.ports, tx, SPACE, personal=personal)
            assert tuple(each.name for each in found) == expected


def test_a_layer_has_versions_and_is_withdrawn(pair: Link, space: Authority) -> None:
    first = space.publish(STRICT)
    assert space.publish(STRICT) == first
    second = space.publish(above(TEMPLATE, ("epsilon", "lteq", "1", "decimal")))
    assert (first.version, second.version) == (1, 2)
    with pair.lab.ports.store.read() as tx:
        here = force.templates(
            pair.lab.ports.settings, tx, pair.school.member.membership, pair.clock.now()
        )
        assert tx.layers.get(first.digest) is not None  # contracts name it
    assert [each.digest for each in here] == [second.digest]
    keeping.withdraw(space.ports, TEMPLATE, "replaced by a law")
    space.tell()
    with pair.school.ports.store.read() as tx:
        assert force.for_own(pair.school.ports, tx, SPACE, personal=True) == ()
    with pytest.raises(NotFound):
        keeping.withdraw(space.ports, TEMPLATE, "twice")
    charter = keeping.publish(pair.school.ports, SITES)
    other = keeping.publish(pair.school.ports, SITES | {"@id": CHARTER + ":2"})
    with pair.school.ports.store.read() as tx:
        assert keeping.in_force(tx, pair.school.did) == [other] != [charter]
    with pytest.raises(NotFound):
        keeping.token(pair.school.ports, other.digest)  # a charter is nobody's to fetch


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"permission": [], "prohibition": [{"action": "odrl:distribute"}]}, "permits nothing"),
        ({"@id": None}, "`@id`"),
        ({"target": DATASET}, "target or a party"),
    ],
)
def test_a_policy_that_is_no_layer(space: Authority, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyInvalid, match=reason):
        keeping.publish(
            space.ports, {name: it for name, it in (STRICT | change).items() if it is not None}
        )


def test_a_template_that_is_forged_missing_or_too_old_stops_everything(
    pair: Link, space: Authority
) -> None:
    made = keeping.publish(space.ports, STRICT)
    token = keeping.token(space.ports, made.digest)
    document = pair.space.document
    assert documents.verify(token, document, made.digest).name == made.name
    with pytest.raises(CredentialInvalid, match="signature"):
        documents.verify(documents.sign(Space().signer, made.document), document, made.digest)
    with pytest.raises(CredentialInvalid, match="not the one"):
        documents.verify(token, document, "ab" * 32)
    listed = authority.status_list(space.ports)
    with pair.school.ports.store.write() as tx:  # the list came, its template did not
        tx.status_lists.put(*pair.space.cached(listed).values())
    with pytest.raises(LayerUnmet, match="not here yet"):
        published(pair)
    space.tell()
    published(pair)
    pair.clock.advance(172_800)
    with pytest.raises(StatusListStale):
        published(pair)


def test_the_commands(pair: Link, space: Authority, tmp_path: Path) -> None:
    file = tmp_path / "layer.json"
    file.write_text(json.dumps(STRICT))
    with commanded(space.ports) as preau:
        made = preau("authority", "template", "publish", str(file), "--personal", "--json")
        assert parse_object(made.stdout)["version"] == 1
        listed = preau("authority", "template", "list", "--lang", "fr")
        assert all(word in listed.stdout for word in ("autorité", TEMPLATE, "personnelles", "oui"))
        gone = preau("authority", "template", "withdraw", TEMPLATE, "--reason", "a law")
        assert "in force: no" in gone.stdout
    file.write_text(json.dumps(SITES))
    with commanded(pair.school.ports) as preau:
        assert f"charter {CHARTER} version 1" in preau("layer", "publish", str(file)).stdout
        found = published(pair)
        shown = preau("offer", "show", found.id, "--lang", "fr").stdout
        assert "couche" in shown
        assert "charte" in shown


def test_the_catalog_names_the_layers(pair: Link, space: Authority) -> None:
    made = space.publish(STRICT)
    published(pair)
    (shown,) = catalog_pages.fetch_dataset(pair.lab.ports, pair.school.did, DATASET).offers
    assert shown.layers == (made.name,)
    lines = {line.constraint: line.layer for line in shown.coverage}
    assert lines["epsilon lteq 2"] == LayerKind.AUTHORITY
