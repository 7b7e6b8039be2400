"""Fixtures that several folders of tests share."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import chromium
import pytest
from hypothesis import HealthCheck, settings

from tests.support import prefork

if TYPE_CHECKING:
    from tests.support.database import PostgresServer

# The same examples in each run, however slow the machine: `make test` says the same for the same
# code. `HYPOTHESIS_PROFILE=search make test` draws new ones.
_ALWAYS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("steady", derandomize=True, **_ALWAYS)
settings.register_profile("search", **_ALWAYS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


# A file system in memory, and the bytes that it must have free, to hold the files of tests.
_MEMORY, _ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108 - each test gets a folder of its own there


# Seconds for which threads are looked at when all tests are over, and nanoseconds of work in them.
_LOOK, _BUSY = 0.5, 25_000_000

# Long tests: who begins one at the end of a run keeps all others waiting.
_FIRST = ("end_to_end", "properties")


def pytest_configure() -> None:
    """Let databases wait for no disk, and start what forks processes, once for all workers.

    Thousands of small databases commit, and are thrown away.
    """
    os.environ["LC_ALL"] = "C.UTF-8"  # commands speak the language of the locale
    _keep_files_in_memory()
    prefork.begin()


def _keep_files_in_memory() -> None:
    if "TMPDIR" in os.environ or not _MEMORY.is_dir():
        return
    found = os.statvfs(_MEMORY)  # tests also execute files that they wrote
    if found.f_bavail * found.f_frsize > _ROOM and not found.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)  # also of processes that tests start


class _Listed(pytest.Dir):
    """A folder that is looked through once, however many of its files are named."""

    _found: list[pytest.Item | pytest.Collector] | None = None

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        if self._found is None:
            self._found = list(super().collect())
        return self._found


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a folder; a package is left to others."""
    package = (path / "__init__.py").is_file()
    return None if package else _Listed.from_parent(parent, path=path)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no cycles among the most of a million objects that tests are made of: all stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long tests first, and leave out those whose files or programs are not there."""
    items.sort(key=lambda item: not set(_FIRST).intersection(item.path.parts))
    if not os.environ.get("PREAU_REFERENCE"):
        _leave_out("reference", "PREAU_REFERENCE is not set", config, items)
    if chromium.program() is None:
        why = f"Debian's package {chromium.PROGRAMS[0]} is not installed"
        _leave_out("browser", why, config, items)


def _leave_out(mark: str, why: str, config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.get_closest_marker(mark) is not None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.get_closest_marker(mark) is None]
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"{why}: {len(left_out)} tests left out")


@pytest.fixture(scope="session", autouse=True)
def _no_thread_left_at_work() -> Iterator[None]:
    """A loop without an end in a thread of a test slows all tests after it, and fails none."""
    yield
    before = _worked()
    time.sleep(_LOOK)
    busy = [each.name for each, now in _worked().items() if now - before.get(each, now) > _BUSY]
    assert not busy, f"threads that tests have left still work: {busy}"


def _worked() -> dict[threading.Thread, int]:
    """Return the nanoseconds of CPU time of each thread but this one."""
    found = {}
    for each in threading.enumerate():
        file = Path(f"/proc/self/task/{each.native_id}/schedstat")
        if each is not threading.current_thread() and file.exists():
            with suppress(OSError):  # it has ended
                found[each] = int(file.read_text().split()[0])
    return found


@pytest.fixture(scope="session", autouse=True)
def _databases_made_once() -> Iterator[None]:
    if "sqlalchemy" not in sys.modules:  # nothing that was collected opens a database
        yield
        return
    from tests.support import database  # noqa: PLC0415 - not without need: a second

    with pytest.MonkeyPatch.context() as patch, database.copied_schema():
        database.compile_once(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _children_forked() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("federated.child.Popen", prefork.child)
        yield


@pytest.fixture
def whole_children() -> Iterator[None]:
    """Let the node's part that is tested start whole interpreters as children."""
    with prefork.whole():
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole session, started when a test first asks."""
    from tests.support.database import PostgresServer  # noqa: PLC0415 - as above

    server = PostgresServer()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    url = postgres_server.create()
    yield url
    postgres_server.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, migrated database; a test that uses it runs once on each kind."""
    from tests.support.database import sqlite_url  # noqa: PLC0415 - as above

    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return str(request.getfixturevalue("postgres_url"))
