"""Pictures of the console for the manual: `make screenshots`.

They are taken in the demonstration's space, so that they show what the console shows: roles log in
by Chromium, in both languages, and each looks at a page of its own. What is made anew each time,
such as times, identifiers and noise, differs from picture to picture.
"""

from __future__ import annotations

import argparse
import io
import itertools
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import consoles
import contracts
import pupils
import story
from chromium import chromium
from space import Node, Space, space

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "console"
LANGUAGES = ("en", "fr")
SIZE = {"width": 1200, "height": 940}  # pixels
COLOURS = 128
FIRST_PORT = 18_500  # in the DIDs that pictures show
PASSWORD = "the demonstration's own"  # noqa: S105 - of a space that lives for minutes
EVALUATED = {"every": 2}
ROUNDS = 10


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes:
        name: of its files, `NAME.LANGUAGE.png`.
        account: who looks at it.
        above: selector of what stands at its upper edge; empty: the page.
    """

    name: str
    account: str
    above: str = ""

    def file(self, language: str, folder: Path = FOLDER) -> Path:
        """Return where the picture is."""
        return folder / f"{self.name}.{language}.png"


PICTURES = (
    Picture("publish", "steward"),
    Picture("negotiate", "scientist"),
    Picture("decide", "approver"),
    Picture("train", "scientist", "#table-sites"),
    Picture("write", "author"),
    Picture("verify", "auditor"),
)


class Eye:
    """Somebody at a browser."""

    def __init__(self, browser: Any, node: Node, language: str, account: str) -> None:
        context = browser.new_context(locale=language, base_url=node.console, viewport=SIZE)
        self.page = context.new_page()
        self.page.goto("/login")
        self.sends("/login", name=account, password=PASSWORD)
        self.page.wait_for_url("**/")

    def sends(self, action: str, **fields: str) -> None:
        """Fill fields of a form and send it."""
        form = self.page.locator(f"form[action='{action}']").first
        for name, value in fields.items():
            field = form.locator(f"[name='{name}']")
            kind = field.evaluate("each => each.type")
            if kind == "select-one":
                field.select_option(value)
            elif kind == "file":
                field.set_input_files(value)
            else:
                field.fill(value)
        form.locator("button").first.click()

    def picture(self, above: str) -> bytes:
        """Return the page from an element on, as a PNG of few colours."""
        from PIL import Image  # noqa: PLC0415 - comes with matplotlib

        self.page.wait_for_load_state("networkidle")
        top = self.page.locator(above).first.bounding_box()["y"] - 16 if above else 0
        whole = self.page.screenshot(full_page=True)
        shown = Image.open(io.BytesIO(whole)).convert("RGB")
        shown = shown.crop(
            (0, int(top), SIZE["width"], min(int(top) + SIZE["height"], shown.height))
        )
        made = io.BytesIO()
        shown.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(made, "PNG", optimize=True)
        return made.getvalue()


@dataclass(frozen=True)
class Stage:
    """The space as pictures are taken of it.

    Attributes:
        cast: whose nodes.
        job: that was trained.
        offered: negotiation in which a counter-offer waits.
        offer: of the académie that decides.
        key: file with the document of the authority.
    """

    cast: story.Cast
    job: str
    offered: str
    offer: str
    key: Path

    def node(self, account: str) -> Node:
        """Return the node at which an account is visited."""
        decides = self.cast.academies[consoles.DECIDING]
        return self.cast.lab if account == "scientist" else decides

    def show(self, name: str, eye: Eye) -> None:
        """Lead somebody to the page of a picture."""
        page = eye.page
        match name:
            case "publish":
                page.goto(f"/publish/source?place=data/{consoles.FILE}")
            case "negotiate":
                page.goto(f"/negotiation?id={self.offered}")
            case "decide":
                page.locator("main td a").first.click()
            case "train":
                page.goto(f"/job?id={self.job}")
            case "write":
                page.goto(f"/policy?offer={self.offer}")
            case "verify":
                page.goto(f"/contract?id={self.cast.agreements[consoles.DECIDING]}")
                with page.expect_download() as waiting:
                    eye.sends("/evidence/export")
                page.goto("/evidence")
                bundle = str(waiting.value.path())
                eye.sends("/evidence/verify", bundle=bundle, authority=str(self.key))


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Play the demonstration as far as pictures need it, with a job that is evaluated."""
    ports = itertools.count(FIRST_PORT)
    with space(folder / "space", port=lambda: next(ports)) as made:
        cast = story.assemble(made, consoles.SETTINGS)
        story.publish(cast, made, pupils.divide(pupils.load(), seed=0), folder / "data")
        story.negotiate(cast)
        job = trained(cast)
        consoles.leave_waiting(cast, made, folder / "data")
        list(consoles.admit([*cast.academies.values(), cast.lab], PASSWORD))
        yield _stage(cast, made, job, folder / "authority.json")


def trained(cast: story.Cast) -> str:
    """Train with evaluations, within what the contracts allow; return the id of the job."""
    request = contracts.job(list(cast.agreements.values()), rounds=ROUNDS)
    with cast.lab.client() as lab:
        job = lab.await_job(lab.submit({**request, "evaluation": EVALUATED}).id, seconds=600)
    if job.state != "COMPLETED":
        raise SystemExit(f"the job did not complete: {job.code}: {job.reason}")
    return str(job.id)


def _stage(cast: story.Cast, made: Space, job: str, key: Path) -> Stage:
    with made.authority.client() as authority:
        key.write_bytes(authority.document())
    with cast.lab.client() as lab:
        opened = [
            each for each in lab.negotiations() if each.agreement is None or not each.agreement
        ]
        answered = [lab.await_negotiation(each.pid) for each in opened]
    offered = next(each for each in answered if each.state == "OFFERED")
    offer = f"urn:star:{consoles.DECIDING}:offer:{consoles.EPSILON:g}"
    return Stage(cast, job, offered.pid, offer, key)


def take(folder: Path, pictures: Sequence[Picture] = PICTURES) -> Mapping[Path, int]:
    """Take the pictures; return the bytes of each file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="preau-") as home,
        staged(Path(home)) as stage,
        chromium() as browser,
    ):
        for language, picture in itertools.product(LANGUAGES, pictures):
            eye = Eye(browser, stage.node(picture.account), language, picture.account)
            stage.show(picture.name, eye)
            picture.file(language, folder).write_bytes(eye.picture(picture.above))
            eye.page.context.close()
    found = [each.file(language, folder) for each in pictures for language in LANGUAGES]
    return {file: file.stat().st_size for file in found}


def main() -> int:
    """Take the pictures of the manual, or others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder")
    for file, size in take(parser.parse_args().out).items():
        print(f"{file}: {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
