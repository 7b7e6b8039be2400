"""The folder format of the ODRL test suite: `test_cases policies requests sotw`.

Rules: everything is found by its IRI, never by the name of its file; a file may hold several
things; a case needs no expected report, and what it expects is never looked at to answer it. A
file or a case that is wrong is a fault of its own, and the others go on.
Source: https://github.com/SolidLabResearch/ODRL-Test-Suite (documentation of the format).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connector.cli.policy.files import nodes_at
from connector.errors import ConfigurationInvalid, PolicyInvalid, PreauError
from policies_odrl import Duty, Facts, Knowledge, Mode, OdrlError, Policy, resolve
from policies_odrl.model import every_rule
from tests.conformance.cases.asking import CLASSES as REQUESTS
from tests.conformance.cases.asking import wishes
from tests.conformance.cases.case import Case, Fault
from tests.conformance.cases.features import Features
from tests.conformance.cases.graph import Graph
from tests.conformance.cases.suite_policy import joined, policies_in, policy_of
from tests.conformance.cases.world import CLASSES as WORLDS
from tests.conformance.cases.world import World, world

MAX_FILES: Final = 20_000
_ENDINGS: Final = frozenset({".ttl", ".jsonld", ".json"})


@dataclass(frozen=True, slots=True)
class _Document:
    """What a file holds."""

    file: Path
    nodes: list[dict[str, Any]]
    graph: Graph


class Folder:
    """A folder of the suite's format, indexed."""

    def __init__(self, root: Path, mode: Mode) -> None:
        """Read all files of the folder.

        Raises:
            ConfigurationInvalid: there is no folder of test cases in it, or far too many files.
        """
        self._root = root
        self._mode = mode
        self.faults: list[Fault] = []
        if not (root / "test_cases").is_dir():
            raise ConfigurationInvalid(
                f"`{root}` holds no folder `test_cases`",
                hint="give the folder that holds test_cases, policies, requests and sotw",
            )
        self._cases = self._documents("test_cases")
        self._policies = self._index("policies", lambda found: policies_in(found.nodes))
        self._requests = self._index("requests", lambda found: found.graph.of_class(*REQUESTS))
        self._worlds = self._index("sotw", lambda found: found.graph.of_class(*WORLDS))
        self._read: dict[str, tuple[Policy, Knowledge]] = {}
        self._duties: dict[str, Duty] | None = None

    def cases(self) -> Iterator[Case | Fault]:
        """Yield each case in order of the files, or the fault that stands in its way."""
        taken: set[str] = set()
        for document in self._cases:
            stem = document.file.stem
            names = document.graph.of_class("TestCase")
            if not names:
                yield Fault(f"test_cases/{document.file.name}", "holds no test case")
            for index, name in enumerate(names):
                called = free_name(stem if index == 0 else f"{stem}-{index + 1}", taken)
                try:
                    yield self._case(called, name, document)
                except PreauError as exc:
                    yield Fault(called, exc.reason)

    def _case(self, called: str, name: str, document: _Document) -> Case:
        graph = document.graph
        policy, knowledge = self._policy(_named(graph, name, "policy"))
        asked = _named(graph, name, "request")
        found = self._one(self._requests, asked, "request")
        expected = graph.one(name, "expectedReport")
        return Case(
            name=called,
            request="" if asked.startswith("_:") else asked,
            policy=policy,
            wishes=wishes(found.graph, asked, Features(policy)),
            world=self._world(graph.one(name, "sotw"), policy, knowledge),
            expected=document.nodes if expected in graph.things else (),
            root=expected,
        )

    def _world(self, name: str, policy: Policy, knowledge: Knowledge) -> World:
        if not name:
            return World(Facts(knowledge=knowledge), {})
        found = self._one(self._worlds, name, "state of the world")
        shared = self._all_duties() if self._mode is Mode.SUITE else {}
        return world(found.graph, name, policy, knowledge, shared)

    def _policy(self, name: str) -> tuple[Policy, Knowledge]:
        """Return a policy with what it inherits, and the terms that nobody declares."""
        policy, knowledge = self._own(name)
        if not policy.inherits:
            return policy, knowledge
        parents: dict[str, Policy] = {}
        stack = list(policy.inherits)
        while stack:
            parent = stack.pop()
            if parent in self._policies and parent not in parents:
                parents[parent], terms = self._own(parent)
                knowledge = joined(knowledge, terms)
                stack.extend(parents[parent].inherits)
        try:
            return resolve(policy, parents), knowledge
        except OdrlError as exc:
            raise PolicyInvalid(f"policy `{name}`: {exc}") from exc

    def _own(self, name: str) -> tuple[Policy, Knowledge]:
        if name not in self._read:
            found = self._one(self._policies, name, "policy")
            self._read[name] = policy_of(found.nodes, name)
        return self._read[name]

    def _all_duties(self) -> dict[str, Duty]:
        """Return the duties of all policies that can be read, by IRI."""
        if self._duties is None:
            self._duties = {}
            for name in self._policies:
                try:
                    policy, _ = self._own(name)
                except PreauError:
                    continue  # a case that needs it says so
                found = (
                    rule for _, rule, _ in every_rule(policy) if isinstance(rule, Duty) and rule.id
                )
                self._duties.update({rule.id: rule for rule in found})
        return self._duties

    def _one(self, index: dict[str, list[_Document]], name: str, kind: str) -> _Document:
        found = index.get(name, [])
        if not found:
            raise PolicyInvalid(f"{kind} `{name}` is in no file")
        if any(other.nodes != found[0].nodes for other in found[1:]):
            files = " and ".join(f"`{item.file.name}`" for item in found[:2])
            raise PolicyInvalid(f"{kind} `{name}` is in {files}, which differ")
        return found[0]

    def _index(
        self, folder: str, things: Callable[[_Document], list[str]]
    ) -> dict[str, list[_Document]]:
        index: dict[str, list[_Document]] = {}
        for document in self._documents(folder):
            for name in things(document):
                index.setdefault(name, []).append(document)
        return index

    def _documents(self, folder: str) -> list[_Document]:
        found: list[_Document] = []
        for file in files_in(self._root / folder):
            try:
                nodes = nodes_at(file)
            except PreauError as exc:
                reason = exc.reason.removeprefix(f"`{file}`: ")
                self.faults.append(Fault(f"{folder}/{file.name}", reason))
            else:
                found.append(_Document(file, nodes, Graph.of_nodes(nodes)))
        return found


def free_name(name: str, taken: set[str]) -> str:
    """Return a name that no other case has, and take it; one report must not cover another.

    >>> taken = {"a"}
    >>> free_name("a", taken), free_name("a", taken), free_name("b", taken)
    ('a-2', 'a-3', 'b')
    """
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}-{count}"
    taken.add(free)
    return free


def files_in(folder: Path) -> list[Path]:
    """Return the Turtle and JSON files of a folder in order of their names; none if it is not one.

    Raises:
        ConfigurationInvalid: there are more than are read.
    """
    if not folder.is_dir():
        return []
    found = sorted(f for f in folder.iterdir() if f.suffix.lower() in _ENDINGS and f.is_file())
    if len(found) > MAX_FILES:
        raise ConfigurationInvalid(f"`{folder}` holds more than {MAX_FILES} files")
    return found


def _named(graph: Graph, case: str, what: str) -> str:
    found = dict.fromkeys(graph.iris(case, what))
    if len(found) != 1:
        raise PolicyInvalid(f"the case names {len(found) or 'no'} {what}")
    return next(iter(found))
