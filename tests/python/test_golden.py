"""Every golden case (tests/golden, read by tests/parse/golden_test.cc as well) through every Python way of reading.

The .json files are the authority: what a case gives by the contract. "f2-..." is a case of CONTRACT F2.
"""

import json
import pathlib
import sys

import pytest

import flowlogs as fl

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import reference  # noqa: E402  (tests/reference.py, the oracle)

CASES = sorted(path.stem for path in (TESTS / "golden").glob("*.json"))
WAYS = [dict(threads=threads, block_bytes=block) for threads in (1, 2, 7) for block in (1, 7, 64, 4096)]


class Case:
    def __init__(self, name):
        self.log = (TESTS / "golden" / (name + ".log")).read_bytes()
        expected = json.loads((TESTS / "golden" / (name + ".json")).read_text(encoding="utf-8"))
        self.format = expected["input"].get("format")
        self.error = expected.get("error")
        self.records = expected.get("records")
        self.stats = expected.get("stats")

    def scan(self, **options):
        return fl.scan(self.log, format=self.format, **options)

    def result(self):
        return reference.read(self.log, reference.parse_format(self.format) if self.format else None)


@pytest.fixture(params=CASES)
def case(request):
    return Case(request.param)


def stats_of(stats, expected):
    """The part of a Stats that golden files hold, after a look at CONTRACT F9."""
    found = stats.to_dict()
    assert found["lines"] == found["records"] + found["headers"] + found["blank"] + sum(found["problems"].values())
    return {key: found[key] for key in expected}


def without_bad_values(stats):
    return {key: value for key, value in stats.items() if key != "bad_values"}


def test_the_oracle_agrees_with_the_golden_files(case):
    if case.error:
        with pytest.raises(reference.InputError):
            case.result()
        return
    result = case.result()
    assert [list(record.to_dict().items()) for record in result.records] == [list(r.items()) for r in case.records]
    assert result.stats == case.stats


def test_records_are_those_of_the_case_in_order_with_keys_in_order(case):
    if case.error:
        with pytest.raises(fl.InputError, match=case.error):
            list(case.scan().records())
        return
    for way in WAYS:
        records = case.scan(**way).records()
        assert [list(record.to_dict().items()) for record in records] == [list(r.items()) for r in case.records], way
        expected = without_bad_values(case.stats)
        assert stats_of(records.stats, expected) == expected, way


def test_records_know_their_lines(case):
    if case.error:
        return
    expected = [(event.line, event.text) for event in case.result().events if event.record is not None]
    found = [(record.line_number, record.line) for record in case.scan(block_bytes=64).records()]
    assert found == [(number, reference.to_text(text)) for number, text in expected]


def test_check_gives_the_stats_of_the_case(case):
    if case.error:
        with pytest.raises(fl.InputError, match=case.error):
            case.scan().check()
        return
    first = None
    for way in WAYS:
        stats = case.scan(**way).check()
        assert stats_of(stats, case.stats) == case.stats, way
        first = first or stats.to_dict()
        assert stats.to_dict() == first, way  # samples too: CONTRACT F10


def test_a_table_of_every_column_has_the_rows_of_the_case(case):
    # CONTRACT L12: the columns are those of the first format; a record that lacks one has null there.
    if case.error:
        with pytest.raises(fl.InputError, match=case.error):
            case.scan().collect()
        return
    first_format = case.result().first_format
    columns = first_format.columns() if first_format else []
    for way in WAYS:
        table = case.scan(**way).collect()
        assert [list(row) for row in table.to_dicts()] == [columns] * len(case.records)
        assert table.to_dicts() == [{name: record.get(name) for name in columns} for record in case.records], way
        expected = without_bad_values(case.stats)
        assert stats_of(table.stats, expected) == expected, way


def test_parse_reads_each_line_alone(case):
    # CONTRACT P3: parse() checks every value; a line with a bad one, or that is no record, is a ParseError.
    if case.error:
        return
    result = case.result()
    leading_time = any(record.format.leading_time for record in result.records)
    header = None
    for event in result.events:
        if event.kind == "header":
            header = event.text
            continue
        format = fl.Format.from_header(header) if header else case.format
        record = event.record
        line = event.text + b"\r\n"
        if record is None and (event.kind == "no-format" or leading_time or b"," in line):
            continue  # alone, such a line may well be a record
        if record is not None and leading_time and case.format:
            line = line.split(None, 1)[1]  # the time is the export's, not the format's
        if record is None or record.bad_columns():
            with pytest.raises(fl.ParseError):
                fl.parse(line, format=format)
            continue
        parsed = fl.parse(line, format=format)
        assert list(parsed.to_dict().items()) == list(record.to_dict().items())
        for name, token in zip(record.format.names, record.tokens):
            assert parsed.raw(name) == reference.to_text(token)
