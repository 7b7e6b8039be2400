"""What a model's card says: from the manifest, the rounds and the sites' receipts. Pure.

Rule: nothing is measured and nothing is left out that the guarantee rests on; the meaning of the
numbers stands in words beside them. The members are described in `docs/reference/model-card.md`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.domain.federation.job import RoundRecord
from connector.identity.card import VERSION
from connector.identity.receipts import round_receipt
from connector.jsonld.canonical import parse_object, sha256_hex
from connector.services.federation.lead import evaluation
from connector.services.federation.lead.evidence import Evidence, Site
from federated.job import JobManifest
from federated.privacy.rule import ADD_OR_REMOVE_ONE

_MEANING: Final = "two data sets are neighbours when one has all rows of one more person"
_COPIED: Final = ("features", "target", "rounds", "quorum", "learningRate")
# Of manifests of version 2; all but the first may be left out.
_SINCE_2: Final = ("optimiser", "start", "engine")


def describe(
    evidence: Evidence, model: bytes, now: datetime, until: datetime | None
) -> dict[str, Any]:
    """Return the card of a job's model.

    Args:
        evidence: what the lead gathered of the job.
        model: bytes of the model file.
        now: UTC.
        until: when the lead has to let go of the model, UTC; None where no contract ends.
    """
    job, manifest, rounds = evidence.job, evidence.manifest, evidence.rounds
    stated = parse_object(job.manifest)
    evaluated = evaluation.described(manifest, rounds)
    return {
        "version": VERSION,
        "job": job.id,
        "lead": manifest.lead,
        "purpose": manifest.purpose,
        "madeAt": instant.text(now),
        "manifest": job.manifest_digest,
        "model": {**stated["model"], "file": "NumPy .npz", "sha256": sha256_hex(model)},
        **{name: stated[name] for name in _COPIED},
        **{name: stated[name] for name in _SINCE_2 if name in stated},
        "contracts": [
            {name: each[name] for name in ("site", "agreement", "digest", "dataset", "population")}
            | {"description": evidence.sites[each["site"]].description}
            for each in stated["contracts"]
        ],
        "terms": {"holder": manifest.lead, "until": instant.text(until) if until else None},
        "privacy": _privacy(manifest, stated["privacy"]),
        **({"evaluation": evaluated} if evaluated is not None else {}),
        "history": [_round(each) for each in rounds],
        "sites": [_site(manifest, each, rounds) for each in evidence.sites.values()],
    }


def _privacy(manifest: JobManifest, stated: dict[str, Any]) -> dict[str, Any]:
    """Return the mechanism and its guarantee, for one person at one site."""
    epsilon, delta = manifest.privacy.epsilon, manifest.privacy.delta
    return {
        **stated,
        "unit": {"column": manifest.unit.column, "rows": manifest.unit.rows},
        "adjacency": ADD_OR_REMOVE_ONE,
        "meaning": _MEANING,
        # Replacing a person is removing one and adding another: group privacy of two.
        "replacement": {"epsilon": 2 * epsilon, "delta": delta * (1 + math.exp(epsilon))},
        "scope": "of this job, at each site; who is at several sites adds theirs up",
    }


def _round(record: RoundRecord) -> dict[str, Any]:
    models = {round_receipt.unverified(token).digest for token in record.receipts}
    return {
        "round": record.round,
        "answered": sorted(record.answered),
        "sent": sorted(models),
        "state": record.request_digest,
        "receipts": [sha256_hex(token.encode()) for token in record.receipts],
    }


def _site(manifest: JobManifest, found: Site, rounds: Sequence[RoundRecord]) -> dict[str, Any]:
    decision = found.decision
    ran = dict.fromkeys((each.recipe, each.versions) for each in found.signed)
    return {
        "site": decision.site,
        "rounds": sum(decision.site in each.answered for each in rounds),
        "spent": {
            "rounds": len(found.signed),
            "epsilon": found.epsilon,
            "delta": manifest.privacy.delta,
            "unit": manifest.unit.column,
        },
        "decision": decision.decision,
        "code": decision.code,
        "reason": decision.reason,
        "ran": [{"recipe": recipe, "versions": dict(versions)} for recipe, versions in ran],
        "source": list(dict.fromkeys(each.source for each in found.signed if each.source)),
        "documents": [sha256_hex(each) for each in found.documents],
    }
