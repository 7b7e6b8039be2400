"""Offers as the Dataspace Protocol says them: kept at publication, marked, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connector.errors import DescriptionIncomplete, PolicyOutsideProtocol
from connector.jsonld.canonical import canonical
from connector.jsonld.dsp_policy import from_dsp, to_dsp
from connector.services.publication import entries, publish, saying
from tests.support.link import DATASET, description, link


def test_a_published_offer_keeps_its_form(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(tmp_path / "data"))
        (found,) = publish.offers(pair.school.ports, DATASET)
    form = json.loads(found.dsp)
    assert form == to_dsp(found.policy, kind="catalog")
    assert from_dsp(form, kind="catalog") == found.policy


def test_what_the_protocol_cannot_say_is_refused_or_kept_from_its_peers() -> None:
    policy = canonical(
        {
            "@context": "http://www.w3.org/ns/odrl.jsonld",
            "@type": "Offer",
            "uid": "urn:example:o",
            "permission": [
                {
                    "action": {
                        "rdf:value": {"@id": "odrl:use"},
                        "refinement": {
                            "leftOperand": "count",
                            "operator": "lteq",
                            "rightOperand": {"@value": "3", "@type": "xsd:integer"},
                        },
                    }
                }
            ],
        }
    )
    assert saying.kept(policy) == b""
    assert saying.kept(policy, saying.OWN) == b""
    with pytest.raises(PolicyOutsideProtocol, match="marked for every peer"):
        saying.kept(policy, saying.EVERY)


def test_an_entry_says_for_whom_it_is() -> None:
    assert entries.read({"policy": {}, "peers": "every"}).peers == "every"
    assert entries.read({"policy": {}}).peers == ""
    with pytest.raises(DescriptionIncomplete, match="`peers` must be"):
        entries.read({"policy": {}, "peers": "some"})
