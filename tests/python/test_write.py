"""Format.write(): write -> parse -> equal, and what it refuses.

FLOWLOGS_WRITE_CASES=100000 runs more random cases than the 10,000 of `make test`; FLOWLOGS_RANDOM=1 makes them other ones each time.
"""

import ipaddress
import os
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowlogs as fl

CASES = int(os.environ.get("FLOWLOGS_WRITE_CASES", "10000"))
FIELDS = {field["name"]: field for field in fl.fields()}
TAGS = [name for name in FIELDS if "-tag" in name and name != "resource-type"]
TIMES = ("start", "end")
ADDRESSES = ("srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr")
LINE = "2 123456789010 eni-1235b8ca 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK"

# ---- Random formats and values --------------------------------------------------------------------------------------

# Text of a value: no blank, no line end, not "-" alone. A comma, a quote, a percent sign, a name are text like any other.
text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters=" \t\r\n"), min_size=1, max_size=8) | st.sampled_from(
    ["srcaddr", "action", "a,b", '"', '""', "%41", "%", "\u2028", "\x85", "007", "-1", "--", "\ufeff", "é", "\0"]
)
address = st.integers(0, 2**32 - 1).map(lambda n: str(ipaddress.IPv4Address(n))) | st.integers(0, 2**128 - 1).filter(
    lambda n: n >> 32 != 0xFFFF
).map(lambda n: str(ipaddress.IPv6Address(n)))  # fmt: skip
# Of every type: present values; None is missing.
VALUES = {
    "int32": st.none() | st.integers(0, 2**31 - 1),
    "int64": st.none() | st.integers(0, 2**63 - 1),
    "time": st.none() | st.integers(0, 10**11 - 1),
    "address": st.none() | address,
    "text": st.none() | text.filter(lambda t: t != "-"),
    "tag": st.none() | text | st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=8) | st.just("-"),
}


def kind_of(name):
    if name not in FIELDS:
        return "text"
    if name in TAGS:
        return "tag"
    return "time" if name in TIMES else "address" if name in ADDRESSES else FIELDS[name]["type"]


names = st.lists(
    st.sampled_from([*FIELDS, "my-own", "x.y", "Zone_7"]), min_size=1, max_size=8, unique=True
).filter(lambda chosen: any(name in FIELDS for name in chosen))  # fmt: skip


@st.composite
def case(draw):
    chosen = draw(names)
    return chosen, draw(st.integers(0, 7)), [draw(VALUES[kind_of(name)]) for name in chosen]


def format_of(chosen, shape):
    """The format as one of blanks, or, if shape is 0 and its header can tell, of commas."""
    format = fl.Format.parse(" ".join(chosen))
    if shape == 0 and len(chosen) > 1:
        try:
            return fl.Format.from_header(",".join(chosen))
        except fl.FormatError:
            pass
    return format


PIECES = "a Z 9 - _ . , \" % %41 %zz srcaddr action é 検 \U0001f600 \x85 \u2028 \0 \x7f -1 007".split(" ")
SIZES = {"int32": 31, "int64": 63, "time": 36}


def random_value(kind, dice):
    """What VALUES draws, but fast."""
    if dice.random() < 0.15:
        return None
    if kind in SIZES:
        return dice.getrandbits(dice.randrange(SIZES[kind] + 1))
    if kind == "address":
        if dice.random() < 0.5:
            return str(ipaddress.IPv4Address(dice.getrandbits(32)))
        groups = [dice.choice([0, 0, dice.getrandbits(16)]) for _ in range(8)]
        number = int.from_bytes(b"".join(group.to_bytes(2, "big") for group in groups), "big")
        return str(ipaddress.IPv6Address(number if number >> 32 != 0xFFFF else 0))
    value = "".join(dice.choices([*PIECES, " ", "\n", "\r", "\t"] if kind == "tag" else PIECES, k=dice.randint(1, 3)))
    return value if kind == "tag" or value != "-" else "--"


def test_what_is_written_reads_back_equal():
    first = random.SystemRandom().getrandbits(63) if "FLOWLOGS_RANDOM" in os.environ else 0
    for seed in range(first, first + CASES):
        dice = random.Random(seed)
        known = dice.sample(list(FIELDS), dice.choice([1, 1, 2, 3, 5, 8, 14, 30]))
        chosen = known + dice.sample(["my-own", "x.y", "Zone_7"], dice.choice([0, 0, 0, 1, 3]))
        dice.shuffle(chosen)
        try:
            check(chosen, dice.randrange(8), [random_value(kind_of(name), dice) for name in chosen])
        except BaseException as error:
            raise AssertionError(f"case {seed}") from error


# The same with values of any character, and smallest examples.
@settings(max_examples=CASES // 20)
@given(case())
def test_any_text_that_is_written_reads_back_equal(case):
    check(*case)


def check(chosen, shape, values):
    format = format_of(chosen, shape)
    key = [name.replace("-", "_") if shape & 2 else name for name in chosen]
    try:
        line = format.write(dict(zip(key, values)))
    except fl.ArgumentError as error:
        # Nothing else may be refused.
        mark = "byte order mark" in str(error) and values[0].startswith("\ufeff")
        comma = format.separator == "," and any("," in str(value) for value in values)
        header = "header" in str(error) and not any(name in TAGS for name in chosen[1:])
        assert comma or header or mark, error
        return
    record = fl.parse(line, format)
    assert list(record.values()) == values
    # And from the record, in its own format and behind another one.
    assert fl.parse(format.write(record), format) == record
    wide = fl.Format.parse(" ".join(["interface-id", *reversed(chosen)] if "interface-id" not in chosen else chosen))
    assert fl.parse(wide.write(record), wide).to_dict().items() >= record.to_dict().items()
    if shape == 1:
        scanned = list(fl.scan((line + "\n").encode("utf-8"), format=format, threads=1).records())
        # A file of one known name is a header, and one that begins like JSON is taken for JSON, whatever its format is.
        if not (len(chosen) == 1 and line in FIELDS) and not re.match(r"\s*(\{|\[\s*[\[{\"])", line):
            assert [list(r.values()) for r in scanned] == [values]


# ---- By hand --------------------------------------------------------------------------------------------------------


def test_a_record_gives_back_its_line():
    record = fl.parse(LINE)
    assert record.format.write(record) == LINE
    assert record.format.write(record.to_dict()) == LINE


def test_a_record_is_written_in_another_format():
    record = fl.parse(LINE)
    assert fl.Format.parse("${dstport} ${vpc-id} ${action}").write(record) == "3389 - REJECT"
    assert fl.Format.all().write(record) == LINE + " -" * 40


def test_a_mapping_may_lack_fields_and_may_have_others():
    format = fl.Format.parse("srcaddr bytes")
    assert format.write({}) == "- -"
    assert format.write({"pkt_srcaddr": "10.0.0.1", "bytes": 0}) == "- 0"
    assert format.write({"srcaddr": "::FFFF:10.0.0.1", "bytes": "007"}) == "10.0.0.1 007"
    assert format.write({"srcaddr": "-", "bytes": None}) == "- -"


def test_tags_are_encoded_as_aws_does():
    format = fl.Format.parse("instance-tag asg-tag interface-tag")
    assert format.write({"instance-tag": "team a", "asg_tag": "-", "interface_tag": "café\n"}) == "team%20a %2D caf%C3%A9%0A"


def test_a_tag_that_is_a_field_name_makes_no_header():
    format = fl.Format.parse("instance-tag vpc-id")
    line = format.write({"instance-tag": "srcaddr", "vpc-id": "region"})
    assert line == "%73rcaddr region"
    assert fl.parse(line, format).instance_tag == "srcaddr"


def test_exports_keep_their_time():
    record = fl.parse("2026-09-01T00:00:05.000Z " + LINE)
    assert record.format.leading_time
    assert record.format.write(record) == "2026-09-01T00:00:05.000Z " + LINE
    assert fl.Format.default().write(record) == LINE
    assert record.format.write(fl.parse(LINE)) == "2014-12-14T04:06:50.000Z " + LINE


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("account-id", "a b", "account-id: a blank in 'a b'"),
        ("account-id", "a\tb", "account-id: a blank"),
        ("vpc-id", "a\n", "vpc-id: a line end"),
        ("vpc-id", "\ra", "vpc-id: a line end"),
        ("version", "\ufeff2", "version: not a number"),
        ("vpc-id", "", "vpc-id: a value that would be read as missing"),
        ("instance-tag", "", "instance-tag: a value that would be read as missing"),
        ("srcaddr", "10.0.0.256", "srcaddr: not an IPv4 or IPv6 address, '10.0.0.256'"),
        ("srcaddr", "10.0.0.1/8", "srcaddr: not an IPv4"),
        ("srcport", 2**31, "srcport: over the range of int32, '2147483648'"),
        ("bytes", 2**63, "bytes: over the range of int64"),
        ("bytes", -1, "bytes: a negative number, '-1'"),
        ("bytes", "-1", "bytes: not a number of its range, '-1'"),
        ("bytes", "1_0", "bytes: not a number"),
        ("start", 10**11, "start: seconds from 10^11 are read as milliseconds"),
        ("sourceaddr", "10.0.0.1", "write: 'sourceaddr' is no field; did you mean srcaddr?"),
    ],
)
def test_faults_name_the_field(name, value, message):
    format = fl.Format.parse("version srcaddr srcport bytes start account-id vpc-id instance-tag")
    with pytest.raises(fl.ArgumentError) as raised:
        format.write({name: value})
    assert str(raised.value).startswith(message)


def test_a_field_given_twice_is_a_fault():
    with pytest.raises(fl.ArgumentError, match="pkt-srcaddr is given twice"):
        fl.Format.parse("version pkt-srcaddr").write({"pkt-srcaddr": "10.0.0.1", "pkt_srcaddr": "10.0.0.2"})


@pytest.mark.parametrize("value", [1.5, True, b"x", ["x"]])
def test_other_types_are_type_errors(value):
    with pytest.raises(TypeError, match="vpc-id|bytes"):
        fl.Format.parse("bytes vpc-id").write({"bytes": value})


def test_an_int_is_no_text():
    with pytest.raises(TypeError, match="account-id: a str is needed, not an int; leading zeros"):
        fl.Format.default().write({"account-id": 12345678901})


def test_write_takes_a_record_or_a_mapping():
    for wrong in (LINE, None, [("srcaddr", "10.0.0.1")]):
        with pytest.raises(TypeError, match="a Record or a mapping"):
            fl.Format.default().write(wrong)


def test_a_comma_in_a_comma_file():
    format = fl.Format.from_header("account-id,instance-tag")
    assert format.write({"account_id": "1", "instance_tag": "a,b"}) == "1,a%2Cb"
    with pytest.raises(fl.ArgumentError, match="account-id: a comma"):
        format.write({"account_id": "1,2"})
