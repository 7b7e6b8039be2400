"""The examples of the W3C draft on formal semantics: nested folders of JSON-LD and Turtle.

A case is an `evaluationrequest*` file with the `policy*` and `state*` files beside it or above it,
and with a `compliancereport*` file where the expected results are known. The draft calls its
vocabularies illustrative, and its contexts cannot all be fetched: policies are read with the ODRL
context of ours, everything else as statements by local name (`graph.py`), and what has to agree is
the results, not the names. What a folder gives in two formats is read in Turtle, which needs no
context. Rules: a case needs no expected report, and what it expects is never
looked at to answer it; a wrong case is a fault of its own.
Source: https://w3c.github.io/odrl/formal-semantics/ (Evaluation Request, State of the World).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connector.cli.files import read_bytes
from connector.cli.policy.files import nodes_at
from connector.errors import ConfigurationInvalid, PolicyInvalid, PreauError
from connector.jsonld.canonical import parse
from policies_odrl import Knowledge, Literal, OdrlError, Policy
from policies_odrl.documents.sources import nodes_of
from policies_odrl.evaluation.request import DATE_TIME
from tests.conformance.cases.asking import CLASSES as REQUESTS
from tests.conformance.cases.asking import wishes
from tests.conformance.cases.case import Case, Fault
from tests.conformance.cases.features import NOW, Features
from tests.conformance.cases.graph import PREFIXES, Graph, complete
from tests.conformance.cases.solidlab import MAX_FILES, free_name
from tests.conformance.cases.suite_policy import policies_in, policy_of
from tests.conformance.cases.world import CLASSES as WORLDS
from tests.conformance.cases.world import World, world

_CONTEXT: Final = "http://www.w3.org/ns/odrl.jsonld"
_JSON: Final = (".json", ".jsonld")
_ENDINGS: Final = (*_JSON, ".ttl")


@dataclass(frozen=True, slots=True)
class _Place:
    """The files of one folder, by what their names begin with."""

    folder: Path
    files: Mapping[str, list[Path]]


class Examples:
    """A folder of examples, with those below it."""

    def __init__(self, root: Path) -> None:
        """Look through the folder.

        Raises:
            ConfigurationInvalid: there is none, or far too many files are in it.
        """
        if not root.is_dir():
            raise ConfigurationInvalid(f"`{root}` is not a folder")
        self._root = root
        self._places = {place.folder: place for place in _places(root)}
        self.faults: list[Fault] = []

    def cases(self) -> Iterator[Case | Fault]:
        """Yield each case in order of the folders, or the fault that stands in its way."""
        taken: set[str] = set()
        for folder in sorted(self._places):
            for file in self._places[folder].files["evaluationrequest"]:
                name = _label(file, "evaluationrequest") or folder.resolve().name
                if name in taken:
                    name = "-".join((*folder.relative_to(self._root).parts, name))
                called = free_name(name, taken)
                try:
                    yield self._case(name, file, called)
                except PreauError as exc:
                    yield Fault(called, exc.reason.removeprefix(f"`{file}`: "))

    def _case(self, name: str, file: Path, called: str) -> Case:
        policy, knowledge = _policy_at(self._beside(file, "policy", name))
        features = Features(policy)
        graph = graph_at(file)
        asked = next(iter(graph.of_class(*REQUESTS)), next(iter(graph.things), ""))
        found = wishes(graph, asked, features)
        stated = [value for wish in found for value in wish.request.facts.get(DATE_TIME, ())]
        issued = [value for value in graph.values(asked, "issued") if isinstance(value, Literal)]
        at = next((value for value in (*stated, *issued) if isinstance(value, Literal)), None)
        expected = self._maybe(file, "compliancereport", name)
        return Case(
            name=called,
            request="" if asked.startswith("_:") else asked,
            policy=policy,
            wishes=found,
            world=self._world(file, name, policy, knowledge, at),
            results=graph_at(expected) if expected else None,
        )

    def _world(
        self, file: Path, name: str, policy: Policy, knowledge: Knowledge, at: Literal | None
    ) -> World:
        found = self._maybe(file, "state", name, above=True)
        graph = graph_at(found) if found else Graph({})
        roots = [*graph.of_class(*WORLDS), *_timed(graph), *graph.things]
        root = roots[0] if roots else ""
        return world(graph, root, policy, knowledge, at=at, whole=True)

    def _beside(self, file: Path, kind: str, name: str) -> Path:
        found = self._maybe(file, kind, name, above=True)
        if found is None:
            raise PolicyInvalid(f"no `{kind}*` file stands beside `{file.name}` or above it")
        return found

    def _maybe(self, file: Path, kind: str, name: str, *, above: bool = False) -> Path | None:
        """Return the file of a kind that belongs to a request: the nearest; None without one."""
        for folder in (file.parent, *(file.parent.parents if above else ())):
            place = self._places.get(folder)
            if place is None:
                return None
            found = place.files[kind]
            own = [item for item in found if _label(item, kind).lower() == name.lower()] or found
            if len({item.stem for item in own}) == 1:  # one thing in two formats
                own = sorted(own, key=lambda item: item.suffix != ".ttl")[:1]
            if len(own) > 1:
                raise PolicyInvalid(f"`{folder.name}` holds {len(own)} `{kind}*` files")
            if own:
                return own[0]
        return None


def graph_at(file: Path) -> Graph:
    """Return what a file says, JSON or Turtle, by local names.

    Raises:
        ConfigurationInvalid: it cannot be read.
        PolicyInvalid: it is neither JSON nor Turtle.
    """
    data = read_bytes(file)
    try:
        json_like = file.suffix.lower() in _JSON
        return Graph.of_json(data) if json_like else Graph.of_nodes(nodes_of(data))
    except (PreauError, OdrlError) as exc:
        raise PolicyInvalid(f"`{file}`: {exc.reason}") from exc


def _policy_at(file: Path) -> tuple[Policy, Knowledge]:
    """Return the one policy in a file, and the terms that it uses and nobody declares."""
    found = _json_nodes(file) if file.suffix.lower() in _JSON else nodes_at(file)
    names = policies_in(found)
    if len(names) != 1:
        raise PolicyInvalid(f"`{file.name}` holds {len(names)} policies")
    return policy_of(found, names[0])


def _json_nodes(file: Path) -> list[dict[str, Any]]:
    """Return the nodes of JSON-LD under our ODRL context, prefixes of the file written out."""
    try:
        document = parse(read_bytes(file))
        if not isinstance(document, dict):
            raise PolicyInvalid(f"`{file.name}` does not hold one policy")
        context = document.pop("@context", None)
        prefixes = {
            name: space
            for part in (context if isinstance(context, list) else [context])
            if isinstance(part, dict)
            for name, space in part.items()
            if isinstance(space, str) and space[-1:] in "#/:" and name not in PREFIXES
        }
        return nodes_of({**_written_out(document, prefixes), "@context": _CONTEXT}, strict=True)
    except (PreauError, OdrlError) as exc:
        raise PolicyInvalid(f"`{file.name}`: {exc.reason}") from exc


def _written_out(value: Any, prefixes: Mapping[str, str]) -> Any:
    """Return a JSON value with prefixed names completed; its depth is bounded by the parser."""
    if isinstance(value, dict):
        return {complete(k, prefixes): _written_out(v, prefixes) for k, v in value.items()}
    if isinstance(value, list):
        return [_written_out(item, prefixes) for item in value]
    return complete(value, prefixes) if isinstance(value, str) else value


def _timed(graph: Graph) -> list[str]:
    """Return the things that state a current time."""
    return [
        name
        for name, thing in graph.things.items()
        if any(key.lower() in NOW for key in thing.values)
    ]


def _label(file: Path, kind: str) -> str:
    """Return what a file's name says besides its kind: `A11` of `evaluationrequestA11.json`."""
    return file.stem[len(kind) :].strip("-_. ")


def _places(root: Path) -> Iterator[_Place]:
    kinds = ("evaluationrequest", "policy", "state", "compliancereport")
    count = 0
    for folder, below, names in os.walk(root):
        below.sort()
        count += len(names)
        if count > MAX_FILES:
            raise ConfigurationInvalid(f"`{root}` holds more than {MAX_FILES} files")
        files = [Path(folder, name) for name in sorted(names)]
        yield _Place(
            Path(folder),
            {
                kind: [
                    file
                    for file in files
                    if file.name.lower().startswith(kind) and file.suffix.lower() in _ENDINGS
                ]
                for kind in kinds
            },
        )
