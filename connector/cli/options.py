"""Options that several commands share.

Rule: `--home` may also be given as PREAU_HOME; `--json` is noted in the context, so that errors
are printed in the form that was asked for.
"""

from pathlib import Path
from typing import Annotated

import typer

JSON_ASKED = "preau.json"


def _note_json(ctx: typer.Context, value: bool) -> bool:
    if value:
        ctx.meta[JSON_ASKED] = True
    return value


Home = Annotated[
    Path,
    typer.Option(
        "--home", envvar="PREAU_HOME", help="Folder of the node.", show_default="preau-home"
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print JSON instead of text.", callback=_note_json, is_eager=True),
]
DEFAULT_HOME = Path("preau-home")

Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="Maximum number of entries.")]
After = Annotated[
    str,
    typer.Option(
        "--after", metavar="PLACE", help="Continue where an earlier list ended, as it said."
    ),
]
PAGE = 100
