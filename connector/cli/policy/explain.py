"""`preau policy explain` and `preau policy write`: from a policy to sentences, and back."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Annotated

import typer

import policies_odrl
from connector.cli import output
from connector.cli.files import read_bytes, write_new
from connector.cli.options import Json
from connector.cli.policy.files import policy_at
from connector.cli.policy.profile import held, known
from connector.cli.speaking import language
from connector.errors import ConfigurationInvalid, PolicyInvalid
from connector.jsonld.policy import policy_document
from connector.jsonld.reach import Term, terms
from policies_odrl import OdrlError, Policy
from policies_odrl.language.explain import numbered
from policies_odrl.language.forms import grammar


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("explain")(explain)
    app.command("write")(write)


def explain(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The policy, JSON-LD or Turtle.")
    ],
    peers: Annotated[
        bool,
        typer.Option(
            "--peers",
            help="Say below which terms any peer of the Dataspace Protocol understands.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Put a policy into numbered sentences.

    The sentences say everything that the policy says; the list at the end gives the addresses of
    what they mention as [1], [2] and so on. `preau policy write` makes the policy from them again.
    """
    policy = policy_at(file)
    if json:
        more = {"reach": list(map(_reach, _terms(policy)))} if peers else {}
        output.json_value({**as_json(policy), **more})
        return
    for line in policies_odrl.explain(policy, language(), known()):
        output.sentence(line)
    if peers:
        named = ((each.labels.get(language(), each.iri), each.anybody) for each in _terms(policy))
        output.understood(named)


def as_json(policy: Policy) -> dict[str, object]:
    """Return the sentences with what each is about."""
    lines = numbered(policy, language(), knowledge=known())
    return {
        "lang": language(),
        "sentences": [
            {"number": line.number, "path": line.path, "text": line.text} for line in lines
        ],
        "text": list(policies_odrl.explain(policy, language(), known())),
    }


def _reach(term: Term) -> dict[str, object]:
    return {
        "path": term.pointer,
        "term": term.iri,
        "everyone": term.anybody,
        "vocabulary": term.vocabulary,
    }


def _terms(policy: Policy) -> tuple[Term, ...]:
    """Return the terms of a policy; none where it has no written form."""
    try:
        return terms(policy, held())
    except PolicyInvalid:
        return ()


def write(
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="The sentences, one a line, in UTF-8."),
    ] = None,
    grammar: Annotated[
        bool, typer.Option("--grammar", help="Print the grammar of the sentences instead.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the policy to a new file.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a policy from numbered sentences.

    Reads what `preau policy explain` writes, and nothing else: a sentence that it does not
    understand is named, with the form that comes nearest. Prints the policy in JSON-LD, with --json
    as without it; with --out the policy goes to the file and nothing is printed.
    """
    if grammar:
        _print_grammar(json=json)
        return
    if file is None:
        raise ConfigurationInvalid(
            "a file of sentences is missing",
            hint="or print the grammar with --grammar",
        )
    document = policy_document(from_file(file), held())
    if out is None:
        output.json_value(document)
        return
    text = json_.dumps(document, ensure_ascii=False, indent=2) + "\n"
    write_new(out, text.encode())


def _print_grammar(*, json: bool) -> None:
    rules = grammar(language()).rstrip()
    if json:
        output.json_value({"lang": language(), "grammar": rules})
    else:
        output.given(rules)


def from_file(file: Path) -> Policy:
    """Return the policy that the sentences of a file state.

    Raises:
        ConfigurationInvalid: the file cannot be read.
        PolicyInvalid: a sentence is not understood.
    """
    try:
        text = read_bytes(file).decode("utf-8-sig")
        return policies_odrl.from_sentences(text, language(), known())
    except UnicodeDecodeError as exc:
        raise PolicyInvalid(f"`{file}` is not UTF-8 text") from exc
    except OdrlError as exc:
        hint = f"see `preau policy write --grammar --lang {language()}`"
        raise PolicyInvalid(f"`{file}`: {exc.in_(language())}", hint=hint) from exc
