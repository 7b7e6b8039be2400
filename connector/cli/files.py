"""Files that commands read and write for the operator.

Rule: what is wrong is said in the language of the command, `en` or `fr`.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from connector.errors import ConfigurationInvalid, WorldFault


def said(english: str, french: str, lang: str) -> str:
    """Return a text in a language, `en` or `fr`."""
    return french if lang == "fr" else english


def read_object(file: Path, lang: str = "en") -> dict[str, Any]:
    """Read a JSON object, or a TOML table when the file's name ends in `.toml`.

    A member that stands there twice is refused (RFC 8259, section 4, leaves it undefined): terms
    would lose one of the two, and nobody would notice.

    Raises:
        ConfigurationInvalid: the file cannot be read or holds something else.
    """
    try:
        text = file.read_text(encoding="utf-8")
        value = tomllib.loads(text) if file.suffix == ".toml" else _json(text)
        _check_sendable(file, value, lang)
    except OSError as exc:
        raise _unread(file, exc.strerror, lang) from exc
    except RecursionError as exc:
        raise _wrong(file, "is nested too deep", "est trop imbriqué", lang) from exc
    except ValueError as exc:
        form, why = "TOML" if file.suffix == ".toml" else "JSON", detail(exc, lang)
        raise _wrong(file, f"is not {form}: {why}", f"n'est pas du {form} : {why}", lang) from exc
    if not isinstance(value, dict):
        raise _wrong(file, "does not hold a JSON object", "ne contient pas un objet JSON", lang)
    return value


def read_lines(file: Path) -> list[str]:
    """Read the lines of a text file that are not blank; of the input where the file is `-`.

    Raises:
        ConfigurationInvalid: the file cannot be read, or is not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as exc:
        raise _unread(file, exc.strerror, "en") from exc
    except UnicodeDecodeError:  # not chained: it holds the text
        raise ConfigurationInvalid(f"`{file}` is not UTF-8") from None
    return [line for line in text.splitlines() if line.strip()]


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"`{name}` stands there twice", f"`{name}` y figure deux fois")
        found[name] = value
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"`{text}` is no number", f"`{text}` n'est pas un nombre")


def detail(exc: Exception, lang: str) -> str:
    """Return what is wrong in a text; where Python says it in English only, the line."""
    if len(exc.args) == 2:  # noqa: PLR2004 - it is said in two languages
        english, french = exc.args
        return said(english, french, lang)
    line = re.search(r"line (\d+)", str(exc))
    return said(str(exc), f"ligne {line[1]}" if line else "mal formé", lang)


def _check_sendable(file: Path, value: Any, lang: str) -> None:
    """Refuse what JSON in UTF-8 cannot carry, although the file's own form can hold it."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except TypeError as exc:
        why = "holds a date or time; write it as text", "contient une date ; écrivez-la en texte"
        raise _wrong(file, *why, lang) from exc
    except UnicodeEncodeError as exc:
        why = "holds half of a character", "contient la moitié d'un caractère"
        raise _wrong(file, *why, lang) from exc
    except ValueError as exc:
        why = "holds a number without a finite value", "contient un nombre sans valeur finie"
        raise _wrong(file, *why, lang) from exc


def _wrong(file: Path, english: str, french: str, lang: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(f"`{file}` {said(english, french, lang)}")


def _unread(file: Path, why: str | None, lang: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(
        said(f"cannot read `{file}`: {why}", f"`{file}` ne peut pas être lu : {why}", lang)
    )


def read_bytes(file: Path, lang: str = "en") -> bytes:
    """Read a whole file.

    Raises:
        ConfigurationInvalid: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as exc:
        raise _unread(file, exc.strerror, lang) from exc
    except ValueError as exc:  # a name that no file can have
        raise _unread(file, str(exc), lang) from exc


def check_new(*files: Path) -> None:
    """Stop before anything is asked for that could not be written.

    Raises:
        WorldFault: a file exists, or its folder does not.
    """
    for file in files:
        if file.exists():
            raise _exists(file)
        if not file.parent.is_dir():
            raise WorldFault(f"cannot write `{file}`: there is no folder `{file.parent}`")


def write_new(file: Path, content: bytes, lang: str = "en") -> None:
    """Write a file that is not there yet.

    Raises:
        WorldFault: it exists, or cannot be written.
    """
    try:
        with file.open("xb") as out:
            out.write(content)
    except FileExistsError as exc:
        raise _exists(file, lang) from exc
    except OSError as exc:
        begun = said(f"cannot write `{file}`:", f"`{file}` ne peut pas être écrit :", lang)
        raise WorldFault(f"{begun} {exc.strerror}") from exc


@contextmanager
def written(file: Path) -> Iterator[BinaryIO]:
    """Open a file that is not there yet; it gets its name when all was written, else it is gone.

    Raises:
        WorldFault: it exists, or cannot be written.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("xb") as out:
            part.chmod(0o600)  # it may hold rows
            yield out
        os.link(part, file)  # unlike a rename, it replaces nothing
    except FileExistsError as exc:
        raise _exists(file) from exc
    except OSError as exc:
        raise WorldFault(f"cannot write `{file}`: {exc.strerror}") from exc
    finally:
        part.unlink(missing_ok=True)


def _exists(file: Path, lang: str = "en") -> WorldFault:
    return WorldFault(
        f"`{file}` {said('exists and is not overwritten', 'existe et reste tel quel', lang)}",
        hint=said("choose another name with --out", "choisissez un autre nom avec --out", lang),
    )
