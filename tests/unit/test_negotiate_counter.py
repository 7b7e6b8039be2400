"""Counter-offers from both ends: one explained answer, the reserve private, and what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.cli.contracts import negotiate as commands
from connector.cli.speaking import speaking
from connector.domain.contract.negotiation import Role
from connector.errors import ConstraintUnknown, StepUnknown
from connector.jsonld.canonical import canonical
from connector.management.render.contracts import negotiations as render
from connector.protocol import messages as m
from connector.services.negotiation import negotiate, provider_side, terms
from connector.services.negotiation.plans import plan_of
from connector.services.privacy import budget
from connector.services.publication import catalog_pages, publish
from policies_odrl.comparison.differences import ChangeKind
from policies_odrl.model import Literal
from policies_odrl.vocabulary import PREAU
from tests.support.contracts import of_version
from tests.support.link import DATASET, Link, description, link, offer
from tests.support.negotiating import (
    MARKETING,
    NARROWER,
    WIDER,
    State,
    ask,
    both,
    only_offer,
    states,
)

EPSILON = PREAU + "epsilon"


@pytest.fixture(params=[False, True], ids=["called", "carried"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Link]:
    with link(tmp_path, carries=request.param) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def test_one_counter_offer_lists_each_change_in_order(pair: Link) -> None:
    ask(pair, policy=offer(epsilon="5", sites="2", until="2027-01-01T00:00:00Z"))
    assert states(pair) == both(State.OFFERED)
    wire = [call.kind for call in pair.calls if "Dataset" not in call.kind]
    assert wire == ["ContractRequestMessage", "ContractOfferMessage"]
    mine, theirs = pair.lab.only(), pair.school.only()
    assert mine.reasons == theirs.reasons
    assert [line.split(" ", 1)[1] for line in mine.reasons] == [
        "epsilon: epsilon lteq 5 -> epsilon lteq 3 because of offer /permission/0",
        "minimumSites: minimumSites gteq 2 -> minimumSites gteq 3 because of offer /permission/0",
    ]
    assert mine.asked == theirs.asked
    assert b'"5"' in mine.asked
    assert b'"5"' not in mine.policy


def test_the_consumer_computes_the_changes_and_does_not_believe_the_provider(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = provider_side._message

    def lying(*arguments: object) -> object:
        return replace(honest(*arguments), reasons=("epsilon stays 5, \u202esign here",))  # type: ignore[arg-type]

    monkeypatch.setattr(provider_side, "_message", lying)
    ask(pair, policy=offer(epsilon="5"))
    found = pair.lab.only()
    assert found.reasons == ("epsilon stays 5, \u202esign here",)  # as said; shown as such
    shown = render.negotiation(found)
    assert [item.kind for item in shown.changes] == ["narrowed"]
    assert shown.changes[0].operand == EPSILON
    assert "ε = 5" in shown.changes[0].sentences["en"]
    assert "“all jobs together spend at most ε = 3" in shown.changes[0].sentences["en"]
    assert "Au lieu de" in shown.changes[0].sentences["fr"]


def test_both_sides_see_the_same_changes_until_the_end(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    at_once = render.negotiation(pair.lab.only()).changes
    assert at_once == render.negotiation(pair.school.only()).changes
    negotiate.accept(pair.lab.ports, pid)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)
    assert render.negotiation(pair.lab.only()).changes == at_once
    assert b'"3"' in pair.lab.agreements()[0].document


def test_what_was_agreed_as_asked_changes_nothing(pair: Link) -> None:
    ask(pair)
    ask(pair, policy=offer(epsilon="1"))
    assert {item.state for item in pair.lab.negotiations()} == {State.FINALIZED}
    for node in (pair.lab, pair.school):
        for found in node.negotiations():
            assert found.asked
            assert render.negotiation(found).changes == []


def test_terms_of_the_consumers_on_the_table_are_no_changes(pair: Link) -> None:
    opened = negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="5"))
    assert opened.policy_by is Role.CONSUMER
    assert render.negotiation(opened).changes == []


def test_a_counter_of_the_consumers_is_what_it_asked_last(pair: Link) -> None:
    negotiate.offer(pair.school.ports, pair.lab.did, DATASET, only_offer(pair.school))
    pair.pump()
    assert pair.lab.only().asked == b""
    assert render.negotiation(pair.lab.only()).changes == []
    negotiate.counter(pair.lab.ports, pair.lab.only().pid, offer(epsilon="9"))
    pair.pump()
    assert states(pair) == both(State.OFFERED)
    assert b'"9"' in pair.lab.only().asked
    assert pair.lab.only().asked == pair.school.only().asked
    assert render.negotiation(pair.lab.only()).changes[0].kind == ChangeKind.NARROWED


def test_the_public_offer_is_countered_before_the_reserve(pair: Link) -> None:
    private = description(pair.folder, reserve=offer(epsilon="5", sites="2"))
    publish.publish(pair.school.ports, private)
    ask(pair, policy=offer(epsilon="6"))
    assert states(pair) == both(State.OFFERED)
    assert b'"3"' in pair.lab.only().policy
    assert b'"5"' not in pair.lab.only().policy
    assert not any("5" in line.partition("->")[2] for line in pair.lab.only().reasons)


def test_the_reserve_answers_where_the_offer_cannot_and_is_not_named(pair: Link) -> None:
    private = description(pair.folder, reserve=offer(purpose=MARKETING, epsilon="2"))
    publish.publish(pair.school.ports, private)
    pid = ask(pair, policy=offer(purpose=MARKETING, epsilon="4"))
    assert states(pair) == both(State.OFFERED)
    told = " ".join(pair.lab.only().reasons)
    assert "epsilon lteq 4 -> epsilon lteq 2" in told
    assert "reserve" not in told
    assert "/permission/0 " not in told.partition("->")[2]
    negotiate.accept(pair.lab.ports, pid)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)
    assert MARKETING.encode() in pair.lab.agreements()[0].document


def test_nothing_in_common_ends_with_the_minimal_conflicting_set(pair: Link) -> None:
    ask(pair, policy=offer(purpose=MARKETING, epsilon="9", until="2027-01-01T00:00:00Z"))
    assert states(pair) == both(State.TERMINATED)
    (reason,) = pair.lab.only().reasons
    assert reason.startswith("/permission/0: cannot hold together: request /permission/0: purpose")
    assert "epsilon" not in reason
    assert render.negotiation(pair.lab.only()).changes == []


def test_a_wider_purpose_is_narrowed_to_what_is_offered(pair: Link) -> None:
    pid = ask(pair, policy=offer(purpose=WIDER))
    assert NARROWER.encode() in pair.lab.only().policy
    (change,) = render.negotiation(pair.lab.only()).changes
    assert "academic research" in change.sentences["en"]
    negotiate.accept(pair.lab.ports, pid)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


def _level(name: str, operator: str = "eq") -> dict[str, object]:
    return {
        "leftOperand": f"{PREAU}protectionLevel",
        "operator": operator,
        "rightOperand": {"@id": PREAU + name},
    }


def test_more_protection_is_proposed_and_contracted_before_the_purpose_is_refused(
    pair: Link,
) -> None:
    """Offered: research. Asked: marketing with pseudonymised data. In reserve: marketing, sums."""
    private = offer(purpose=MARKETING, epsilon="1", extra=(_level("Aggregated", "gteq"),))
    publish.publish(pair.school.ports, description(pair.folder, reserve=private))
    wish = offer(purpose=MARKETING, epsilon="1", extra=(_level("Pseudonymised"),))
    pid = ask(pair, policy=wish)
    assert states(pair) == both(State.OFFERED)
    (change,) = render.negotiation(pair.lab.only()).changes
    assert change.operand == PREAU + "protectionLevel"
    assert "aggregated" in change.sentences["en"]
    assert MARKETING.encode() in pair.lab.only().policy
    told = " ".join(pair.lab.only().reasons)
    assert "protectionLevel eq Pseudonymised -> protectionLevel gteq Aggregated" in told
    negotiate.accept(pair.lab.ports, pid)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)
    assert b"Aggregated" in pair.lab.agreements()[0].document
    assert b"Pseudonymised" not in pair.lab.agreements()[0].document


def test_protection_that_training_does_not_give_is_neither_offered_nor_contracted(
    pair: Link,
) -> None:
    private = description(pair.folder, reserve=offer(extra=(_level("Synthetic", "gteq"),)))
    with pytest.raises(ConstraintUnknown, match="protectionLevel"):
        publish.publish(pair.school.ports, private)
    ask(pair, policy=offer(extra=(_level("Synthetic"),)))
    assert states(pair) == both(State.TERMINATED)


def test_a_part_that_fits_nothing_is_left_out_and_named(pair: Link) -> None:
    wish = offer(epsilon="2")
    wish["permission"].append(offer(purpose=MARKETING)["permission"][0])
    ask(pair, policy=wish)
    assert states(pair) == both(State.OFFERED)
    told = " ".join(pair.lab.only().reasons)
    assert "federatedTraining -> not granted" in told
    assert "/permission/1: cannot hold together" in told
    kinds = [item.kind for item in render.negotiation(pair.lab.only()).changes]
    assert kinds == ["dropped"]


def test_text_of_the_consumer_cannot_break_the_answer(pair: Link) -> None:
    """Reasons quote what was asked, in one printable line that a message may carry."""
    nasty = {
        "leftOperand": "odrl:recipient",
        "operator": "eq",
        "rightOperand": {"@value": "a\u0085\nb\u202e" + "x" * 3000},
    }
    ask(pair, policy=offer(extra=(nasty,)))
    assert pair.lab.only().state is State.TERMINATED
    assert pair.lab.only().reasons
    for line in pair.lab.only().reasons:
        assert line.isprintable()
        assert len(line) <= 1000


def test_a_line_of_an_answer_is_printable_and_not_too_long() -> None:
    assert terms.one_line("a\nb\u202e" + "x" * 996) == "a?b?" + "x" * 996
    assert (
        terms.one_line("a\nb\u202e" + "x" * 997) == "a?b?" + "x" * 995 + "\N{HORIZONTAL ELLIPSIS}"
    )


def test_without_two_texts_there_are_no_changes() -> None:
    assert terms.changes(b"", b"{}") == ()
    assert terms.changes(b"{}", b"") == ()
    assert terms.changes(b"[", b"[") == ()


def test_texts_that_cannot_be_compared_are_never_shown_as_unchanged(
    pair: Link, capsys: pytest.CaptureFixture[str]
) -> None:
    """A consumer may ask for more than is judged; a hostile provider may answer all the same."""
    for asked, kinds in (
        (offer(epsilon="1", extra=(_alternatives(70),)), ["unknown"]),
        (offer(epsilon="1", extra=(_alternatives(4),)), ["narrowed", "removed"]),
    ):
        pair.hold("ContractRequestMessage")
        opened = negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=asked)
        pair.lab.receive(
            pair.school,
            m.ContractOfferMessage(
                f"urn:{kinds[0]}",
                f"urn:p:{kinds[0]}",
                opened.pid,
                opened.offer_id,
                DATASET,
                canonical(offer(epsilon="3")),
            ),
        )
        found = negotiate.negotiation(pair.lab.ports, opened.pid)
        assert found.state is State.OFFERED
        shown = render.negotiation(found)
        assert sorted(item.kind for item in shown.changes) == kinds
        with speaking(["--lang", "fr"]):
            commands._print(shown, json=False)
        told = capsys.readouterr().out
        assert ("Ce nœud ne peut pas comparer" in told) is (kinds == ["unknown"])
        assert ("cannot be compared: the policy has" in shown.changes[0].line) is (
            kinds == ["unknown"]
        )
        assert ("cannot compare" in shown.changes[0].sentences["en"]) is (kinds == ["unknown"])


def _alternatives(count: int) -> dict[str, object]:
    end = {"@value": "2027-01-01T00:00:00Z", "@type": "xsd:dateTime"}
    part = {"leftOperand": "odrl:dateTime", "operator": "lteq", "rightOperand": end}
    return {"or": [part] * count}


def test_a_refusal_tells_nothing_of_the_reserve(pair: Link) -> None:
    """In the provider's words there is a counter-offer; with a foreign ban there is none."""
    private = offer(purpose=MARKETING, epsilon="2")
    publish.publish(pair.school.ports, description(pair.folder, reserve=private))
    wish = offer(purpose=MARKETING, epsilon="4")
    name = {"leftOperand": "odrl:purpose", "operator": "eq", "rightOperand": {"@id": "urn:mine"}}
    ask(pair, policy={**wish, "prohibition": [{"action": "use", "constraint": [name]}]})
    assert states(pair) == both(State.TERMINATED)
    told = " ".join(pair.lab.only().reasons)
    assert "prohibition" in told
    assert "cannot hold together" in told
    assert "epsilon lteq 2" not in told
    ask(pair, policy=wish)
    assert pair.lab.negotiations()[1].state is State.OFFERED
    assert "epsilon lteq 4 -> epsilon lteq 2" in " ".join(pair.lab.negotiations()[1].reasons)


def test_terms_under_which_no_job_could_run_are_not_contracted(pair: Link) -> None:
    """What can never be decided, or never hold, would only take ε of the cap."""
    both_purposes = [{"@id": WIDER}, {"@id": NARROWER}]
    for name, right in (("isA", both_purposes), ("eq", {"@id": MARKETING})):
        unusable = {"leftOperand": "odrl:purpose", "operator": name, "rightOperand": right}
        asked = offer(epsilon="1", extra=(unusable,))
        negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=asked)
        pair.pump()
        assert pair.lab.negotiations()[-1].state is State.TERMINATED
    assert "2 are given" in " ".join(pair.lab.negotiations()[0].reasons)
    assert pair.school.agreements() == []
    usable = {"leftOperand": "odrl:purpose", "operator": "isAnyOf", "rightOperand": both_purposes}
    asked = offer(epsilon="1", extra=(usable,))
    negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=asked)
    pair.pump()
    assert pair.lab.negotiations()[-1].state is State.FINALIZED


def test_what_cannot_be_upheld_is_named_in_the_refusal(pair: Link) -> None:
    ask(pair, policy=offer(epsilon="5", extra=(_level("Synthetic"),)))
    assert states(pair) == both(State.TERMINATED)
    assert any("protectionLevel eq Synthetic" in line for line in pair.lab.only().reasons)


def test_the_command_shows_the_changes_in_the_language_asked_for(
    pair: Link, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(pair, policy=offer(epsilon="5"))
    shown = render.negotiation(pair.lab.only())
    with speaking(["--lang", "fr"]):
        commands._print(shown, json=False)
    told = capsys.readouterr().out
    assert "motifs " in told
    assert "changement 1  Au lieu de «\N{NO-BREAK SPACE}l'ensemble des traitements" in told
    commands._print(shown, json=True)
    assert json.loads(capsys.readouterr().out)["changes"][0]["kind"] == "narrowed"


def test_an_offer_older_than_the_rules_hides_no_other_and_is_not_contracted(pair: Link) -> None:
    """One offer that is upheld no longer made the whole catalog an error."""
    other = offer(epsilon="1") | {"@id": "urn:example:other"}
    publish.publish(pair.school.ports, description(pair.folder, offers=[other]))
    fine, stale = (o for o in publish.offers(pair.school.ports, DATASET) if not o.withdrawn)
    with pair.school.ports.store.write() as tx:
        older = canonical(offer(extra=(_either(),)))
        tx.offers.put(replace(stale, policy=older, coverage=b""))
    (shown,) = catalog_pages.fetch_catalog(pair.lab.ports, pair.school.did).datasets
    assert {each.id: len(each.coverage) for each in shown.offers} == {fine.id: 8, stale.id: 0}
    with pytest.raises(ConstraintUnknown, match="membership"):
        ask(pair, offer_id=stale.id)
    ask(pair, offer_id=fine.id)
    assert states(pair) == both(State.FINALIZED)


def _either() -> dict[str, object]:
    """One membership, and not the other: what a node does not know of spaces that are not its."""
    spaces = ("did:web:authority.example", "did:web:rivals.example")
    return {
        "xone": [
            {"leftOperand": PREAU + "membership", "operator": "eq", "rightOperand": {"@id": space}}
            for space in spaces
        ]
    }


def test_a_contract_older_than_the_rules_still_counts_and_blocks_no_other(pair: Link) -> None:
    """What it promised is counted; its text is none of the next consumer's business."""
    ask(pair, policy=offer(epsilon="1"))
    store = pair.school.ports.store
    with store.write() as tx:
        (signed,) = tx.agreements.find()
        text = json.loads(of_version(signed.document, 3))
        text["agreement"]["permission"][0]["constraint"].append(_either())
        tx.agreements.put(replace(signed, document=canonical(text)))
        (stale,) = tx.agreements.find()
    with pytest.raises(StepUnknown):
        plan_of(stale)  # no job runs on it
    with store.read() as tx:
        register = tx.registers.find()[0]
        assert budget.promised(tx, register, stale.concluded_at)[0] == 1
    ask(pair, policy=offer(epsilon="1"))
    assert {item.state for item in pair.lab.negotiations()} == {State.FINALIZED}


# --- what an offer says beside its terms

ABOUT = "http://purl.org/dc/terms/description"


@pytest.mark.parametrize(
    ("said", "state"),
    [("for research only", State.FINALIZED), ("also allows marketing", State.OFFERED)],
)
def test_an_offer_that_says_something_new_waits_for_the_operator(
    pair: Link, monkeypatch: pytest.MonkeyPatch, said: str, state: State
) -> None:
    """It means what was asked for, which alone would be accepted by itself."""
    told = offer(**{ABOUT: "for research only"})
    publish.publish(pair.school.ports, description(pair.folder, offer=told))
    honest = publish.new_offer

    def wordy(ports: Any, policy: Any, *rest: Any, **more: Any) -> Any:
        about = ((ABOUT, Literal(said)),)
        return honest(ports, replace(policy, metadata=about), *rest, **more)

    monkeypatch.setattr(publish, "new_offer", wordy)
    ask(pair, policy=offer(epsilon="2"))
    assert states(pair) == both(state)
    if state is State.OFFERED:  # whoever reads it may accept it
        negotiate.accept(pair.lab.ports, pair.lab.only().pid)
        pair.pump()
        assert states(pair) == both(State.FINALIZED)
        assert said.encode() in pair.lab.agreements()[0].document


def test_the_provider_chooses_rows_and_whoever_asks_for_more_is_countered(pair: Link) -> None:
    def rows(*conditions: str) -> dict[str, Any]:
        stated = {"operator": "isAllOf", "rightOperand": list(conditions)}
        return offer(extra=({"leftOperand": PREAU + "rowCondition", **stated},))

    here = pair.school.ports
    publish.publish(here, description(pair.folder, offer=rows("grade in 1 | 2", "reading to 9")))
    ask(pair, policy=rows("grade in 1 | 2", "reading to 9", "grade in 2"))
    assert states(pair) == both(State.TERMINATED)
    (why,) = pair.lab.only().reasons
    assert why.startswith("a value of `rowCondition` that is neither known nor the provider's")
    ask(pair, policy=rows("reading to 9"))
    assert [each[-1] for each in states(pair)] == [State.OFFERED] * 2
    negotiate.accept(pair.lab.ports, pair.lab.negotiations()[-1].pid)
    pair.pump()
    (contract,) = pair.lab.agreements()
    (use,) = plan_of(contract).uses
    assert [each.kind for each in use.steps] == ["where", "minimise", "train"]
    assert [each["column"] for each in use.steps[1].body["rows"]] == ["grade", "reading"]
