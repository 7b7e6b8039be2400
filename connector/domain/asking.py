"""What peers were asked of the own log since the node started, in memory."""

from __future__ import annotations

import threading
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime


def _over() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass(frozen=True, slots=True)
class Asking:
    """What peers were asked of the own log since the node started; thread-safe.

    Attributes:
        over: set once each known peer has answered, or had the time to; nothing is spent before.
        answered: when a peer last gave back all that it ever held, by DID.
        forgetful: peers that have asked us of their own log, and may have gone back: what they
            were told before is told again.
        again: peers that were heard after they had not answered a call; they are asked anew.
        continued: by peer, the newest of its own heads that this node was seen to continue.
        cosigners: peers that a contract was concluded with; they are asked to cosign the log.
    """

    over: threading.Event = field(default_factory=_over)
    answered: MutableMapping[str, datetime] = field(default_factory=dict)
    forgetful: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    continued: MutableMapping[str, str] = field(default_factory=dict)
    cosigners: set[str] = field(default_factory=set)
