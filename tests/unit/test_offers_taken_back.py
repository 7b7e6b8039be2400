"""Datasets and offers taken back, replaced or published anew, and what contracts keep."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from connector.domain.contract.negotiation import Agreement
from connector.domain.contract.notice import Act, Notice, Standing
from connector.errors import (
    CapExceeded,
    Malformed,
    NotFound,
    OfferUnknown,
    PolicyInvalid,
    RegisterFixed,
    SignatureInvalid,
)
from connector.identity import document as documents
from connector.identity.statements import notice as signed
from connector.jsonld.canonical import sha256_hex
from connector.protocol import messages as m
from connector.services.negotiation import negotiate, notices, telling
from connector.services.publication import catalog_pages, publish, withdrawing
from tests.support.command import invoked
from tests.support.contracts import NOW
from tests.support.link import DATASET, Link, Node, description, link, offer
from tests.support.management import TOKEN, application_of, served
from tests.support.negotiating import State, ask, both, only_offer, states

OFFER = "urn:example:offer"
SECOND = "urn:example:pupils-south"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def shown(pair: Link) -> list[str]:
    """Ids of the offers that the lab sees."""
    found = catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did)
    return [offer.id for dataset in found.datasets for offer in dataset.offers]


def told(pair: Link, contract: Agreement | None = None) -> list[str]:
    """What the lab was told about a contract, or its only one."""
    if contract is None:
        (contract,) = pair.lab.agreements()
    found = notices.of_agreement(pair.lab.ports, contract.id)
    return [each.reason for each in found if each.act is Act.NOTED]


def facts(node: Node, kind: str) -> dict[str, object]:
    (entry,) = node.log(kind)
    found: dict[str, object] = json.loads(entry.event)["facts"]
    return found


# Ids


def test_an_offer_keeps_the_id_that_its_policy_states(pair: Link) -> None:
    assert only_offer(pair.school) == OFFER
    publish.publish(pair.school.ports, description(pair.folder, offer=offer(epsilon="2")))
    assert (only_offer(pair.school), shown(pair)) == (OFFER, [OFFER])


def test_an_offer_without_an_id_gets_a_fresh_one(pair: Link) -> None:
    unnamed = {name: value for name, value in offer().items() if name != "@id"}
    publish.publish(pair.school.ports, description(pair.folder, offer=unnamed))
    assert only_offer(pair.school).startswith("urn:uuid:")


def test_a_policy_of_several_datasets_gives_each_an_offer_under_one_id(pair: Link) -> None:
    own = description(pair.folder / "south", id=SECOND)
    Path(own["file"]["path"]).write_text("pupil,grade,reading,sex\n8,2,410,F\n", encoding="utf-8")
    kept = []
    for _ in range(2):
        publish.publish(pair.school.ports, own)
        (found,) = [o for o in publish.offers(pair.school.ports, SECOND) if not o.withdrawn]
        kept.append(found.id)
    assert kept[0] == kept[1] != OFFER
    assert only_offer(pair.school) == OFFER


def test_two_offers_of_one_publication_do_not_share_an_id(pair: Link) -> None:
    twice = description(pair.folder, offers=[offer(), offer(epsilon="2")])
    del twice["offer"]
    with pytest.raises(PolicyInvalid, match="two offers"):
        publish.publish(pair.school.ports, twice)
    assert shown(pair) == [OFFER]


ENDINGS: dict[str, tuple[Callable[[Link], object], str]] = {
    "replaced": (
        lambda pair: withdrawing.replace_offer(
            pair.school.ports, OFFER, offer(epsilon="1"), "less is enough"
        ),
        "the offer was replaced: less is enough",
    ),
    "withdrawn": (
        lambda pair: withdrawing.withdraw_offer(pair.school.ports, OFFER, "wrong terms"),
        "the offer was withdrawn: wrong terms",
    ),
    "withdrawn with its dataset": (
        lambda pair: withdrawing.withdraw_dataset(pair.school.ports, DATASET, "corrected"),
        "the offer was withdrawn: corrected",
    ),
    "published otherwise": (
        lambda pair: publish.publish(
            pair.school.ports, description(pair.folder, offer=offer(epsilon="1"))
        ),
        "the offer was replaced: the dataset was published again",
    ),
    "left out": (
        lambda pair: publish.publish(
            pair.school.ports, description(pair.folder, offer={**offer(), "@id": SECOND})
        ),
        "the offer was withdrawn: the dataset was published again",
    ),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_who_negotiates_on_an_offer_is_told_at_once_that_it_is_gone(pair: Link, case: str) -> None:
    act, reason = ENDINGS[case]
    negotiate.offer(pair.school.ports, pair.lab.did, DATASET, OFFER)
    pair.pump()
    act(pair)
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    for node in (pair.school, pair.lab):
        assert (node.only().code, node.only().reasons) == (OfferUnknown.code, (reason,))
        said = str(facts(node, "negotiation.terminated")["statement"])
        document = documents.read(pair.school.member.data, pair.school.did)
        notice, digest = signed.verify(said, document, signed.OFFER_TYPE)
        assert (notice.agreement_id, notice.reason) == (OFFER, reason)
        assert digest == sha256_hex(node.only().policy)


@pytest.mark.parametrize("crossing", [False, True])
def test_what_was_accepted_of_an_offer_that_is_gone_is_not_contracted(
    pair: Link,
    crossing: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    negotiate.offer(pair.school.ports, pair.lab.did, DATASET, OFFER)
    pair.pump()
    if crossing:  # the lab accepts before it hears of it
        negotiate.accept(pair.lab.ports, pair.lab.only().pid)
    withdrawing.withdraw_offer(pair.school.ports, OFFER, "wrong terms")
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.agreements() == pair.school.agreements() == []


def test_the_same_terms_published_again_leave_a_negotiation_open(pair: Link) -> None:
    negotiate.offer(pair.school.ports, pair.lab.did, DATASET, OFFER)
    pair.pump()
    publish.publish(pair.school.ports, description(pair.folder))
    pair.pump()
    assert states(pair) == both(State.OFFERED)
    negotiate.accept(pair.lab.ports, pair.lab.only().pid)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


def test_a_statement_about_another_offer_ends_nothing(pair: Link) -> None:
    negotiate.offer(pair.school.ports, pair.lab.did, DATASET, OFFER)
    pair.pump()
    held = pair.lab.only()

    def said(signer: Node = pair.school, **changes: str) -> m.ContractNegotiationTerminationMessage:
        content = {"offer": OFFER, "digest": sha256_hex(held.offered), "act": "noted", **changes}
        kind = content.get("type", signed.OFFER_TYPE)
        notice = Notice(content["offer"], signer.did, 7, Act(content["act"]), "gone", "", NOW)
        token = signed.make(signer.member.signer, notice, content["digest"], kind)
        return m.ContractNegotiationTerminationMessage(
            "urn:m:1", held.peer_pid, held.pid, "OFFER_UNKNOWN", ("gone",), token
        )

    before = pair.lab.state_of_everything()
    for hostile in (
        said(offer=SECOND),
        said(digest="ab" * 32),
        said(act="ended"),
        said(type=signed.TYPE),
        said(pair.lab),
    ):
        with pytest.raises((Malformed, SignatureInvalid)):
            pair.lab.receive(pair.school, hostile)
        assert pair.lab.state_of_everything() == before
    pair.lab.receive(pair.school, said())  # the positive twin
    assert pair.lab.only().state is State.TERMINATED


# Taking back


def test_a_withdrawn_dataset_is_on_no_shelf_and_its_contracts_run_on(pair: Link) -> None:
    ask(pair)
    withdrawing.withdraw_dataset(pair.school.ports, DATASET, "the data is being corrected")
    pair.pump()
    assert shown(pair) == []
    with pytest.raises(NotFound):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    assert facts(pair.school, "dataset.withdrawn")["reason"] == "the data is being corrected"
    assert told(pair) == [f"dataset `{DATASET}` is no longer offered: the data is being corrected"]
    assert [node.agreements()[0].standing for node in (pair.school, pair.lab)] == [
        Standing.RUNNING,
        Standing.RUNNING,
    ]
    withdrawing.withdraw_dataset(pair.school.ports, DATASET, "again")  # nothing more to take back
    pair.pump()
    assert len(told(pair)) == 1
    publish.publish(pair.school.ports, description(pair.folder))
    assert shown(pair) == [OFFER]


def test_a_withdrawn_offer_is_on_no_shelf_and_its_contracts_are_told(pair: Link) -> None:
    two = description(pair.folder, offers=[offer(), {**offer(), "@id": SECOND}])
    del two["offer"]
    publish.publish(pair.school.ports, two)
    ask(pair, offer_id=OFFER)
    ask(pair, offer_id=OFFER, policy=offer(epsilon="2"))  # on terms that were narrowed from it
    ask(pair, offer_id=SECOND)
    assert withdrawing.withdraw_offer(pair.school.ports, OFFER, "wrong terms").withdrawn
    pair.pump()
    assert shown(pair) == [SECOND]
    assert facts(pair.school, "offer.withdrawn")["reason"] == "wrong terms"
    line = f"offer `{OFFER}` was withdrawn: wrong terms; this contract keeps its terms"
    assert [told(pair, each) for each in pair.lab.agreements()] == [[line], [line], []]
    assert len(pair.school.log("agreement.noted")) == len(pair.lab.log("agreement.noted")) == 2
    withdrawing.withdraw_offer(pair.school.ports, OFFER, "again")  # nothing more to take back
    pair.pump()
    assert len(pair.lab.log("agreement.noted")) == 2


def test_what_was_narrowed_from_an_offer_goes_with_it(pair: Link) -> None:
    pair.hold("ContractOfferMessage")
    with pytest.raises(AssertionError, match="still wait"):
        ask(pair, policy=offer(epsilon="2"))
    withdrawing.withdraw_offer(pair.school.ports, OFFER, "wrong terms")
    pair.hold()
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    assert all(each.withdrawn for each in publish.offers(pair.school.ports, DATASET))


def test_all_parties_are_told_once_however_many_they_are(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is a transaction; a node that ends between two goes on with the next."""
    monkeypatch.setattr(telling, "PAGE", 1)
    small = description(pair.folder, offer=offer(epsilon="2"))
    publish.publish(pair.school.ports, small)
    for _ in range(3):
        ask(pair)
    withdrawing.withdraw_offer(pair.school.ports, OFFER, "wrong terms")
    assert len(pair.school.log("agreement.noted")) == 1  # the act waits for no more
    pair.school.restart()
    pair.clock.advance(1)
    publish.publish(pair.school.ports, small)
    ask(pair)  # concluded since, on the offer that was made anew
    pair.pump()
    with pair.school.ports.store.read() as tx:
        assert tx.tellings.find() == []
    assert [len(told(pair, each)) for each in pair.lab.agreements()] == [1, 1, 1, 0]


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE agreement SET standing = 'NOPE' WHERE id = :id",
        "UPDATE negotiation SET state = 'NOPE' WHERE agreement_id = :id",
        "UPDATE notice SET act = 'NOPE' WHERE agreement_id = :id",
    ],
)
def test_a_contract_that_cannot_be_read_keeps_no_other_party_from_being_told(
    pair: Link, spoil: str
) -> None:
    for _ in range(3):
        ask(pair)
    made = pair.school.agreements()
    first = made[0].id
    with pair.school.ports.store.write() as tx:
        notices.note(pair.school.ports, tx, [made[0], made[2]], "before")
        tx._scope.change(text(spoil), {"id": first})
    withdrawing.withdraw_offer(pair.school.ports, OFFER, "wrong terms")
    telling.turn(pair.school.ports)
    with pair.school.ports.store.read() as tx:
        assert tx.tellings.find() == []
    assert len(pair.school.log("agreement.noted")) == 4
    (untold,) = pair.school.log("agreement.untold")
    assert facts(pair.school, "agreement.untold") == {"code": "ROW_DAMAGED"}
    assert untold.subject == first


def test_other_terms_take_an_offers_place(pair: Link) -> None:
    ask(pair)
    found, effects = withdrawing.replace_offer(
        pair.school.ports, OFFER, offer(epsilon="1"), "less is enough"
    )
    assert (found.id, shown(pair)) == (OFFER, [OFFER])
    assert effects == (f"offer `{OFFER}` has other terms; its contracts keep the former ones",)
    logged = facts(pair.school, "offer.replaced")
    assert (logged["after"], logged["reason"]) == (found.digest, "less is enough")
    assert logged["before"] != found.digest
    pair.pump()
    line = f"offer `{OFFER}` has other terms: less is enough; this contract keeps its terms"
    assert told(pair) == [line]
    ask(pair)
    first, second = (each.epsilon for each in pair.lab.agreements())
    assert (first, second) == (3, 1)


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (offer(epsilon="11"), CapExceeded),
        ({"@type": "Offer"}, Malformed),
        ({**offer(), "@type": "Set"}, PolicyInvalid),
    ],
)
def test_terms_that_could_not_be_published_replace_nothing(
    pair: Link, policy: dict[str, object], error: type[Exception]
) -> None:
    before = publish.offers(pair.school.ports, DATASET)
    with pytest.raises(error):
        withdrawing.replace_offer(pair.school.ports, OFFER, policy, "other terms")
    assert publish.offers(pair.school.ports, DATASET) == before


def test_nothing_is_taken_back_without_a_reason_or_that_is_not_there(pair: Link) -> None:
    for reason in ("", "two\nlines", "x" * 301):
        with pytest.raises(Malformed):
            withdrawing.withdraw_dataset(pair.school.ports, DATASET, reason)
        with pytest.raises(Malformed):
            withdrawing.withdraw_offer(pair.school.ports, OFFER, reason)
        with pytest.raises(Malformed):
            withdrawing.replace_offer(pair.school.ports, OFFER, offer(), reason)
    with pytest.raises(NotFound):
        withdrawing.withdraw_dataset(pair.school.ports, "urn:none", "over")
    with pytest.raises(NotFound):
        withdrawing.withdraw_offer(pair.school.ports, "urn:none", "over")
    with pytest.raises(NotFound):
        withdrawing.replace_offer(pair.school.ports, "urn:none", offer(), "over")
    assert shown(pair) == [OFFER]


def test_what_was_narrowed_for_one_negotiation_is_not_replaced(pair: Link) -> None:
    pair.hold("ContractOfferMessage")
    with pytest.raises(AssertionError, match="still wait"):
        ask(pair, policy=offer(epsilon="2"))
    (narrowed,) = [o.id for o in publish.offers(pair.school.ports, DATASET) if o.derived_from]
    with pytest.raises(NotFound):
        withdrawing.replace_offer(pair.school.ports, narrowed, offer(), "other terms")


# Published anew


def test_a_new_version_says_what_it_means_for_contracts(pair: Link) -> None:
    assert publish.publish_anew(pair.school.ports, description(pair.folder)).effects == ()
    ask(pair)
    path = pair.folder / "pupils.csv"
    path.write_text("pupil,grade,sex\n1,2,F\n2,2,M\n", encoding="utf-8")
    columns = [c for c in description(pair.folder)["columns"] if c["name"] != "reading"]
    made = publish.publish_anew(
        pair.school.ports,
        description(
            pair.folder,
            columns=columns,
            population=4700,
            cap={"epsilon": 5, "delta": 0.0001},
            offer=offer(epsilon="2"),
        ),
    )
    assert made.effects == (
        "contracts that run on under the terms that were signed: 1",
        "jobs read the new file",
        "column `reading` no longer exists: jobs that name it are refused",
        "population: `4700` from now on, contracts keep `4600`",
        "the cap is ε 5 at δ 0.0001: jobs beyond it are refused, whatever contracts have left",
        f"offer `{OFFER}` has other terms; its contracts keep the former ones",
    )


def test_a_cap_rises_only_where_that_is_asked_for_and_the_parties_are_told(pair: Link) -> None:
    ask(pair)
    wider = description(pair.folder, cap={"epsilon": 12, "delta": 0.0001})
    with pytest.raises(RegisterFixed) as fault:
        publish.publish(pair.school.ports, wider)
    assert "--raise-cap" in fault.value.hint
    assert pair.school.log("register.raised") == []
    made = publish.publish_anew(pair.school.ports, wider, raise_cap=True)
    assert made.dataset.cap is not None
    assert made.dataset.cap.epsilon == 12
    assert "the cap rises to ε 12 at δ 0.0001; the parties are told" in made.effects
    assert facts(pair.school, "register.raised")["epsilon"] == 12
    pair.pump()
    (line,) = told(pair)
    assert line.startswith("the cap of ε per person over all contracts was raised from 10 at")
    assert [entry.kind for entry in pair.lab.log("agreement.noted")] == ["agreement.noted"]
    publish.publish_anew(pair.school.ports, wider, raise_cap=True)  # the same again tells nobody
    pair.pump()
    assert len(told(pair)) == 1


# Through the commands


def test_the_commands_take_back_and_say_what_they_did(pair: Link, tmp_path: Path) -> None:
    ask(pair)
    (contract,) = pair.school.agreements()
    ports = pair.school.ports
    terms = tmp_path / "terms.json"
    terms.write_text(json.dumps(offer(epsilon="1")))
    wider = tmp_path / "pupils.json"
    wider.write_text(json.dumps(description(pair.folder, cap={"epsilon": 12, "delta": 0.0001})))
    why = ("--reason", "the council decided so")
    with served(application_of(ports), ports.settings) as address:
        home = ports.settings.home
        (home / "run").mkdir()
        (home / "run" / "node.json").write_text(json.dumps({"management": address}))
        (home / "run" / "management.token").write_text(TOKEN)

        def preau(*words: str) -> str:
            got = invoked([*words, "--home", str(home)])
            assert got.exit_code == 0, got.output
            return got.stdout

        replaced = preau("offer", "replace", OFFER, str(terms), *why)
        assert "its contracts keep the former" in replaced
        raised = preau("dataset", "publish", str(wider), "--raise-cap")
        assert "contracts that run on under the terms that were signed: 1" in raised
        assert "(withdrawn)" in preau("offer", "withdraw", OFFER, *why)
        assert "(withdrawn)" in preau("dataset", "withdraw", DATASET, *why)
        for act, stands in (("suspend", "suspended"), ("resume", "running"), ("end", "ended")):
            said = preau("agreement", act, contract.id, *why)
            assert re.search(rf"^standing +{stands}$", said, re.MULTILINE), said
            assert "by did:web:school.example: the council decided so" in said
        assert "ended" in preau("agreement", "list")
        shown = json.loads(preau("agreement", "show", contract.id, "--json"))
        acts = [each["act"] for each in shown["notices"]]
        assert acts == ["noted", "noted", "noted", "suspended", "resumed", "ended"]
