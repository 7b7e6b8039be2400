"""Offers for the members of one space, and contracts that stay in theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.domain.catalog.dataset import Offer
from connector.domain.contract.negotiation import NegotiationState as State
from connector.domain.space import Space
from connector.errors import AgreementTampered, LayerUnmet, NotFound, OfferUnknown, SpaceUnstated
from connector.identity import agreement as agreements
from connector.services.layers import keeping
from connector.services.membership import dealing
from connector.services.negotiation import agree, negotiate
from connector.services.publication import catalog_pages, publish
from tests.support.link import DATASET, Link, Node, description, link, offer
from tests.support.negotiating import ask, both, states

ONE, TWO = "did:web:authority.example", "did:web:two.example"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as made:
        in_both(made.school)
        yield made


def in_both(node: Node, *, charter: str = "") -> None:
    """Let a node be in two spaces; it is a member of the first."""
    spaces = (Space(ONE, (ONE,)), Space(TWO, (TWO,), charter=charter, name="two"))
    object.__setattr__(node.ports.settings, "spaces", spaces)


def publish_in_both(pair: Link) -> dict[str, Offer]:
    entries = [
        {"policy": offer(**{"@id": f"urn:offer:{name}"}, space=space), "space": name}
        for name, space in ((ONE, ONE), ("two", TWO))
    ]
    stated = description(pair.folder)
    del stated["offer"]
    publish.publish(pair.school.ports, {**stated, "offers": entries})
    found = publish.offers(pair.school.ports, DATASET)
    return {each.space: each for each in found if isinstance(each, Offer)}


def test_a_peer_sees_the_offers_of_the_space_in_which_it_is_dealt_with(pair: Link) -> None:
    made = publish_in_both(pair)
    assert sorted(made) == [ONE, TWO]
    shown = catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)
    assert [each.id for each in shown.datasets[0].offers] == [made[ONE].id]
    with pytest.raises(OfferUnknown):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET, offer_id=made[TWO].id)
    ask(pair, offer_id=made[ONE].id)
    assert states(pair) == both(State.FINALIZED)
    (ours,), (theirs,) = pair.school.agreements(), pair.lab.agreements()
    assert ours.space == theirs.space == agreements.read(ours.document).space == ONE


def test_a_consumer_signs_no_contract_of_another_space(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_in_both(pair)
    monkeypatch.setattr(agree.belonging, "said", lambda *_: TWO)
    ask(pair, offer_id=f"urn:offer:{ONE}")
    assert pair.lab.agreements() == []
    refused = [each for each in pair.school.negotiations() if each.state is State.TERMINATED]
    assert [each.code for each in refused] == [AgreementTampered.code]


def test_an_offer_for_the_members_of_no_space_of_ours(pair: Link) -> None:
    stated = description(pair.folder)
    stated["offers"] = [{"policy": stated.pop("offer"), "space": "three"}]
    with pytest.raises(NotFound, match="`three` is not a space"):
        publish.publish(pair.school.ports, stated)


def test_a_contract_is_not_used_once_this_node_left_its_space(pair: Link) -> None:
    publish_in_both(pair)
    ask(pair, offer_id=f"urn:offer:{ONE}")
    (signed,) = pair.school.agreements()
    ports = pair.school.ports
    with ports.store.read() as tx:
        assert agree.agreement_for(ports, tx, signed.id, pair.lab.did) == signed
        object.__setattr__(ports.settings, "spaces", (Space(TWO, (TWO,)),))
        with pytest.raises(SpaceUnstated, match="not a space of this node"):
            dealing.check(ports, tx, signed)


def test_a_charter_of_one_space_leaves_the_other_alone(pair: Link) -> None:
    in_both(pair.school, charter="urn:charter:two")
    ports = pair.school.ports
    first, second = ports.settings.spaces

    def charters(space: Space) -> list[str]:
        with ports.store.read() as tx:
            return [each.id for each in keeping.of_space(ports.settings, tx, space)]

    def adopt(name: str) -> None:
        terms = offer(**{"@id": name, "@type": "Set"})
        keeping.publish(ports, {key: terms[key] for key in terms if key != "assigner"})

    with pytest.raises(LayerUnmet, match="is not published"):
        charters(second)
    for name in ("urn:charter:old", "urn:charter:two", "urn:charter:one", "urn:charter:two"):
        adopt(name)
    assert (charters(first), charters(second)) == (["urn:charter:one"], ["urn:charter:two"])
