"""Evidence: that of a contract to take away, and a bundle that somebody brings, judged here."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry, Sent
from connector.console.parts import Facts, Field, Form, Notice, Page, Part, Table, Words
from connector.console.visit import Visit
from connector.errors import Malformed
from connector.identity.evidence import Outcome, Verdict
from connector.services.evidence import export as exporting
from connector.services.evidence import verifying

_KIND: Final = {Outcome.PROVEN: "done", Outcome.CONSISTENT: "info", Outcome.INVALID: "wrong"}

_PARTS: Final = {
    "contract": "contract",
    "membership": "membership",
    "revocation": "revocation",
    "log": "audit log",
    "layers": "layers of terms",
}


def evidence(visit: Visit) -> Page:
    """Ask for a bundle to judge, or for the contract of which one is wanted."""
    visit.served.check(verifying.verify)
    parts: list[Part] = [_brought()]
    if visit.served.may(exporting.export):
        contract = Field("id", "contract", hint="id of a contract of this node", needed=True)
        parts.append(Form("Export evidence", "/evidence/export", (contract,), "export"))
    return Page("Evidence", parts)


def verify(visit: Visit) -> Page:
    """Judge a bundle, part by part; nothing of it is kept."""
    bundle, authority = visit.files.get("bundle", b""), visit.files.get("authority", b"")
    if not bundle:
        hint = "choose the bundle, such as `evidence.json`"
        raise Malformed("no file was chosen", hint=hint, where="bundle")
    authorities = [authority] if authority else []
    pinned = visit.given("pinned") == "yes"
    found = visit.served.do(verifying.verify, bundle, authorities, pinned=pinned)
    return Page("Evidence", [*_judged(found), _brought()], subject=found.agreement)


def export(visit: Visit) -> Sent:
    """Give out the evidence of a contract."""
    content = visit.served.do(exporting.export, visit.given("id").strip())
    return Sent("evidence.json", "application/json", content)


def _brought() -> Form:
    bundle = Field("bundle", "evidence bundle", hint="16 MiB at most", kind="file", needed=True)
    authority = Field(
        "authority",
        "key of the space's authority",
        hint="public key (JWK) or DID document, had from a source that you trust; without one, "
        "membership stays unproven",
        kind="file",
    )
    choices = (("no", "only the key above"), ("yes", "those that this node has pinned as well"))
    pinned = Field("pinned", "authorities to believe", kind="choice", value="no", choices=choices)
    return Form("Verify a bundle", "/evidence/verify", (bundle, authority, pinned), "verify")


def _judged(found: Verdict) -> list[Part]:
    rows = (
        ("contract", found.agreement),
        ("provider", found.provider),
        ("consumer", found.consumer),
        ("concluded", found.concluded_at),
    )
    verdicts = [
        (
            Words(_PARTS.get(each.name, each.name)),
            Words(each.standing.value),
            Words(each.finding),
            each.at_fault,
        )
        for each in found.parts
    ]
    checks = [
        (Words(_PARTS.get(each.name, each.name)), Words(line))
        for each in found.parts
        for line in each.checks
    ]
    limits = [(Words(line),) for line in found.limits]
    parts: list[Part] = [Notice(found.outcome.value, _KIND[found.outcome], hint=found.reason)]
    if verdicts:
        headings = ("part", "verdict", "finding", "at fault")
        parts += [
            Facts("What it is evidence of", rows),
            Table("Verdicts", headings, verdicts, "", name="verdicts"),
        ]
    if checks:
        parts.append(
            Table(
                "What was verified",
                ("part", "verified"),
                checks,
                "",
                name="verified",
            )
        )
    return [
        *parts,
        Table("What no bundle proves", ("limit",), limits, "", name="limits"),
    ]


PAGES: Final = (
    Entry("/evidence", evidence, (verifying.verify,), "Evidence"),
    Entry("/evidence/verify", verify, (verifying.verify,), method="POST", on="/evidence"),
    Entry("/evidence/export", export, (exporting.export,), method="POST", on="/evidence"),
)
