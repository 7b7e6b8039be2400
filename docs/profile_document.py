"""Our ODRL profile as a vocabulary document: nodes of JSON-LD, from which Turtle is made.

Names, operators and what includes an action come from the rows that the engine decides by,
definitions from `profile/profile.json`; a test compares steps and hierarchies.
Sources: SKOS Reference; ODRL Information Model 2.2, section 4 (profiles).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from policies_odrl.authoring import full
from policies_odrl.language.phrases import label
from policies_odrl.model import ODRL, XSD
from policies_odrl.vocabulary import DCT, PREAU, PROFILE, loaded
from policies_odrl.vocabulary import PREFIXES as KNOWN

SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
OWL: Final = "http://www.w3.org/2002/07/owl#"
NAMES: Final[Mapping[str, str]] = {
    name: KNOWN[name]
    for name in ("odrl", "preau", "dpv", "education", "eu-gdpr", "cc", "dct", "xsd")
}
PREFIXES: Final[Mapping[str, str]] = {**NAMES, "skos": SKOS, "rdf": RDF, "rdfs": RDFS, "owl": OWL}

_VALUE_TYPES: Final[Mapping[str, str]] = {
    "iri": RDFS + "Resource",
    "concept": SKOS + "Concept",
    "place": DCT + "Location",
}
_TYPES: Final[Mapping[str, str]] = {
    "rdf:Property": RDF + "Property",
    "rdfs:Class": RDFS + "Class",
    "skos:Concept": SKOS + "Concept",
}
LANGUAGES: Final = ("fr", "en")
_CONSTRAINT: Final = '{{"leftOperand": "{0}", "operator": "{1}", "rightOperand": {2}}}'

Node = dict[str, Any]


@cache
def profile_data() -> Mapping[str, Any]:
    """Return the definitions of `profile/profile.json`, with what the engine decides by."""
    found = loaded("profile/profile.json")
    rows = loaded("operands.json")
    for item in (*found["operands"], *found["reused"]):
        row = rows["rows"][item["name"]]
        item["operators"] = row.get("usual", rows["kinds"][row["kind"]]).split()
    actions = loaded("actions.json")
    for item in found["actions"]:
        item["broader"] = actions["rows"][item["name"]]["included_in"].split()
    return found


def profile_nodes() -> list[Node]:
    """Return the vocabulary document as flattened, expanded JSON-LD.

    >>> by_name = {node["@id"]: node for node in profile_nodes()}
    >>> len(by_name["https://w3id.org/preau/odrl/v1#epsilon"][SKOS + "prefLabel"])
    2
    """
    stated = profile_data()
    return [
        _scheme(stated["profile"]),
        *(_action(item) for item in stated["actions"]),
        *(_operand(item) for item in stated["operands"]),
        *(_reused(item) for item in stated["reused"]),
        *(node for scale in stated["scales"] for node in _scale(scale)),
        *(_concept(item) for item in stated["concepts"]),
        *(_property(item) for item in (*stated["properties"], *stated["report"])),
    ]


def profile_jsonld() -> dict[str, Any]:
    """Return the vocabulary document as JSON-LD with prefixes, one node per term."""
    return {
        "@context": dict(PREFIXES),
        "@graph": [
            {_short(key): _shortened(value) for key, value in node.items()}
            for node in profile_nodes()
        ],
    }


def profile_context() -> dict[str, Any]:
    """Return the JSON-LD context: prefixes, and the terms of the profile by their local names.

    >>> profile_context()["@context"]["epsilon"]
    'preau:epsilon'
    """
    data = profile_data()
    steps = [step for scale in data["scales"] for step in scale["steps"]]
    terms = [item["name"] for item in (*data["actions"], *data["operands"], *steps)]
    terms += [item["name"] for item in data["concepts"]]
    names = {name.removeprefix("preau:"): name for name in terms}
    return {"@context": {**NAMES, **names}}


def example(item: Mapping[str, Any]) -> str:
    """Return a constraint with an operand, in compact JSON-LD."""
    kind, shown = item["value"], item["example"]
    if kind.startswith("xsd:"):
        value = json.dumps({"@value": shown, "@type": kind})
    else:
        value = json.dumps({"@id": full(shown)})
    return _CONSTRAINT.format(item["name"], item["operators"][0], value)


def _scheme(data: Mapping[str, Any]) -> Node:
    return {
        "@id": PROFILE,
        "@type": [SKOS + "ConceptScheme", ODRL + "Profile"],
        DCT + "title": _texts(data["title"]),
        DCT + "description": _texts(data["description"]),
        OWL + "versionInfo": [{"@value": data["version"]}],
        DCT + "license": [{"@id": "http://www.apache.org/licenses/LICENSE-2.0"}],
    }


def _term(item: Mapping[str, Any], group: str, *types: str) -> Node:
    """Return what all terms have: types, scheme, names, definition, notation, matches."""
    iri = full(item["name"])
    names = {lang: label(group, iri, lang) for lang in LANGUAGES}
    node: Node = {
        "@id": iri,
        "@type": [*types, SKOS + "Concept"],
        SKOS + "inScheme": [{"@id": PROFILE}],
        SKOS + "notation": [{"@value": iri.removeprefix(PREAU)}],
        SKOS + "prefLabel": _texts(names),
        SKOS + "definition": _texts(item["definition"]),
    }
    if "note" in item:
        node[SKOS + "scopeNote"] = _texts(item["note"])
    for name, matches in item.get("match", {}).items():
        node[SKOS + name] = _refs(matches)
    if "broader" in item:
        node[SKOS + "broader"] = _refs(item["broader"])
    return node


def _action(item: Mapping[str, Any]) -> Node:
    node = _term(item, "actions", ODRL + "Action")
    return {**node, ODRL + "includedIn": _refs(item["broader"])}


def _operand(item: Mapping[str, Any]) -> Node:
    return {
        **_term(item, "operands", ODRL + "LeftOperand"),
        **_use(item),
        SKOS + "example": [{"@value": example(item)}],
    }


def _reused(item: Mapping[str, Any]) -> Node:
    """Return how the profile uses a term of others, without defining it anew."""
    return {
        "@id": full(item["name"]),
        "@type": [ODRL + "LeftOperand"],
        SKOS + "scopeNote": _texts(item["definition"]),
        **_use(item),
        SKOS + "example": [{"@value": example(item)}],
    }


def _use(item: Mapping[str, Any]) -> Node:
    kind = item["value"]
    named = _VALUE_TYPES.get(kind) or full(kind)
    return {
        PREAU + "allowedOperator": _refs(["odrl:" + name for name in item["operators"]]),
        PREAU + "valueType": [{"@id": _scale_of(item["name"]) if kind == "step" else named}],
    }


def _scale(data: Mapping[str, Any]) -> Iterator[Node]:
    operand = full(data["operand"])
    yield {
        "@id": _scale_of(data["operand"]),
        "@type": [SKOS + "OrderedCollection"],
        SKOS + "prefLabel": _texts({lang: label("operands", operand, lang) for lang in LANGUAGES}),
        SKOS + "memberList": [{"@list": _refs([step["name"] for step in data["steps"]])}],
    }
    for rank, step in enumerate(data["steps"]):
        node = _term(step, "values")
        yield {**node, PREAU + "rank": [{"@value": str(rank), "@type": XSD + "integer"}]}


def _scale_of(operand: str) -> str:
    return full(operand) + "Scale"


def _concept(item: Mapping[str, Any]) -> Node:
    return _term(item, "values")


def _property(item: Mapping[str, Any]) -> Node:
    return {
        "@id": full(item["name"]),
        "@type": [_TYPES[item.get("type", "rdf:Property")]],
        RDFS + "isDefinedBy": [{"@id": PROFILE}],
        SKOS + "prefLabel": _texts(item["label"]),
        SKOS + "definition": _texts(item["definition"]),
    }


def _texts(data: Mapping[str, str]) -> list[Node]:
    return [{"@value": data[lang], "@language": lang} for lang in LANGUAGES]


def _refs(names: Sequence[str]) -> list[Node]:
    return [{"@id": full(name)} for name in names]


def _short(iri: str) -> str:
    for prefix, space in PREFIXES.items():
        if iri.startswith(space) and len(iri) > len(space):
            return f"{prefix}:{iri.removeprefix(space)}"
    return iri


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        found = [_shortened(item) for item in value]
        return found[0] if len(found) == 1 else found
    if isinstance(value, dict):
        return {
            key: _short(item) if key in {"@id", "@type"} else _listed(item)
            for key, item in value.items()
        }
    return _short(value)


def _listed(item: Any) -> Any:
    return [_shortened(part) for part in item] if isinstance(item, list) else item
