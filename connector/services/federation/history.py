"""What happened to a job at this node, in words: from the audit log, for whoever follows it.

Rules: a line says what an entry of the log says, and no more: sites, rounds, codes and reasons, no
digest and nothing of rows; an entry of a kind that has no words here is shown by its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connector.domain.log.audit import LogEntry
from connector.jsonld.canonical import parse_object

_WORDS: Final[Mapping[str, str]] = {
    "job.submitted": "signed and stored; its sites are asked",
    "job.tried": "tried on made-up rows, {rounds} of {of} rounds; {remarks}",
    "job.site.accepted": "`{site}` accepted",
    "job.site.refused": "`{site}` refused: {code}: {reason}",
    "job.site.waits": "`{site}` has not decided: {code}: {reason}",
    "job.site.away": "`{site}` misses rounds: {code}: {reason}",
    "job.site.back": "`{site}` is back, and answered round {round}",
    "job.site.left": "`{site}` takes no further part: {code}: {reason}",
    "job.sites.accepted": "a quorum has accepted",
    "job.waits": "waits for memory: it needs {needs} bytes, {free} of {most} are free",
    "job.running": "rounds begin",
    "job.round.completed": "round {round} is over; {sites} answered",
    "job.accepted": "accepted for `{lead}`: ε {epsilon} and δ {delta} are reserved",
    "job.refused": "refused: {code}: {reason}",
    "job.source": "the rows were opened",
    "job.round.committed": "round {round} is charged",
    "job.round.released": "round {round} is answered",
    "job.counted": "exact counts, not DP, are added to a sum over {sites}",
    "job.rounds.forgotten": "the lead proved rounds that this node has lost; all count as run",
    "job.view.split": "round {round}: two sites were sent different models",
    "job.completed": "completed",
    "job.model-removed": "the model is removed: a contract that it was trained under has ended",
    "job.failed": "failed after round {rounds}: {code}: {reason}",
    "job.cancelled": "cancelled after round {rounds}: {reason}",
}


def told(entry: LogEntry) -> str:
    """Return what an entry of a job says, in one line.

    Raises:
        Malformed: the entry holds no JSON object.
    """
    facts = parse_object(entry.event).get("facts", {})
    words = _WORDS.get(entry.kind, "{reason}" if facts.get("reason") else entry.kind)
    return words.format_map(_Facts(facts))


class _Facts(dict[str, Any]):
    """Facts of an entry, as words: lists by their members, and what is not there as `–`."""

    def __getitem__(self, key: str) -> str:
        value = self.get(key)
        if isinstance(value, list):
            return ", ".join(f"`{each}`" for each in value) or "nobody"
        return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
