"""fl.Format."""

import pickle

import pytest

import flowlogs as fl

# Factories


def test_the_known_formats_have_their_fields():  # CONTRACT F1, F2
    assert len(fl.Format.default()) == 14
    assert len(fl.Format.transit_gateway()) == 36
    assert len(fl.Format.all()) == 54
    assert fl.Format.default().fields[:4] == ["version", "account-id", "interface-id", "srcaddr"]


@pytest.mark.parametrize(
    "text",
    [
        "${version} ${pkt-srcaddr} ${bytes}",
        "$${version} $${pkt-srcaddr} $${bytes}",
        "version pkt-srcaddr bytes",
        "version,pkt_srcaddr,bytes",
    ],
)
def test_a_format_is_read_in_every_notation(text):  # CONTRACT F1
    format = fl.Format.parse(text)
    assert format.fields == ["version", "pkt-srcaddr", "bytes"]
    assert format.columns == ["version", "pkt_srcaddr", "bytes"]


@pytest.mark.parametrize(
    "text, told",
    [
        ("${version} ${version}", "twice"),
        ("version pkt-srcaddr pkt_srcaddr", "twice"),
        ("", "no field"),
        ("${version", "${version}"),
        ("${versoin}", "version"),
        ("nosuch", "nosuch"),
    ],
)
def test_a_broken_format_is_a_format_error_with_the_token(text, told):  # CONTRACT F1, P4
    with pytest.raises(fl.FormatError, match=told.replace("$", r"\$")) as caught:
        fl.Format.parse(text)
    assert isinstance(caught.value, (fl.Error, ValueError))


def test_unknown_names_are_kept():  # CONTRACT F1
    assert fl.Format.parse("version brand-new").columns == ["version", "brand_new"]


def test_a_header_tells_a_format():  # CONTRACT F2
    assert fl.Format.from_header(fl.Format.default().header) == fl.Format.default()
    assert fl.Format.from_header(b"version srcaddr bytes\r\n").fields == ["version", "srcaddr", "bytes"]
    comma = fl.Format.from_header("version,srcaddr,bytes")
    assert (comma.separator, comma.header) == (",", "version,srcaddr,bytes")
    with pytest.raises(fl.FormatError, match="not a header"):
        fl.Format.from_header("2 123456789012 eni-0a")


# Operators


def test_formats_compare_and_hash_by_their_fields():
    parsed = fl.Format.parse(str(fl.Format.default()))
    assert parsed == fl.Format.default() and hash(parsed) == hash(fl.Format.default())
    assert parsed != fl.Format.all() and parsed != "version"
    assert fl.Format.from_header("version,srcaddr") != fl.Format.parse("version srcaddr")
    assert len({parsed, fl.Format.default(), fl.Format.all()}) == 2


def test_membership_takes_hyphens_and_underscores():
    assert "log-status" in fl.Format.default() and "log_status" in fl.Format.default()
    assert "vpc-id" not in fl.Format.default() and 3 not in fl.Format.default()
    assert list(fl.Format.parse("version srcaddr")) == ["version", "srcaddr"]


def test_formats_survive_pickling():
    for format in (fl.Format.default(), fl.Format.parse("version brand-new"), fl.Format.from_header("version,srcaddr")):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(format, protocol)) == format


# String representation


def test_str_is_what_aws_takes():
    assert str(fl.Format.parse("version pkt_srcaddr")) == "${version} ${pkt-srcaddr}"
    assert repr(fl.Format.default()) == "Format.default()"
    assert repr(fl.Format.parse("version srcaddr")) == "Format.parse('version srcaddr')"
