"""Offers of one rule, what they are varied by, and messages that carry them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from connector.jsonld.dsp_policy import CONTEXT
from policies_odrl import (
    AssetRef,
    Constraint,
    Literal,
    Operator,
    Policy,
    PolicyKind,
)
from policies_odrl.model import ODRL, XSD
from tests.support.policies import DATASET, one_rule

Body = dict[str, Any]
BASE = replace(one_rule("read"), kind=PolicyKind.OFFER, target=AssetRef(DATASET))
FEW = Constraint(ODRL + "count", Operator.LT, (Literal("3", XSD + "integer"),))
RULE = BASE.permissions[0]


def with_rule(**parts: Any) -> Policy:
    return replace(BASE, permissions=(replace(RULE, **parts),))


def reference(*parts: str) -> Path:
    return Path(os.environ["PREAU_REFERENCE"], *parts)


def message_of(body: Mapping[str, Any]) -> Body:
    """What the context of messages gives a meaning to."""
    return {"@context": [CONTEXT], "@type": "ContractOfferMessage", "offer": body}
