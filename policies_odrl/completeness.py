"""What a policy of each class has to name before it can bind anybody.

One place for what the check reports as an error and what evaluation therefore does not decide by.
Source: IM 2.1.1 to 2.1.3, 2.6.1 and 2.6.2 (a duty may do without a target, 2.6.3); ODRL Vocabulary,
policy subclasses (a ticket is good for whoever holds it).
"""

from __future__ import annotations

from collections.abc import Iterator

from policies_odrl.model import Duty, Policy, PolicyKind


def incomplete(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield (JSON pointer, what is wrong) of an agreement or a ticket that cannot bind.

    What is wrong is the code of the finding: `missing-target`, `missing-assigner`,
    `missing-assignee` or `ticket-with-assignee`.
    """
    if policy.kind is PolicyKind.AGREEMENT:
        yield from _agreement(policy)
    named = (rule.assignee is not None for _, rule in policy.rules())
    if policy.kind is PolicyKind.TICKET and (policy.assignee or any(named)):
        yield "", "ticket-with-assignee"


def _agreement(policy: Policy) -> Iterator[tuple[str, str]]:
    if policy.target and policy.assigner and policy.assignee:
        return
    for path, rule in policy.rules():
        if policy.target_of(rule) is None and not isinstance(rule, Duty):
            yield path, "missing-target"
        if policy.assigner_of(rule) is None:
            yield path, "missing-assigner"
        if policy.assignee_of(rule) is None:
            yield path, "missing-assignee"
