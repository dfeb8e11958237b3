"""fl.parse() and fl.Record."""

import copy
import gc
import pickle
import weakref

import pytest

import flowlogs as fl

NODATA = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"
V5 = "version srcaddr dstaddr pkt-srcaddr tcp-flags protocol traffic-path flow-direction instance-tag brand-new"
V5_LINE = "5 10.0.0.71 2001:DB8:0:0:0:0:0:1 ::ffff:10.0.0.9 19 6 8 egress team%20a%2D x"


# parse()


def test_missing_values_are_none_and_zero_is_not():  # CONTRACT F5, P3
    record = fl.parse(NODATA)
    assert record.to_dict() == {
        "version": 2,
        "account_id": "123456789010",
        "interface_id": "eni-1235b8ca123456789",
        "srcaddr": None,
        "dstaddr": None,
        "srcport": None,
        "dstport": None,
        "protocol": None,
        "packets": None,
        "bytes": None,
        "start": 1431280876,
        "end": 1431280934,
        "action": None,
        "log_status": "NODATA",
    }
    assert fl.parse("0 0", "srcport bytes").to_dict() == {"srcport": 0, "bytes": 0}


def test_values_are_typed_canonical_and_decoded():  # CONTRACT F6, F7, F8, P3
    record = fl.parse(V5_LINE, V5)
    assert record.to_dict() == {
        "version": 5,
        "srcaddr": "10.0.0.71",
        "dstaddr": "2001:db8::1",
        "pkt_srcaddr": "10.0.0.9",
        "tcp_flags": 19,
        "protocol": 6,
        "traffic_path": 8,
        "flow_direction": "egress",
        "instance_tag": "team a-",
        "brand_new": "x",
    }
    assert fl.parse("063605715280 1512564058000", "account-id start").to_dict() == {
        "account_id": "063605715280",
        "start": 1512564058,
    }


def test_a_line_may_be_str_or_bytes_with_any_line_end():
    expected = fl.parse(NODATA)
    for line in (NODATA.encode(), bytearray(NODATA + "\n", "ascii"), memoryview(NODATA.encode()), NODATA + "\r\n"):
        assert fl.parse(line) == expected


def test_the_format_may_be_a_format_a_text_or_a_list():  # CONTRACT F1
    for format in (
        fl.Format.parse("version srcaddr"),
        "${version} ${srcaddr}",
        "version,srcaddr",
        ["version", "srcaddr"],
    ):
        assert fl.parse("5 10.0.0.1", format).srcaddr == "10.0.0.1"
    with pytest.raises(TypeError):
        fl.parse("5 10.0.0.1", 3)
    with pytest.raises(fl.FormatError):
        fl.parse("5 10.0.0.1", "${version")


def test_without_format_the_number_of_values_decides():  # CONTRACT F2
    assert fl.parse(NODATA).format == fl.Format.default()
    gateway = fl.parse(" ".join(["6", "TransitGateway"] + ["-"] * 34))
    assert gateway.format == fl.Format.transit_gateway() and gateway.resource_type == "TransitGateway"
    assert fl.parse("2015-05-10T18:01:16.000Z " + NODATA).to_dict() == fl.parse(NODATA).to_dict()
    with pytest.raises(fl.ParseError, match="13 values.*give the format"):
        fl.parse(NODATA.rpartition(" ")[0])


@pytest.mark.parametrize(
    "name, value",
    [
        ("srcport", "x"),
        ("srcport", "2147483648"),
        ("bytes", "-1"),
        ("bytes", "1_0"),
        ("packets", "0x1"),
        ("packets", "9223372036854775808"),
        ("start", "1e9"),
        ("srcaddr", "10.0.0.256"),
        ("srcaddr", "10.0.0.01"),
        ("dstaddr", "fe80::1%eth0"),
        ("protocol", "tcp"),
    ],
)
def test_a_bad_value_is_a_parse_error_that_names_field_and_value(line, name, value):  # CONTRACT F4, P3
    with pytest.raises(fl.ParseError) as caught:
        fl.parse(line(**{name: value}))
    assert isinstance(caught.value, (fl.Error, ValueError))
    assert str(caught.value).startswith(f"{name}: '{value}' ")
    assert (caught.value.source, caught.value.line) == (None, None)


@pytest.mark.parametrize(
    "text", ["", "  \n", "2 3", "version srcaddr bytes", NODATA + "\n" + NODATA, NODATA + " extra"]
)
def test_what_is_no_record_is_a_parse_error(text):  # CONTRACT F3, P3
    with pytest.raises(fl.ParseError):
        fl.parse(text)


def test_blanks_and_tabs_in_runs_are_accepted():  # CONTRACT F3
    assert fl.parse("  " + NODATA.replace(" ", " \t ") + "\t") == fl.parse(NODATA)


def test_a_line_of_any_bytes_raises_nothing_but_parse_errors():
    for byte in range(256):
        try:
            record = fl.parse(b"2 " + bytes([byte]), "version interface-id")
        except fl.ParseError:
            continue
        assert isinstance(record.interface_id, (str, type(None)))
    assert fl.parse(b"2 \xff\xfe", "version interface-id").interface_id == r"\xff\xfe"


# Record


def test_values_are_read_by_attribute_and_by_name():  # CONTRACT P3
    record = fl.parse(V5_LINE, V5)
    assert record.srcaddr == record["srcaddr"] == "10.0.0.71"
    assert (
        record.pkt_srcaddr == record["pkt-srcaddr"] == record["pkt_srcaddr"] == record.get("pkt-srcaddr") == "10.0.0.9"
    )
    assert record.brand_new == record["brand-new"] == "x"


def test_a_field_that_the_format_lacks_is_none_as_attribute_and_a_key_error_as_item():
    record = fl.parse(NODATA)
    assert record.vpc_id is None
    assert record.get("vpc-id") is None and record.get("vpc-id", "?") == "?"
    assert "vpc-id" not in record and "srcaddr" in record
    with pytest.raises(KeyError, match="has no vpc-id"):
        record["vpc-id"]
    with pytest.raises(KeyError, match="did you mean srcaddr"):
        record["srcadr"]
    with pytest.raises(AttributeError, match="did you mean srcaddr"):
        record.srcadr  # noqa: B018
    with pytest.raises(KeyError):
        record[3]


def test_raw_is_the_text_and_name_the_word():  # CONTRACT P3
    record = fl.parse(V5_LINE, V5)
    assert record.raw("dstaddr") == "2001:DB8:0:0:0:0:0:1" and record.raw("instance-tag") == "team%20a%2D"
    assert fl.parse(NODATA).raw("srcaddr") == "-"
    assert record.name("protocol") == "tcp"
    assert record.name("tcp-flags") == record.name("tcp_flags") == "FIN|SYN|ACK"
    assert fl.parse("18", "tcp-flags").name("tcp-flags") == "SYN|ACK"
    assert fl.parse("0", "tcp-flags").name("tcp-flags") == ""
    assert fl.parse("250", "protocol").name("protocol") is None
    assert record.name("flow-direction") == "egress"
    assert fl.parse(NODATA).name("protocol") is None
    with pytest.raises(KeyError):
        record.name("vpc-id")


def test_a_record_is_a_mapping():
    record = fl.parse("5 10.0.0.1", "version pkt-srcaddr")
    assert list(record) == record.keys() == ["version", "pkt_srcaddr"]
    assert record.values() == [5, "10.0.0.1"] and len(record) == 2
    assert record.items() == [("version", 5), ("pkt_srcaddr", "10.0.0.1")]
    assert dict(record) == {**record} == record.to_dict() == {"version": 5, "pkt_srcaddr": "10.0.0.1"}


def test_a_record_owns_its_line():  # CONTRACT P3
    line = bytearray(NODATA.encode())
    record = fl.parse(line)
    line[:] = b"x" * len(line)
    del line
    gc.collect()
    assert record.line == NODATA and record.interface_id == "eni-1235b8ca123456789"


def test_records_compare_by_format_and_values():
    record = fl.parse(NODATA)
    assert record == fl.parse(NODATA.replace(" ", "  ")) and hash(record) == hash(fl.parse(NODATA + "\n"))
    assert record != fl.parse(NODATA.replace("2 ", "3 ", 1)) and record != NODATA
    assert fl.parse("1 2", "srcport dstport") != fl.parse("1 2", "dstport srcport")


def test_records_can_be_copied_and_pickled():
    record = fl.parse(V5_LINE, V5)
    pickled = [pickle.dumps(record, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for other in (copy.copy(record), copy.deepcopy(record), *map(pickle.loads, pickled)):
        assert other == record and other.format == record.format and other.line == record.line


def test_a_pickled_record_of_a_scan_keeps_its_source_and_line_number(tmp_path):
    path = tmp_path / "flows.log"
    path.write_text(fl.Format.default().header + "\n" + NODATA + "\n")
    (record,) = fl.scan(path).records()
    other = pickle.loads(pickle.dumps(record))
    assert (other.source, other.line_number) == (record.source, record.line_number) == (str(path), 2)


@pytest.mark.parametrize(
    "format, lines",
    [
        ("version srcaddr bytes", ["5 10.0.0.1 7", "5 - 8", "5 2001:DB8::1 9"]),
        ("version srcaddr bytes", ["5 10.0.0.1 7", "5  ::ffff:10.0.0.2\t8", "\t5 10.0.0.3 9 "]),
        ("version srcaddr bytes", ["5 10.0.0.1 7\r", "5 10.0.0.256 x\r"]),
        ("version,srcaddr,bytes", ["5,10.0.0.1,7", '"5", "10.0.0.2" ,8', "5,,9"]),
        ("version", ["5", "-", "6"]),
    ],
)
def test_records_of_a_scan_have_the_values_of_their_lines(format, lines):  # CONTRACT F3, F4, P3
    text = format + "\n" + "".join(line + "\n" for line in lines)
    records = list(fl.scan(text.encode()).records())
    assert [record.line for record in records] == [line.rstrip("\r") for line in lines]
    assert [record.line_number for record in records] == [i + 2 for i in range(len(lines))]
    separator = "," if "," in format else None
    for record, line in zip(records, lines):
        tokens = [token.strip(' "') for token in line.split(separator)]
        tokens[-1] = tokens[-1].rstrip("\r")
        assert [record.raw(name) for name in record] == tokens
        assert record.to_dict() == {name: record[name] for name in record} and record.version == record["version"]


def test_records_of_a_leading_time_and_of_several_formats_have_their_own_values():  # CONTRACT F2, P3
    text = "2015-05-10T18:01:16.000Z " + NODATA + "\n"
    (record,) = fl.scan(text.encode()).records()
    assert record.to_dict() == fl.parse(NODATA).to_dict() and record.line == text.rstrip()
    text = "version srcaddr\n5 10.0.0.1\nbytes srcaddr version\n7 10.0.0.2 6\nsrcaddr version\n10.0.0.3 7\n"
    records = list(fl.scan(text.encode()).records())
    assert [(r.version, r.srcaddr, r.bytes) for r in records] == [
        (5, "10.0.0.1", None),
        (6, "10.0.0.2", 7),
        (7, "10.0.0.3", None),
    ]


def test_a_record_can_be_referred_to_weakly():
    record = fl.parse(NODATA)
    reference = weakref.ref(record)
    assert reference() is record
    del record
    gc.collect()
    assert reference() is None


def test_a_record_cannot_be_changed_made_or_derived_from():
    record = fl.parse(NODATA)
    for change in (lambda: setattr(record, "srcaddr", "1.1.1.1"), lambda: setattr(record, "other", 1)):
        with pytest.raises(AttributeError):
            change()
    for make in (lambda: fl.Record.__new__(fl.Record), lambda: object.__new__(fl.Record)):
        with pytest.raises(TypeError):
            make()
    with pytest.raises(TypeError):
        type("Derived", (fl.Record,), {})


def test_repr_shows_every_value():
    assert repr(fl.parse("- 10.0.0.1", "version srcaddr")) == "Record(version=None, srcaddr='10.0.0.1')"
    assert str(fl.parse("- 10.0.0.1", "version srcaddr")) == "- 10.0.0.1"
