"""`preau audit`: the node's log, and evidence that can be checked without any node.

Rule: `verify` and `card` use no network and no node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import output
from connector.cli.exits import Exit
from connector.cli.files import check_new, read_bytes, write_new
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.errors import PreauError

if TYPE_CHECKING:
    from connector.identity.document import DidDocument
    from connector.identity.evidence import Part, Verdict


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The audit log, and evidence from it.")
    group.command("log")(log)
    group.command("check")(check)
    group.command("export")(export)
    group.command("verify")(verify)
    group.command("card")(card)
    app.add_typer(group, name="audit")


def log(
    start: Annotated[int, typer.Option(min=0, help="First entry to show.")] = 0,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Maximum number of events to show.")
    ] = 100,
    subject: Annotated[
        str, typer.Option(help="Only events about this agreement, negotiation, job or peer.")
    ] = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show the events of the audit log, in order."""
    with node_of(home) as node:
        found = node.events(start=start, limit=limit, subject=subject)
    output.more("events", "", found.damaged)
    if json:
        output.json_value(found)
        return
    output.table(
        ("index", "at", "event", "about"),
        ((e.index, e.at, e.kind, e.subject) for e in found),
        empty="no event",
    )
    output.unreadable((f"event {e.index}", e.fault) for e in found)


def check(
    agreement: Annotated[str, typer.Argument(help="Id of the agreement.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show, for each line of a contract that is audited afterwards, what the log shows of it.

    Those are the lines labelled `audited` in the table that both parties signed. Nothing found of
    a prohibition means that nobody stated a breach, and no more.
    """
    with node_of(home) as node:
        found = node.audited(agreement)
    if json:
        output.json_value(found)
        return
    output.table(
        ("line", "what", "looked for", "about", "the log", "entries"),
        ((a.path, a.constraint, a.looked_for, a.about, a.found, a.entries) for a in found),
        empty="no line of this contract is audited afterwards",
    )


def export(
    agreement: Annotated[str, typer.Argument(help="Id of the agreement.")],
    out: Annotated[Path, typer.Option(help="File to write; it must not exist.")] = Path(
        "evidence.json"
    ),
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Write an evidence bundle: the contract, both signatures and all that proves them.

    `preau audit verify` checks it anywhere, with no network and no node.
    """
    check_new(out)  # the node logs what it gives out
    with node_of(home) as node:
        content = node.evidence(agreement)
    write_new(out, content)
    if json:
        output.json_value({"agreement": agreement, "file": str(out), "bytes": len(content)})
    else:
        output.line(f"evidence written to {out}")


def verify(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Evidence bundle to check.")
    ],
    authority: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Public key (JWK) or DID document of the space's authority, obtained from a "
            "source that you trust; without it membership stays unproven. Repeatable.",
        ),
    ] = None,
    pinned: Annotated[
        Path | None,
        typer.Option(
            "--pinned-by",
            exists=True,
            file_okay=False,
            help="Home of a member's node: its authority's keys, as pinned there, are trusted.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check an evidence bundle, with no network and no node.

    Contract, membership, revocation, log and layers are judged separately; each says whose
    signature or document failed. Ends with 0 when all are proven, with 4 when nothing fails but
    not all is proven (no authority's key, no status list of the time, no cosigned log), with 5
    when a part fails.
    """
    from connector.identity import evidence  # noqa: PLC0415 - start-up stays fast

    trusted = [read_bytes(each) for each in authority or []]
    if pinned is not None:
        from connector.bootstrap.keys import pins  # noqa: PLC0415 - as above

        trusted += pins.of(pinned.absolute())
    verdict = evidence.verify(read_bytes(file), trusted)
    if json:
        output.json_value(_value(verdict))
    else:
        _show(verdict)
    raise typer.Exit(_EXIT[verdict.outcome.name])


def card(
    model: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Model file, as a job ended with.")
    ],
    lead: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="DID document of the job's lead, obtained from a source that you trust.",
        ),
    ],
    card: Annotated[
        Path | None,
        typer.Option(
            "--card", exists=True, dir_okay=False, help="Its card. Default: beside the model."
        ),
    ] = None,
    receipts: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Receipts of the job. Default: beside the model."
        ),
    ] = None,
    site: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="DID document of a site, obtained from a source that you trust; without it the "
            "site's receipts are checked against the document that the lead names. Repeatable.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check the card of a model and show it, with no network and no node.

    Where the receipts of its job are available, they are checked too: the manifest, the
    contracts and each round, against those who signed them. Ends with 0 when the lead signed
    the card for exactly this model and all receipts are proven, with 4 when sites are known by
    the lead's word only, with 5 when something fails.
    """
    beside = receipts or model.with_suffix(".receipts.json")
    tokens = read_bytes(beside) if receipts or beside.exists() else b""
    file = read_bytes(card or model.with_suffix(".card.json"))
    try:
        found, part = _judged(read_bytes(model), file, tokens, lead, site or [])
        shown = _card(found)
    except (PreauError, AttributeError, KeyError, TypeError, ValueError) as exc:
        reason = exc.reason if isinstance(exc, PreauError) else "the card is not complete"
        output.line(f"invalid: {reason}")  # a lead may sign anything
        raise typer.Exit(Exit.INVALID) from exc
    if json:
        output.json_value(found if part is None else {**found, "verdict": _part(part)})
    else:
        output.pairs(shown)
        if part is not None:
            _show_part(part)
    raise typer.Exit(_OF_PART[part.standing.name] if part is not None else Exit.OK)


def _judged(
    model: bytes, file: bytes, tokens: bytes, lead: Path, sites: Sequence[Path]
) -> tuple[dict[str, Any], Part | None]:
    """Return a verified card, and what its receipts prove; None where there are none.

    Raises:
        PreauError: the card does not verify.
    """
    from connector.identity import card as cards  # noqa: PLC0415 - start-up stays fast
    from connector.identity.receipts import job_receipts  # noqa: PLC0415 - as above

    document = _document(lead)
    found = cards.read(file, document, model)
    known = [_document(each) for each in sites]
    return found, job_receipts.verify(tokens, found, document, known) if tokens else None


def _document(file: Path) -> DidDocument:
    from connector.identity import document as documents  # noqa: PLC0415 - start-up stays fast
    from connector.jsonld.canonical import parse_object  # noqa: PLC0415 - as above

    data = read_bytes(file)
    return documents.read(data, str(parse_object(data).get("id", "")))


def _card(card: dict[str, Any]) -> list[tuple[str, object]]:
    privacy, sites = card["privacy"], card["sites"]
    terms = card.get("terms", {})  # cards of earlier releases have none
    return [
        ("job", card["job"]),
        ("lead", card["lead"]),
        ("purpose", card["purpose"]),
        ("ε, δ", f"{privacy['epsilon']:g}, {privacy['delta']:g} {privacy['scope']}"),
        ("adjacency", f"{privacy['adjacency']}: {privacy['meaning']}"),
        ("held by", terms.get("holder")),
        ("until", terms.get("until")),
        ("rounds", card["rounds"]),
        *(("site", _site(each)) for each in sites),
    ]


def _site(site: Mapping[str, Any]) -> str:
    """Return how much a site took part, and why no more."""
    why = f", {site['decision']}: {site['code']}" if site.get("code") else ""
    spent = site.get("spent", {})
    cost = spent.get("epsilon")
    charged = f", ε {cost:.4g} for a `{spent['unit']}`" if cost is not None else ""
    return f"{site['site']} ({site['rounds']} rounds{why}){charged}"


_OF_PART = {"PROVEN": Exit.OK, "UNPROVEN": Exit.UNPROVEN, "FAILED": Exit.INVALID}
_EXIT = {"PROVEN": Exit.OK, "CONSISTENT": Exit.UNPROVEN, "INVALID": Exit.INVALID}


def _value(verdict: Verdict) -> dict[str, object]:
    return {
        "outcome": verdict.outcome.name.lower(),
        "reason": verdict.reason,
        "agreement": verdict.agreement,
        "provider": verdict.provider,
        "consumer": verdict.consumer,
        "concluded_at": output.cell(verdict.concluded_at) or None,
        "parts": [_part(part) for part in verdict.parts],
        "not_proven_by_any_bundle": list(verdict.limits),
    }


def _part(part: Part) -> dict[str, object]:
    return {
        "name": part.name,
        "verdict": part.standing.value,
        "finding": part.finding,
        "at_fault": part.at_fault,
        "checks": list(part.checks),
    }


def _show(verdict: Verdict) -> None:
    said = verdict.outcome.value + (f": {verdict.reason}" if verdict.reason else "")
    output.line(said)
    output.pairs(
        (
            ("agreement", verdict.agreement),
            ("provider", verdict.provider),
            ("consumer", verdict.consumer),
            ("concluded", verdict.concluded_at),
        )
    )
    for part in verdict.parts:
        _show_part(part)
    output.line("no bundle proves:")
    for limit in verdict.limits:
        output.line(f"  {limit}")


def _show_part(part: Part) -> None:
    fault = f" (by `{part.at_fault}`)" if part.at_fault else ""
    output.line(f"{part.name}: {part.standing.value}: {part.finding}{fault}")
    for check in part.checks:
        output.line(f"  verified: {check}")
