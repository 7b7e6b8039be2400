"""Files of declared hierarchies: what they say, and what is none."""

from __future__ import annotations

import pytest

from connector.domain.catalog import hierarchy, territory
from connector.errors import DataFileUnreadable
from tests.support.each import over

TEXT = "code,epci,zone\n35238,243500139,west\n35210,243500139,west\n22278,200065928,west\n"
# Fault -> what is put in place of what.
FAULTS = {
    "must begin with a header": ("code,epci", "commune,epci"),
    "levels, smallest first": ("epci,zone", "epci,epci"),
    "in lower case": ("epci,zone", "EPCI,zone"),
    "line 3 that is not a code with its 2 units": ("35210,243500139,west", "35210,243500139"),
    "line 4 that is not a code": ("200065928", ""),
    "line 2 that is not a code": ("35238", '"35238"'),
    "in line 3 the code `35238` a second time": ("35210", "35238"),
    "`243500139` of level `epci` into two": ("35210,243500139,west", "35210,243500139,east"),
}


def test_a_file_says_the_units_of_each_code_and_the_size_of_each_level() -> None:
    for data in (TEXT.encode(), TEXT.encode("utf-8-sig"), TEXT.replace("\n", "\r\n").encode()):
        units = hierarchy.read(data)
        assert units["epci"]["35210"] == "243500139"
        codes, (groups, zones) = hierarchy.described(units)
        assert (codes, groups.name, groups.units) == (3, "epci", ("200065928", "243500139"))
        assert (zones.count, zones.units) == (1, ("west",))
    many = "code,box\n" + "".join(f"c{n},b{n}\n" for n in range(hierarchy.MOST_LISTED + 1))
    _, (boxes,) = hierarchy.described(hierarchy.read(many.encode()))
    assert (boxes.count, boxes.units) == (hierarchy.MOST_LISTED + 1, ())


@over("fault", FAULTS)
def test_what_is_no_hierarchy_is_refused_by_its_line(fault: str) -> None:
    before, after = FAULTS[fault]
    with pytest.raises(DataFileUnreadable, match=fault):
        hierarchy.read(TEXT.replace(before, after, 1).encode())


@pytest.mark.parametrize("data", [b"", b"code,epci\n", TEXT.encode() + b"\xe9,1,west\n"])
def test_a_file_without_codes_or_of_another_encoding_is_refused(data: bytes) -> None:
    with pytest.raises(DataFileUnreadable):
        hierarchy.read(data)


def test_the_first_signs_of_a_code_tell_its_departement() -> None:
    told = {
        "uai": {"035": "35", "620": "2A", "720": "2B", "971": "971", "001": "01"},
        "commune": {"352": "35", "2A0": "2A", "976": "976", "751": "75"},
        "departement": {"2B": "2B", "01": "01"},
    }
    for kind, known in told.items():
        keys = territory.OF_CODES[kind].keys
        assert {key: keys[key] for key in known} == known
        assert set(keys.values()) == set(territory.units("departement"))
    assert not {"096", "2A0", "978"} & set(territory.OF_CODES["uai"].keys)
    assert not {"200", "20A", "750 "} & set(territory.OF_CODES["commune"].keys)
