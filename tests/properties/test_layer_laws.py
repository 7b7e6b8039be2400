"""Laws of layers as nodes merge them: the strictest wins, and each line has an origin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from hypothesis import HealthCheck, event, given, settings

from connector.domain.layer import LayerKind, LayerName
from connector.enforcement import layers
from connector.enforcement.layers import Stated
from connector.errors import LayerUnmet
from connector.jsonld.profiles import NO_PROFILES
from policies_odrl import Facts, Mode, Policy
from tests.properties.test_policy_comparison_laws import around, deciding, terms
from tests.support import policy_strategies as some
from tests.support.choices import Choices, chosen

LAW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@dataclass(frozen=True)
class Drawn:
    """A template, a charter, an offer that often has something in common with them, and facts."""

    template: Policy
    charter: Policy
    offer: Policy
    facts: Facts

    @property
    def above(self) -> list[Stated]:
        pairs = zip(("authority", "charter"), (self.template, self.charter), strict=True)
        return [Stated(LayerName(kind, f"urn:{kind}", 1, "ab" * 32), it) for kind, it in pairs]


def _drawn(pick: Choices) -> Drawn:
    template = terms(pick)
    each = []
    for _ in range(2):
        other = terms(pick)
        if pick.yes():  # the same rules, and others of its own
            other = replace(other, permissions=(*template.permissions, *other.permissions[:1]))
        each.append(other)
    return Drawn(template, *each, some.facts(pick))


@LAW
@given(chosen(_drawn, 320))
def test_what_nodes_publish_permits_no_more_than_any_layer(it: Drawn) -> None:
    try:
        found = layers.merged(it.above, it.offer, NO_PROFILES)
    except LayerUnmet as exc:
        event("nothing left" if "nothing of the offer" in exc.reason else "not proved")
        return
    event("merged")
    assert layers.unmet(it.above, found, NO_PROFILES) == ()
    each = [deciding(policy) for policy in (it.template, it.charter, it.offer)]
    whole = deciding(found)
    for request, mode in product(around(found, it.offer), Mode):
        if whole(request, it.facts, mode):
            assert all(grants(request, it.facts, mode) for grants in each)
    _each_line_comes_from_who_states_it(it, found)


def _each_line_comes_from_who_states_it(it: Drawn, found: Policy) -> None:
    lines = [
        (f"{path}/constraint/0", text)
        for path, rule in found.rules()
        for kind, action, text in layers.statements(replace(found, profiles=()))
        if (kind, action) == (type(rule).__name__, rule.action.id)
    ]
    chain = layers.chained(it.above, NO_PROFILES)
    kinds = layers.origins(chain, found, lines, LayerKind.OFFER)
    said = {kind: layers.statements(policy) for kind, policy in chain}
    texts = {kind: {text for _, _, text in stated} for kind, stated in said.items()}
    for (_, text), kind in zip(lines, kinds, strict=True):
        assert kind is LayerKind.OFFER or text in texts[kind]
