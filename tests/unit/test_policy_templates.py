"""Contract templates: filled strictly and structurally, valid, explained, and run in the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.bootstrap.mechanisms import MECHANISMS
from connector.enforcement.compile import outline
from connector.enforcement.coverage import cover
from connector.errors import ConstraintUnknown
from connector.jsonld.policy import policy_document, read_policy
from docs.profile_document import NAMES as PREFIXES
from docs.profile_document import profile_context
from policies_odrl import (
    Conflict,
    Decision,
    DutyState,
    Facts,
    IllFormed,
    PartyRef,
    Performed,
    Policy,
    PolicyKind,
    Request,
    evaluate,
    explain,
    fill,
    read,
    template,
    templates,
    validate,
)
from policies_odrl.authoring import Parameter, Template, filled, full
from policies_odrl.errors import TemplateRefused
from policies_odrl.evaluation.acts import terms_of
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.request import Usage, UsageKey, Use
from policies_odrl.knowledge import Knowledge
from policies_odrl.language.explain import spelled
from policies_odrl.language.from_sentences import from_sentences
from policies_odrl.language.phrases import word
from policies_odrl.model import duties_below
from policies_odrl.reading.writer import CONTEXTS
from policies_odrl.vocabulary import OPERANDS, prefixed
from tests.support.choices import any_text, chosen
from tests.support.each import over
from tests.support.policies import nodes
from tests.support.tables import rows

VECTORS = Path(__file__).parents[1] / "conformance" / "policies" / "templates"
ALL = templates()
NAMES = [item.name for item in ALL]
ASKED_FOR = {
    *("open-data", "public-task", "research", "statistics", "federated-training", "bubble-only"),
    *("consent", "synthetic-preview", "edtech-improvement", "short-lived-stream"),
    *("monthly-counts", "school-resources", "health-school"),
}


def example(item: Template) -> Policy:
    return example_of(item.name)


@cache  # nobody changes a policy
def example_of(name: str) -> Policy:
    item = template(name)
    return fill(item, item.example)


def every(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return data


CASES = [(data, case) for data in map(every, NAMES) for case in data["cases"]]


def test_the_templates_of_the_sector_are_there() -> None:
    assert set(NAMES) >= ASKED_FOR
    assert sorted(NAMES) == NAMES


@over("name", NAMES)
def test_each_has_a_granted_and_three_refused_requests(name: str) -> None:
    cases = every(name)["cases"]
    assert [case["granted"] for case in cases].count(True) == 1
    assert len(cases) >= 4
    assert all("reason" in case or "blocked" in case for case in cases if not case["granted"])


@over(("data", "case"), CASES)
def test_a_request_is_decided_as_said(data: dict[str, Any], case: dict[str, Any]) -> None:
    decision = decided(data, case)
    assert decision.granted is case["granted"], decision.reasons
    assert blocking(decision) == ([case["blocked"]] if "blocked" in case else [])
    if "reason" in case:
        assert any(case["reason"] in line for line in decision.reasons), decision.reasons


def blocking(decision: Decision) -> list[str]:
    return [item.path for item in decision.rules if item.effect is Effect.BLOCKS]


def decided(data: dict[str, Any], case: dict[str, Any]) -> Decision:
    agreement = replace(
        example(template(data["template"])),
        kind=PolicyKind.AGREEMENT,
        assignee=PartyRef(data["consumer"]),
        timestamp="2026-08-01T00:00:00Z",
    )
    stated = {
        full(left): tuple(map(named, found))
        for left, found in {**data["facts"], **case.get("facts", {})}.items()
        if found
    }
    known = {left: found for left, found in stated.items() if OPERANDS[left].by_node}
    request = Request(
        full(case.get("action", data["action"])),
        data["consumer"],
        agreement.target.id if agreement.target else None,
        {left: found for left, found in stated.items() if left not in known},
    )
    acts = case.get("performed", data.get("performed", []))
    done = tuple(Performed(full(act["action"]), at(act["at"]), data["consumer"]) for act in acts)
    now = at(case.get("at", data["at"]))
    recorded = {path: DutyState(state) for path, state in case.get("recorded", {}).items()}
    used = usage(agreement, case)
    facts = Facts(now, known, performed=done, recorded=recorded, usage=used)
    return evaluate(agreement, request, facts)


def usage(agreement: Policy, case: dict[str, Any]) -> Usage:
    """Return what was used before, under the first permission."""
    assert agreement.assignee is not None
    assert agreement.target is not None
    key = UsageKey(agreement.id, "/permission/0", agreement.assignee.id, agreement.target.id)
    uses = tuple(
        Use(str(index), at(text), at(text), committed=True)
        for index, text in enumerate(case.get("uses", ()))
    )
    return Usage({agreement.id: at(agreement.timestamp)}, {key: uses})


def named(value: str) -> str:
    return full(value) if ":" in value else value


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@over("item", ALL)
def test_its_example_is_valid_without_findings(item: Template) -> None:
    assert validate(example(item)) == ()


@over("item", ALL)
def test_it_states_its_conflict_strategy_where_rules_are_mixed(item: Template) -> None:
    policy = example(item)
    assert policy.conflict is (Conflict.PROHIBIT if policy.prohibitions else None)


@over("item", ALL)
def test_its_duties_have_deadlines(item: Template) -> None:
    for _, rule in example(item).rules():
        for _, duties in duties_below(rule):
            for duty in duties:
                terms = terms_of(duty, Knowledge())
                before = duty.action.id.endswith("obtainConsent") and duty.constraints
                assert terms.known
                assert terms.end() or terms.within or before, duty


@over("item", ALL)
@over("lang", ["fr", "en"])
def test_its_sentences_say_the_same_policy(item: Template, lang: str) -> None:
    policy = example(item)
    lines = explain(policy, lang)
    assert spelled(from_sentences(lines, lang)) == spelled(policy)


@over("item", ALL)
def test_its_policy_is_written_and_read_without_loss(item: Template) -> None:
    policy = example(item)
    assert read_policy(policy_document(policy)) == policy


@over("item", ALL)
def test_its_body_is_the_json_ld_that_a_json_ld_processor_reads(item: Template) -> None:
    document = filled(item, item.example)
    assert read(nodes(as_prefixed({"@context": list(CONTEXTS), **document}))) == example(item)


def as_prefixed(part: Any) -> Any:
    """Write out the prefixes of the profile's context, which is not among the pinned ones."""
    prefixes = {name: space for name, space in PREFIXES.items() if name not in {"odrl", "xsd"}}
    if isinstance(part, dict):
        return {key: as_prefixed(item) for key, item in part.items()}
    if isinstance(part, list):
        return [as_prefixed(item) for item in part]
    prefix = part.partition(":")[0]
    return full(part) if prefix in prefixes else part


def test_the_context_of_the_profile_has_the_prefixes_of_the_templates() -> None:
    context = profile_context()["@context"]
    assert PREFIXES.items() <= context.items()


@over("item", ALL)
def test_its_texts_are_there_in_both_languages(item: Template) -> None:
    texts = [item.title, item.purpose, item.note, *item.sources]
    assert all(text["fr"] and text["en"] for text in texts)
    assert item.sources
    assert all(source["url"].startswith("https://") for source in item.sources)
    for asked in item.parameters:
        assert all(asked.label[lang] and asked.help[lang] for lang in ("fr", "en"))
        assert all(word(choice, lang) for choice in asked.choices for lang in ("fr", "en"))


@over("item", ALL)
def test_every_parameter_is_used_and_every_placeholder_is_one(item: Template) -> None:
    assert set(slots(item.policy)) == {parameter.name for parameter in item.parameters}
    assert set(item.example) <= {parameter.name for parameter in item.parameters}


def slots(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key in {"$", "$when"})
        for value in part.values():
            yield from slots(value)
    elif isinstance(part, list):
        for value in part:
            yield from slots(value)


# Template -> what no mechanism of a node upholds yet; the others can be published.
UNUPHELD = {
    "bubble-only": "execute",
    "edtech-improvement": "kAnonymity",
    "health-school": "isolationTier",
    "portability": "requestedBy",
    "synthetic-preview": "Synthetic",
}


@over("item", ALL)
def test_a_template_is_upheld_in_full_or_refused_by_name(item: Template) -> None:
    if item.name not in UNUPHELD:
        assert cover(example(item), MECHANISMS)
        return
    with pytest.raises(ConstraintUnknown) as caught:
        cover(example(item), MECHANISMS)
    assert UNUPHELD[item.name] in caught.value.reason


def test_an_agreement_for_federated_training_compiles_to_a_plan() -> None:
    agreement = replace(
        example(template("federated-training")),
        kind=PolicyKind.AGREEMENT,
        assignee=PartyRef("did:web:consumer.example"),
    )
    plan = outline(agreement, MECHANISMS)
    assert (plan.figures.epsilon, plan.figures.minimum_sites) == (3.0, 3)
    assert plan.valid_until == at("2030-06-30T23:59:59+00:00")


# -- filling ------------------------------------------------------------------------------------


def test_an_offer_for_a_catalog_names_no_target() -> None:
    item = template("federated-training")
    values = {k: v for k, v in item.example.items() if k not in {"dataset", "provider"}}
    policy = fill(item, values)
    assert (policy.target, policy.assigner) == (None, None)
    assert example(item).target is not None


def test_a_part_is_left_out_where_its_parameter_is_empty() -> None:
    item = template("public-task")
    france = "http://publications.europa.eu/resource/authority/country/FRA"
    bound = fill(item, {**item.example, "territory": france})
    assert len(bound.permissions[0].constraints) == 7
    assert len(example(item).permissions[0].constraints) == 6
    assert validate(bound) == ()


def test_there_is_no_other_template() -> None:
    with pytest.raises(TemplateRefused, match="`research2`; there are adaptive-content"):
        template("research2")


@rows("templates", "what does not fit names the parameter")
def test_what_does_not_fit_is_one_error_that_names_the_parameter(
    values: dict[str, str], name: str, why: str
) -> None:
    item = template("public-task")
    with pytest.raises(TemplateRefused) as caught:
        fill(item, {**item.example, **values})
    assert caught.value.field == name
    assert f"`{name}`" in caught.value.reason
    assert why in caught.value.reason


@rows("templates", "what fits is filled in")
def test_what_fits_is_filled_in(values: dict[str, str]) -> None:
    item = template("public-task")
    assert validate(fill(item, {**item.example, **values})) == ()


@rows("templates", "numbers stay within their bounds")
def test_numbers_stay_within_their_bounds(name: str, value: str, why: str) -> None:
    item = template("federated-training")
    with pytest.raises(TemplateRefused, match=f"`{name}` must be .*{why}"):
        fill(item, {**item.example, name: value})


def test_a_number_is_written_without_an_exponent() -> None:
    item = template("federated-training")
    made = [fill(item, {**item.example, "delta": text}) for text in ("1e-6", "0.000001")]
    assert made[0] == made[1]


def test_a_day_alone_is_its_first_or_last_second() -> None:
    item = template("short-lived-stream")
    stream = filled(item, {**item.example, "since": "2026-09-01", "until": "2026-09-01"})
    moments = [
        part["rightOperand"]["@value"]
        for part in stream["permission"][0]["constraint"]
        if part["leftOperand"] == "odrl:dateTime"
    ]
    assert moments == ["2026-09-01T00:00:00Z", "2026-09-01T23:59:59Z"]


@rows("templates", "a value stays a value")
@over("name", ["space", "dataset", "columns", "purpose", "until", "id"])
def test_a_value_stays_a_value(name: str, text: str) -> None:
    item = template("public-task")
    plain = example(item)
    values = {**item.example, name: text}
    taken = text == "odrl:use" and name in {"space", "dataset", "id"}
    if not taken and (name != "columns" or "\u2028" in text):
        with pytest.raises(TemplateRefused, match=f"`{name}`"):
            fill(item, values)
    else:
        assert shape(fill(item, values)) == shape(plain)


@given(
    chosen(lambda pick: any_text(pick, 60), 160),
    st.sampled_from([p.name for p in template("consent").parameters]),
)
def test_no_text_makes_another_shape(text: str, name: str) -> None:
    item = template("consent")
    try:
        made = fill(item, {**item.example, name: text})
    except (TemplateRefused, IllFormed):
        return
    assert shape(made) == shape(example(item))


def shape(policy: Policy) -> list[tuple[str, str, list[str]]]:
    """Return the rules with their actions and operands: all but values and parties."""
    return [
        (path, rule.action.id, [getattr(item, "left", "") for item in rule.constraints])
        for path, rule in policy.rules()
    ]


def test_the_dataset_cannot_be_the_offer_itself() -> None:
    item = template("open-data")
    with pytest.raises((TemplateRefused, IllFormed)):
        fill(item, {"id": "urn:example:a", "dataset": "urn:example:a"})


# -- the small parts ----------------------------------------------------------------------------


def test_prefixed_names_and_back() -> None:
    assert full("dpv:Purpose") == "https://w3id.org/dpv#Purpose"
    assert full("did:web:a") == "did:web:a"
    assert prefixed(full("eu-gdpr:A6-1-e")) == "eu-gdpr:A6-1-e"
    assert prefixed("did:web:a") == "did:web:a"


def test_a_text_parameter_is_one_line_of_text() -> None:
    title = Parameter("title", "text", {"en": "Title"}, {"en": ""})
    assert title.read("Notes") == ({"@value": "Notes", "@type": "xsd:string"},)
    assert title.scalar("Notes") is None
    with pytest.raises(TemplateRefused, match="takes one value"):
        title.read("one\ntwo")


def test_a_choice_that_is_misspelled_is_named_as_it_would_be_written() -> None:
    chosen = template("federated-training")
    with pytest.raises(TemplateRefused) as caught:
        fill(chosen, {**chosen.example, "purpose": "education:ResearchManagment"})
    assert caught.value.reason.endswith("; did you mean `education:ResearchManagement`?")
    assert "https://" not in caught.value.reason
    with pytest.raises(TemplateRefused) as caught:
        fill(chosen, {**chosen.example, "purpose": "urn:1234567:z"})
    assert "did you mean" not in caught.value.reason
