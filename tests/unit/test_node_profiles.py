"""A node with profiles of others in its settings: from publication to the decision of a job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap import profiles
from connector.bootstrap.diagnosis import vocabularies
from connector.bootstrap.mechanisms import MECHANISMS
from connector.enforcement.coverage import cover
from connector.enforcement.mechanism import Mechanisms
from connector.errors import ConfigurationInvalid, ConstraintUnknown, PolicyInvalid
from connector.jsonld.policy import read_policy
from connector.management.render.contracts import negotiations as render
from connector.ports import Ports
from connector.services.federation.site import judge
from connector.services.health import contracts
from connector.services.publication import publish
from tests.support.doubles import settings_for_tests
from tests.support.link import DATASET, Link, Node, description, limit, link, offer
from tests.support.negotiating import State, ask, both, states
from tests.support.training_rig import manifest

EXAMPLES = Path(__file__).parents[2] / "examples/catena-x"
PURPOSES = "https://example.org/purposes"
QUALITY, COMPLAINTS, PRICES = (
    f"{PURPOSES}#{name}" for name in ("QualityAnalysis", "ComplaintAnalysis", "PriceComparison")
)
OURS = "https://w3id.org/preau/odrl/v1"
CX = "https://w3id.org/catenax/policy/"
OFFER = offer(purpose=QUALITY, profile=[OURS, PURPOSES])


def knowing(ports: Ports, *files: Path) -> Ports:
    """Return the ports of a node whose settings list these files."""
    settings = replace(ports.settings, profiles=tuple(map(str, files)))
    known = replace(MECHANISMS, profiles=profiles.read(settings))
    return replace(ports, settings=settings, mechanisms=known)


def know(*nodes: Node, file: Path = EXAMPLES / "purposes.ttl") -> None:
    for node in nodes:
        node.ports = knowing(node.ports, file, EXAMPLES / "profile.ttl")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        know(pair.school, pair.lab)
        yield pair


def published(pair: Link, **changes: Any) -> None:
    publish.publish(pair.school.ports, description(pair.folder, **{"offer": OFFER, **changes}))


def refusal(pair: Link, purpose: str) -> str:
    """Return the code with which the school refuses a job of this purpose; empty: it does not."""
    (agreed,) = pair.school.agreements()
    base = manifest()
    job = replace(
        base,
        lead=pair.lab.did,
        purpose=purpose,
        privacy=replace(base.privacy, epsilon=0.5, delta=1e-6),
    )
    found = judge.check_policy(pair.school.ports, agreed, job, 3)
    return found.code if found else ""


# -- two nodes with one profile -----------------------------------------------------------------


def test_concepts_of_a_profile_are_contracted_and_decided(pair: Link) -> None:
    published(pair)
    ask(pair)
    assert states(pair) == both(State.FINALIZED)
    assert [refusal(pair, purpose) for purpose in (QUALITY, COMPLAINTS)] == ["", ""]
    assert refusal(pair, PRICES) == "PURPOSE_FORBIDDEN"
    assert refusal(pair, "https://w3id.org/dpv#ResearchAndDevelopment") == "PURPOSE_FORBIDDEN"
    (kept,) = pair.lab.agreements()
    digest = pair.lab.ports.mechanisms.profiles.digests(PURPOSES)[0]
    assert '"/profile/0"' in kept.document.decode()
    assert digest in kept.document.decode()
    (sound,) = contracts.contracts([kept], kept.concluded_at, pair.lab.ports.mechanisms.profiles)
    assert sound.verdict == "ok"


def test_the_offer_of_the_examples_is_published(pair: Link) -> None:
    stated = json.loads((EXAMPLES / "offer.json").read_text())
    published(pair, offer=stated)
    (made,) = publish.offers(pair.school.ports, DATASET)
    assert QUALITY.encode() in made.policy
    pair.school.ports = knowing(pair.school.ports)
    with pytest.raises(PolicyInvalid, match=f"profile `{PURPOSES}` is not known here"):
        published(pair, offer=stated)


def test_a_narrower_concept_is_agreed_to_in_the_providers_words(pair: Link) -> None:
    published(pair)
    ask(pair, policy=offer(purpose=COMPLAINTS, profile=[OURS, PURPOSES]))
    assert states(pair) == both(State.FINALIZED)
    assert [refusal(pair, purpose) for purpose in (COMPLAINTS, QUALITY)] == [
        "",
        "PURPOSE_FORBIDDEN",
    ]


def test_a_wider_concept_is_met_by_the_offer(pair: Link) -> None:
    published(pair)
    wider = "https://w3id.org/dpv#ResearchAndDevelopment"
    ask(pair, policy=offer(purpose=wider, profile=[OURS, PURPOSES]))
    assert states(pair) == both(State.OFFERED)
    known = pair.lab.ports.mechanisms.profiles
    (change,) = render.negotiation(pair.lab.only(), known).changes
    assert change.kind == "narrowed"
    (change,) = render.negotiation(pair.lab.only()).changes
    assert "is not known here" in change.line


def test_a_word_of_nobody_is_not_said_in_an_offer_of_ours(pair: Link) -> None:
    published(pair)
    ask(pair, policy=offer(purpose=f"{PURPOSES}#Invented", profile=[OURS, PURPOSES]))
    assert states(pair) != both(State.FINALIZED)
    with pair.school.ports.store.read() as tx:
        assert not [found for found in tx.offers.find() if b"Invented" in found.policy]


# -- one that knows something else --------------------------------------------------------------


def test_a_consumer_without_the_profile_refuses_and_names_it(pair: Link) -> None:
    published(pair)
    pair.lab.ports = knowing(pair.lab.ports)
    with pytest.raises(PolicyInvalid, match=f"profile `{PURPOSES}` is not known here") as caught:
        ask(pair)
    assert "`profiles` of preau.toml" in caught.value.hint
    assert pair.lab.negotiations() == []


def test_a_consumer_with_another_version_refuses_and_names_it(pair: Link) -> None:
    published(pair)
    other = pair.folder / "purposes.ttl"
    other.write_text((EXAMPLES / "purposes.ttl").read_text() + "# changed\n")
    know(pair.lab, file=other)
    with pytest.raises(PolicyInvalid, match=f"another version of profile `{PURPOSES}`"):
        ask(pair)
    know(pair.school, file=other)  # the offer shows what holds now
    ask(pair)
    assert states(pair) == both(State.FINALIZED)


def test_a_contract_is_not_decided_by_another_version(pair: Link) -> None:
    published(pair)
    ask(pair)
    other = pair.folder / "purposes.ttl"
    text = (EXAMPLES / "purposes.ttl").read_text()
    other.write_text(text.replace("dpv:Marketing", ":QualityAnalysis"))
    know(pair.school, file=other)
    assert refusal(pair, PRICES) == refusal(pair, QUALITY) == "JOB_REFUSED"
    know(pair.school)
    assert not refusal(pair, QUALITY)
    pair.school.ports = knowing(pair.school.ports)
    assert refusal(pair, QUALITY) == "AGREEMENT_TAMPERED"


def test_contracts_without_a_profile_mean_what_they_meant(pair: Link, tmp_path: Path) -> None:
    pair.school.ports = knowing(pair.school.ports)
    publish.publish(pair.school.ports, description(pair.folder))
    ask(pair)
    hijack = tmp_path / "hijack.ttl"
    hijack.write_text(
        "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n"
        "<urn:scheme> a skos:ConceptScheme .\n"
        "<https://w3id.org/dpv#Marketing> skos:broader <https://w3id.org/dpv#AcademicResearch> .\n"
    )
    know(pair.school, file=hijack)
    assert refusal(pair, "https://w3id.org/dpv#Marketing") == "PURPOSE_FORBIDDEN"
    assert not refusal(pair, "https://w3id.org/dpv#AcademicResearch")


def test_a_contract_without_a_profile_is_decided_though_nothing_covers_it_now(pair: Link) -> None:
    publish.publish(pair.school.ports, description(pair.folder))
    ask(pair)
    pair.school.ports = replace(pair.school.ports, mechanisms=Mechanisms(()))
    assert not refusal(pair, "https://w3id.org/dpv#AcademicResearch")


# -- publication --------------------------------------------------------------------------------


def test_an_operand_that_nothing_upholds_is_refused_by_its_label(pair: Link) -> None:
    asked = {"leftOperand": f"{CX}UsagePurpose", "operator": "eq", "rightOperand": "quality"}
    of_others = offer(extra=(asked,), profile=[OURS, f"{CX}profile2509"])
    with pytest.raises(ConstraintUnknown, match=r"UsagePurpose eq quality` \(purpose of the use\)"):
        published(pair, offer=of_others)


def test_an_action_that_nothing_carries_out_is_refused_by_its_label(pair: Link) -> None:
    of_others = offer(profile=[OURS, f"{CX}profile2509"])
    of_others["permission"][0]["action"] = f"{CX}access"
    with pytest.raises(ConstraintUnknown, match=r"\(see an offer\)"):
        published(pair, offer=of_others)


@pytest.mark.parametrize("profile", [[OURS], [OURS, f"{CX}profile2509"]])
def test_a_term_of_a_profile_that_is_not_declared_is_refused(
    pair: Link, profile: list[str]
) -> None:
    with pytest.raises(PolicyInvalid, match=f"is a term of profile `{PURPOSES}`, which"):
        published(pair, offer=offer(purpose=QUALITY, profile=profile))


def test_a_concept_below_alternatives_is_a_term_too(pair: Link) -> None:
    named = {"leftOperand": "odrl:purpose", "operator": "isA", "rightOperand": {"@id": QUALITY}}
    end = limit("odrl:dateTime", "lteq", "2027-01-01T00:00:00Z", "dateTime")
    either = {"or": [named, end]}
    research = "https://w3id.org/dpv#ResearchAndDevelopment"
    with pytest.raises(PolicyInvalid, match="is a term of profile"):
        published(pair, offer=offer(purpose=research, extra=(either,)))
    published(pair, offer=offer(purpose=research, extra=(either,), profile=[OURS, PURPOSES]))
    ask(pair)
    assert states(pair) == both(State.FINALIZED)


def test_terms_in_an_unknown_profile_are_covered_by_nothing(pair: Link) -> None:
    policy = read_policy(OFFER, pair.school.ports.mechanisms.profiles)
    with pytest.raises(ConstraintUnknown, match="profile"):
        cover(policy, MECHANISMS)
    assert cover(policy, pair.school.ports.mechanisms)[0].path == "/profile/0"


def test_a_profile_that_is_not_known_is_refused(pair: Link) -> None:
    unknown = offer(profile=[OURS, "urn:none"])
    with pytest.raises(PolicyInvalid, match="profile `urn:none` is not known here"):
        published(pair, offer=unknown)


# -- settings -----------------------------------------------------------------------------------


def test_doctor_shows_each_profile_with_its_digest(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/purposes.ttl").write_bytes((EXAMPLES / "purposes.ttl").read_bytes())
    settings = settings_for_tests(tmp_path, "did:web:a.example", profiles=("own/purposes.ttl",))
    (check,) = vocabularies.checks(settings)
    (held,) = vocabularies.mechanisms(settings).profiles.files
    assert check.verdict == "ok"
    assert check.finding == f"`own/purposes.ttl` declares {PURPOSES}, SHA-256 {held.digest}"


BAD = {
    "nothing": b"",
    "no Turtle": b"<urn:a> <urn:b>",
    "no terms": b"<urn:a> <urn:b> <urn:c> .",
    "no name": b"<urn:o> a <http://www.w3.org/ns/odrl/2/LeftOperand> .",
}


@pytest.mark.parametrize("name", [*BAD, "no file", "odd\0name"])
def test_a_bad_file_is_said_in_one_line_and_the_node_does_not_start(
    tmp_path: Path, name: str
) -> None:
    if name in BAD:
        (tmp_path / name).write_bytes(BAD[name])
    settings = settings_for_tests(tmp_path, "did:web:a.example", profiles=(name,))
    with pytest.raises(ConfigurationInvalid, match=r"^profile `") as caught:
        profiles.read(settings)
    assert "\n" not in caught.value.reason
    assert vocabularies.checks(settings)[0].verdict == "fail"
    assert vocabularies.mechanisms(settings) == MECHANISMS


def test_labels_are_those_of_the_language_that_the_node_speaks() -> None:
    settings = settings_for_tests(EXAMPLES, "did:web:a.example", profiles=("purposes.ttl",))
    found = profiles.read(settings)
    assert found.label(QUALITY) == "analysis of quality"
    assert found.label(f"{PURPOSES}#none") == ""
