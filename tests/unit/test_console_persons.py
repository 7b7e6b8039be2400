"""Persons who objected, in the console: counted, never named."""

from __future__ import annotations

from pathlib import Path

from connector.services.publication import publish
from tests.support.console import browsers, text_of
from tests.support.forms import sent
from tests.support.link import description, link

NAME = "<script>1</script>"


def test_persons_are_put_on_a_list_and_taken_off_without_being_named(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        ports = pair.school.ports
        publish.publish(ports, description(pair.folder))
        with browsers(ports, "steward", "author") as (steward, author):
            assert author.get("/persons").status_code == 403
            assert author.do("/persons/suppress", register="x", names="1").status_code == 403
            shown = steward.get("/persons")
            assert "Pupils of the north (urn:" in text_of(shown)
            empty = sent(steward, shown, "/persons/suppress", names=" \n")
            assert empty.status_code == 400
            listed = sent(steward, shown, "/persons/suppress", names=f"1\r\n{NAME}\r\n")
            assert listed.status_code == 200, text_of(listed)
            assert " 2 1 " in text_of(listed)
            assert "<script>" not in listed.text
            assert "alert" not in text_of(listed)
            freed = sent(steward, listed, "/persons/restore", names="1")
            assert " 1 0 " in text_of(freed)
        with ports.store.read() as tx:
            log = [each for each in tx.audit.entries() if each.kind.startswith("persons.")]
        assert len(log) == 2
        assert all(b'"account"' in each.event and b"script" not in each.event for each in log)
