"""A report of risk and use goes from an offer to both parties of a contract, and is held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO, Final

import pytest

from connector.domain.contract.negotiation import Negotiation
from connector.domain.privacy.findings import Findings, Risk
from connector.domain.transfer.task import Made, Task
from connector.enforcement.steps import registry
from connector.enforcement.steps.noise import Noise
from connector.enforcement.steps.request import Measure, TableRequest
from connector.errors import AgreementTampered, DescriptionIncomplete, RiskDrifted
from connector.identity.statements import risk_report
from connector.jsonld.policy import read_policy
from connector.management.render.contracts import agreements as render
from connector.services.negotiation import agree, dry_runs, negotiate, reports
from connector.services.negotiation.plans import plan_of
from connector.services.publication import (
    catalog_pages,
    entries,
    judging,
    previewing,
    publish,
    withdrawing,
)
from connector.services.use import asking, deciding, drift, preparing
from connector.services.use.asking import Wanted
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU
from tests.support.link import CONTEXT, DATASET, Link, description, link

READ, AGGREGATE = ODRL + "read", ODRL + "aggregate"
PSEUDONYMISED = {  # under a scope that names the consumer
    "leftOperand": f"{PREAU}protectionLevel",
    "operator": "gteq",
    "rightOperand": {"@id": f"{PREAU}Pseudonymised"},
}
SHOWN, KEPT = "urn:example:shown", "urn:example:kept"


ALL: Final = "pupil grade reading"


def columns(*names: str) -> dict[str, Any]:
    """Only columns of these names, with blanks between them, leave."""
    listed = " ".join(names).split()
    return {"leftOperand": f"{PREAU}columns", "operator": "isAnyOf", "rightOperand": listed}


def offer(name: str) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@id": name,
        "@type": "Offer",
        "profile": "https://w3id.org/preau/odrl/v1",
        "assigner": "did:web:school.example",
        "permission": [
            {"action": "odrl:read", "constraint": [PSEUDONYMISED, columns(ALL)]},
            {"action": "odrl:aggregate"},
        ],
    }


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    """A school with two offers on the same terms, whose report one of them shows, and a lab."""
    folder = tmp_path_factory.mktemp("reports")
    rows = "".join(f"p{at},{at % 3},{400 + at % 7},{'FM'[at % 2]}\n" for at in range(60))
    (folder / "pupils.csv").write_text(f"pupil,grade,reading,sex\n{rows}", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, link(folder) as pair:
        patch.setattr(deciding, "WAIT_SECONDS", 0.0)
        pair.school.ports = replace(pair.school.ports, preparing=written)
        offers = [{"policy": offer(SHOWN), "report": "shown"}, {"policy": offer(KEPT)}]
        described = description(folder, offers=offers)
        described.pop("offer")
        publish.publish(pair.school.ports, described)
        yield pair


def written(_: Task, out: BinaryIO) -> Made:
    out.write(b"grade\n1\n")
    return Made(rows=1, suppressed=0)


def concluded(pair: Link, name: str) -> str:
    asked = negotiate.request(pair.lab.ports, pair.school.did, DATASET, offer_id=name)
    pair.pump()
    with pair.lab.ports.store.read() as tx:
        found = tx.negotiations.get(asked.pid)
    assert found is not None
    assert found.agreement_id, found.reasons
    return found.agreement_id


def test_a_shown_report_is_in_the_catalog_and_in_the_contract_of_both(pair: Link) -> None:
    seen = catalog_pages.fetch_dataset(pair.lab.ports, pair.school.did, DATASET)
    shown, kept = seen.offer(SHOWN), seen.offer(KEPT)
    assert kept.report == ""
    uses = {each.action: each.findings for each in risk_report.unverified_uses(shown.report)}
    assert set(uses) == {READ, AGGREGATE}
    assert uses[READ].risk is not None
    assert (uses[READ].risk.k, uses[READ].risk.unique) == (20, 0.0)
    assert uses[AGGREGATE].withheld is not None
    name = concluded(pair, SHOWN)
    found = [
        reports.findings_of(agree.agreement(each.ports, name)) for each in (pair.school, pair.lab)
    ]
    assert found == [uses, uses]
    detail = render.agreement_detail(
        agree.agreement(pair.lab.ports, name), "", lambda: (), lambda: (), lambda: ()
    )
    assert [each.action for each in detail.findings] == [READ, AGGREGATE]


def test_a_kept_report_stays_with_the_provider(pair: Link) -> None:
    name = concluded(pair, KEPT)
    assert set(reports.findings_of(agree.agreement(pair.school.ports, name))) == {READ, AGGREGATE}
    assert agree.agreement(pair.lab.ports, name).report == ""


def test_a_report_speaks_of_no_other_steps(pair: Link) -> None:
    name = concluded(pair, SHOWN)
    contract = agree.agreement(pair.lab.ports, name)
    other = risk_report.RiskReport(
        pair.school.did,
        DATASET,
        (risk_report.JudgedUse(READ, "0" * 64, Findings()),),
        pair.clock.now().replace(microsecond=0),
    )
    token = risk_report.make(pair.school.ports.signer, other)
    assert reports.findings_of(replace(contract, report=token)) == {}


@pytest.mark.parametrize("fault", ["another dataset", "another signer", "no report"])
def test_a_report_that_is_none_of_the_providers_is_refused(pair: Link, fault: str) -> None:
    peer = catalog_pages.onboard.known(pair.lab.ports, pair.school.did)
    signer = (pair.lab if fault == "another signer" else pair.school).ports.signer
    dataset = "urn:example:other" if fault == "another dataset" else DATASET
    at = pair.clock.now().replace(microsecond=0)
    token = risk_report.make(signer, risk_report.RiskReport(pair.school.did, dataset, (), at))
    good = risk_report.RiskReport(pair.school.did, DATASET, (), at)
    reports.check(risk_report.make(pair.school.ports.signer, good), peer, DATASET)
    with pytest.raises(AgreementTampered):
        reports.check("no.report.this" if fault == "no report" else token, peer, DATASET)


def test_rows_that_stand_out_more_than_reported_do_not_leave(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = concluded(pair, KEPT)
    wanted = Wanted(action=READ)

    def used() -> str:
        first = asking.ask(pair.lab.ports, name, wanted)
        preparing.turn(pair.school.ports, steady=True)
        found = asking.again(pair.lab.ports, first.request_id)
        return found.code or found.state

    assert used() == "ready"
    alone = Findings(risk=Risk(k=60, l=3, t=0.1, unique=0.4, rare=0.4, linkable=0.0))
    ports = replace(pair.school.ports, judging=lambda _: alone)
    monkeypatch.setattr(pair.school, "ports", ports)
    assert used() == RiskDrifted.code


def test_tables_that_lack_more_than_reported_do_not_leave(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, measured = concluded(pair, KEPT), judging.measured
    wanted = Wanted(action=AGGREGATE, cells=TableRequest(("grade",), (Measure("persons"),)))

    def used() -> str:
        first = asking.ask(pair.lab.ports, name, wanted)
        preparing.turn(pair.school.ports, steady=True)
        found = asking.again(pair.lab.ports, first.request_id)
        return found.code or found.state

    assert used() == "ready"
    more = Findings(withheld=1.0, marginal={"grade": 0.2})
    monkeypatch.setattr(judging, "measured", lambda *_: more)
    assert used() == RiskDrifted.code
    monkeypatch.setattr(judging, "measured", measured)
    assert used() == "ready"


def test_a_table_with_noise_is_not_refused_by_what_noise_hides(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    school = pair.school.ports
    agreement = agree.agreement(school, concluded(pair, KEPT))
    dataset = publish.dataset(school, DATASET)
    promised = Findings(withheld=0.0, epsilon=1.0, marginal={"grade": 0.1})
    monkeypatch.setattr(reports, "findings_of", lambda _: {AGGREGATE: promised})
    asked: list[Any] = []
    more = Findings(withheld=1.0)
    monkeypatch.setattr(judging, "measured", lambda *each: asked.append(each) or more)
    cells = plan_of(agreement).of(AGGREGATE)
    assert cells is not None
    noise = registry.signed(Noise(1.0, 1e-5, "urn:person", 1))
    blurred = replace(cells, steps=(*cells.steps[:-1], noise, cells.steps[-1]))
    drift.check(school, agreement.id, dataset, blurred)
    assert not asked
    with pytest.raises(RiskDrifted, match="cells withheld"):
        drift.check(school, agreement.id, dataset, cells)


def test_tables_are_beyond_what_was_promised_past_the_band() -> None:
    promised = Findings(withheld=0.2, marginal={"grade": 0.1, "sex": 0.0})
    assert promised.beyond(promised) == ()
    near = Findings(withheld=0.3, marginal={"grade": 0.2, "sex": 0.1})
    assert near.beyond(promised) == ()
    far = Findings(withheld=0.31, marginal={"grade": 0.21, "sex": 0.1})
    assert far.beyond(promised) == ("cells withheld", "rows of `grade`")
    assert promised.beyond(far) == ()
    assert far.beyond(Findings(marginal={"grade": 0.0})) == ()  # of rows about no person


FEWER: Final = ("", "grade", "reading", "")


def narrower(number: int) -> dict[str, Any]:
    """Terms within the offers, by which fewer columns leave: other steps."""
    rule = {"action": "odrl:read", "constraint": [PSEUDONYMISED, columns("pupil", FEWER[number])]}
    return {**offer(SHOWN), "permission": [rule]}


def negotiated(pair: Link, number: int) -> Negotiation:
    asked = negotiate.request(
        pair.lab.ports, pair.school.did, DATASET, offer_id=SHOWN, policy=narrower(number)
    )
    pair.pump()
    with pair.lab.ports.store.read() as tx:
        found = tx.negotiations.get(asked.pid)
    assert found
    return found


def measured(pair: Link) -> int:
    with pair.school.ports.store.read() as tx:
        return len(tx.audit.entries(subject=pair.lab.did, kind=dry_runs.MEASURED))


def test_narrower_terms_are_measured_once_and_go_with_the_contract(pair: Link) -> None:
    before = measured(pair)
    for _ in range(2):
        contract = agree.agreement(pair.lab.ports, negotiated(pair, 1).agreement_id)
        ((action, found),) = reports.findings_of(contract).items()
        assert (action, found.risk is not None) == (READ, True)
    assert measured(pair) == before + 1


def test_a_counterparty_has_so_many_measured_and_no_more(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(pair.school.ports.settings, dry_runs_per_peer=measured(pair))
    monkeypatch.setattr(pair.school, "ports", replace(pair.school.ports, settings=settings))
    found = negotiated(pair, 2)
    assert (found.code, bool(found.agreement_id)) == ("QUOTA_REACHED", False)


def test_terms_under_which_persons_stand_out_are_not_offered(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Findings(risk=Risk(k=0, l=1, t=0.9, unique=0.4, rare=0.6, linkable=0.3))
    ports = replace(pair.school.ports, judging=lambda _: alone)
    monkeypatch.setattr(pair.school, "ports", ports)
    found = negotiated(pair, 3)
    assert (found.code, bool(found.agreement_id)) == (RiskDrifted.code, False)
    assert "unique" in found.reasons[0]


def test_risk_is_beyond_what_was_promised_past_the_band() -> None:
    promised = Risk(k=100, l=3, t=0.2, unique=0.1, rare=0.2, linkable=0.0)
    assert promised.beyond(promised) == ()
    assert replace(promised, k=95, t=0.3, unique=0.2, l=4).beyond(promised) == ()
    assert replace(promised, l=None, t=None).beyond(promised) == ()  # nothing sensitive leaves
    worse = Risk(k=80, l=2, t=0.35, unique=0.25, rare=0.35, linkable=0.15)
    assert worse.beyond(promised) == ("k", "l", "t", "unique", "rare", "linkable")
    assert replace(promised, k=200, l=9, t=0.0, unique=0.0).beyond(promised) == ()


def test_terms_are_measured_before_they_are_offered(pair: Link) -> None:
    school = pair.school.ports
    dataset = publish.dataset(school, DATASET)
    asked = read_policy({**offer(KEPT), "permission": [{"action": "odrl:read"}]})
    ((only,),) = previewing.preview(school, dataset, [asked])
    assert only.action == READ
    assert only.findings.marginal["reading"] == 0.0
    changed = {**offer(KEPT), "permission": [{"action": "odrl:aggregate"}]}
    after, _ = withdrawing.replace_offer(
        school, KEPT, {"policy": changed, "report": "shown"}, "cells only"
    )
    assert after.shows_report
    assert [each.action for each in risk_report.unverified_uses(after.report)] == [AGGREGATE]


def test_an_entry_says_whether_its_report_is_shown() -> None:
    assert not entries.read({"policy": {}}).shows_report
    assert entries.read({"policy": {}, "report": "shown"}).shows_report
    with pytest.raises(DescriptionIncomplete, match="`report` must be `kept` or `shown`"):
        entries.read({"policy": {}, "report": "all"})
