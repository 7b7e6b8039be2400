"""`preau serve` for measurements: it notes when rounds are asked, and can leave out padding.

No setting of a node does either. `round.py` runs the same job with and without the waits that hide
how long rows took, and shows them apart; when a lead sent the first message of a round stands in no
record of a node.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Final

from connector.cli import main
from connector.domain.federation.frames import LeadFrame, Round
from connector.services.federation import padding
from connector.services.federation.lead.hub import LeadHub

UNPADDED: Final = "unpadded"  # a file beside the homes: while it is there, nothing is padded
ASKED: Final = "asked"  # a file beside the homes: job, round and time of each message
_ends_at, _send = padding.ends_at, LeadHub.send


def _homes() -> Path:
    return Path(sys.argv[sys.argv.index("--home") + 1]).parent


def _ends(spent: float, unit: float, most: float = math.inf) -> float:
    return spent if (_homes() / UNPADDED).exists() else _ends_at(spent, unit, most)


def _sent(hub: LeadHub, job_id: str, site: str, frame: LeadFrame) -> bool:
    if isinstance(frame, Round):
        with (_homes() / ASKED).open("a", encoding="utf-8") as file:
            file.write(f"{job_id} {frame.number} {time.time()}\n")
    return _send(hub, job_id, site, frame)


if __name__ == "__main__":
    padding.ends_at = _ends
    LeadHub.send = _sent  # type: ignore[method-assign]
    main()
