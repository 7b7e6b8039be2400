"""Files that commands read and write for the operator."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from connector.errors import ConfigurationInvalid, WorldFault


def read_object(file: Path) -> dict[str, Any]:
    """Read a JSON object, or a TOML table when the file's name ends in `.toml`.

    A member that stands there twice is refused (RFC 8259, section 4, leaves it undefined): terms
    would lose one of the two, and nobody would notice.

    Raises:
        ConfigurationInvalid: the file cannot be read or holds something else.
    """
    try:
        text = file.read_text(encoding="utf-8")
        value = tomllib.loads(text) if file.suffix == ".toml" else _json(text)
        _check_sendable(file, value)
    except OSError as exc:
        raise _unread(file, exc.strerror) from exc
    except RecursionError as exc:
        raise ConfigurationInvalid(f"`{file}` is nested too deeply") from exc
    except ValueError as exc:
        form = "TOML" if file.suffix == ".toml" else "JSON"
        raise ConfigurationInvalid(f"`{file}` is not {form}: {exc}") from exc
    if not isinstance(value, dict):
        raise ConfigurationInvalid(f"`{file}` does not hold a JSON object")
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
        raise _unread(file, exc.strerror) from exc
    except UnicodeDecodeError:  # not chained: it holds the text
        raise ConfigurationInvalid(f"`{file}` is not UTF-8") from None
    return [line for line in text.splitlines() if line.strip()]


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"`{name}` occurs twice in it")
        found[name] = value
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"`{text}` is not a number")


def _check_sendable(file: Path, value: Any) -> None:
    """Refuse what JSON in UTF-8 cannot carry, although the file's own form can hold it."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except TypeError as exc:
        raise ConfigurationInvalid(f"`{file}` holds a date or time; write it as text") from exc
    except UnicodeEncodeError as exc:
        raise ConfigurationInvalid(f"`{file}` holds an unpaired surrogate") from exc
    except ValueError as exc:
        raise ConfigurationInvalid(f"`{file}` holds a number without a finite value") from exc


def _unread(file: Path, why: str | None) -> ConfigurationInvalid:
    return ConfigurationInvalid(f"cannot read `{file}`: {why}")


def read_bytes(file: Path) -> bytes:
    """Read a whole file.

    Raises:
        ConfigurationInvalid: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as exc:
        raise _unread(file, exc.strerror) from exc
    except ValueError as exc:  # a name that no file can have
        raise _unread(file, str(exc)) from exc


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


def write_new(file: Path, content: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        WorldFault: it exists, or cannot be written.
    """
    try:
        with file.open("xb") as out:
            out.write(content)
    except FileExistsError as exc:
        raise _exists(file) from exc
    except OSError as exc:
        raise WorldFault(f"cannot write `{file}`: {exc.strerror}") from exc


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


def _exists(file: Path) -> WorldFault:
    return WorldFault(
        f"`{file}` exists and is not overwritten", hint="choose another name with --out"
    )
