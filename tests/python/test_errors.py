"""What is raised, when, and what it carries (CONTRACT P4, P5)."""

import errno
import gzip

import pytest

import flowlogs as fl


@pytest.fixture
def cut(line, tmp_path):
    """A gzip file that ends in the middle."""
    text = "".join(line(srcport=port) for port in range(20_000)).encode()
    path = tmp_path / "cut.log.gz"
    content = gzip.compress(text)
    path.write_bytes(content[: len(content) // 2])
    return path


def test_the_kinds_of_errors():  # CONTRACT P4
    for kind in (fl.FormatError, fl.ExpressionError, fl.ParseError, fl.ArgumentError):
        assert issubclass(kind, fl.Error) and issubclass(kind, ValueError)
    assert issubclass(fl.InputError, fl.Error) and issubclass(fl.InputError, OSError)
    assert issubclass(fl.LimitError, fl.Error)
    assert fl.Error.__mro__[1] is Exception
    assert {kind.__module__ for kind in (fl.Error, fl.InputError)} == {"flowlogs"}


# Expressions


@pytest.mark.parametrize(
    "expression, column",
    [
        ("dstport 22", 9),
        ("bytes > 5 and dstport = 'x'", 25),
        ("dstport in (22", 15),
        ("", 1),
        ("srcaddr in 10.0.0.1/8", 12),
    ],
)
def test_a_wrong_filter_is_told_at_once_with_its_column(noise, expression, column):  # CONTRACT P4, L1
    with pytest.raises(fl.ExpressionError) as caught:
        fl.scan(noise).filter(expression)
    assert caught.value.column == column
    assert str(caught.value).splitlines()[-1] == " " * (column - 1) + "^"


def test_the_column_counts_characters_not_bytes(noise):
    with pytest.raises(fl.ExpressionError) as caught:
        fl.scan(noise).filter("interface-id = 'äöü€' and dstport 22")
    assert caught.value.column == 35
    assert str(caught.value).splitlines()[-1] == " " * 34 + "^"


def test_wrong_keys_and_aggregates_are_told_at_once(noise):  # CONTRACT P4
    logs = fl.scan(noise)
    for call in (
        lambda: logs.group_by("bin(srcaddr, 5m)"),
        lambda: logs.agg("median(bytes)"),
        lambda: logs.agg("sum(srcaddr)"),
        lambda: logs.select("count()"),
        lambda: logs.agg(n="count("),
    ):
        with pytest.raises(fl.ExpressionError) as caught:
            call()
        assert caught.value.column >= 1 and "^" in str(caught.value)


def test_a_name_that_no_input_has_is_told_when_the_inputs_are_read(noise):  # CONTRACT L11, P4
    unknown = fl.scan(noise).filter("srcadr = 'x'")
    with pytest.raises(fl.ExpressionError, match="srcaddr"):
        unknown.collect()
    with pytest.raises(fl.ExpressionError, match="no input has vpc-id"):
        fl.scan(noise).group_by("vpc-id").collect()


def test_sorting_by_no_column_of_the_answer_is_an_argument_error(noise):
    with pytest.raises(fl.ArgumentError, match="no column 'bytes'"):
        fl.scan(noise).group_by("srcaddr").sort("bytes").collect()


# Inputs


def test_a_path_that_cannot_be_opened_fails_before_anything_is_read(noise, tmp_path):  # CONTRACT P5
    missing = tmp_path / "missing.log"
    logs = fl.scan([noise, missing])  # nothing is opened yet
    for call in (logs.collect, logs.count, logs.check, logs.records, lambda: logs.columns, logs.summary):
        with pytest.raises(fl.InputError, match="missing.log") as caught:
            call()
        assert caught.value.source == str(missing) and caught.value.errno == errno.ENOENT
        assert caught.value.table is None and caught.value.stats is None and caught.value.offset is None
    with pytest.raises(OSError, match="nosuch-"):
        fl.scan(str(tmp_path / "nosuch-*.log")).count()


def test_a_directory_is_no_input(tmp_path):
    with pytest.raises(fl.InputError, match="directory"):
        fl.scan(tmp_path).collect()


def test_an_unknown_format_is_an_input_error():  # CONTRACT F2
    with pytest.raises(fl.InputError, match="3 values in each line and no header: give the format") as caught:
        fl.scan(b"1 2 3\n4 5 6\n").collect()
    assert caught.value.source == "<bytes>"


def test_damage_raises_at_the_end_with_the_answer(cut, noise):  # CONTRACT P5
    query = fl.scan([noise, cut, noise]).agg(n=fl.count())
    with pytest.raises(fl.InputError, match="cut.log.gz") as caught:
        query.collect()
    error = caught.value
    assert error.source == str(cut) and 0 < error.offset <= cut.stat().st_size
    assert error.table["n"][0] > 198 and not error.table.complete
    assert error.stats.records == error.table["n"][0] and len(error.stats.errors) == 1
    with pytest.raises(fl.InputError):
        query.count()


def test_skip_returns_the_answer(cut, noise):  # CONTRACT P5
    table = fl.scan([noise, cut, noise], on_error="skip").agg(n=fl.count()).collect()
    (error,) = table.stats.errors
    assert error["source"] == str(cut) and error["offset"] > 0 and error["message"]
    assert table["n"][0] > 198 and not table.complete
    stats = table.stats
    assert stats.lines == stats.records + stats.headers + stats.blank + sum(stats.problems.values())


def test_check_reports_damage_and_raises_nothing(cut):
    stats = fl.scan(cut).check()
    assert len(stats.errors) == 1 and not stats.complete and stats.records > 0


def test_damage_of_records_raises_at_the_end(cut, noise):  # CONTRACT P5
    records = fl.scan([cut, noise]).records()
    read = []
    with pytest.raises(fl.InputError) as caught:
        for record in records:
            read.append(record)
    assert read[-1].source == str(noise) and caught.value.stats.records == len(read)
    assert list(records) == []  # it has ended
    assert sum(1 for _ in fl.scan([cut, noise], on_error="skip").records()) == len(read)


def test_damage_of_several_queries_carries_all_tables(cut):  # CONTRACT P5
    logs = fl.scan(cut)
    with pytest.raises(fl.InputError) as caught:
        fl.collect_all([logs.agg(n="count()"), logs.group_by("dstport").agg(n="count()")])
    one, groups = caught.value.table
    assert one["n"][0] == sum(groups["n"]) > 0


def test_damage_of_a_summary_carries_it(cut):
    with pytest.raises(fl.InputError) as caught:
        fl.scan(cut).summary()
    assert caught.value.table["records"] > 0 and caught.value.table["stats"]["errors"]


def test_corrupt_gzip_keeps_what_was_good(line):
    good = gzip.compress(line().encode() * 10)
    bad = bytearray(gzip.compress(line().encode() * 10))
    bad[-5] ^= 0xFF  # in the check sum or the length
    with pytest.raises(fl.InputError) as caught:
        fl.scan(good + bytes(bad)).count()
    assert caught.value.stats.records >= 10


# on_error="raise"


def test_raise_stops_at_the_first_problem(line):  # CONTRACT F4
    text = line() * 3 + "2 3\n" + line() + "4\n"
    with pytest.raises(fl.ParseError, match="too-few-values") as caught:
        fl.scan(text.encode(), on_error="raise").count()
    assert (caught.value.source, caught.value.line) == ("<bytes>", 4)
    assert fl.scan(text.encode()).count() == 4


def test_raise_stops_at_the_first_bad_value_that_is_met(line):  # CONTRACT F4
    text = line() * 3 + line(srcport="x") + line(bytes="y")
    with pytest.raises(fl.ParseError, match="bad-value: srcport") as caught:
        fl.scan(text.encode(), on_error="raise").agg("sum(srcport)").collect()
    assert caught.value.line == 4
    with pytest.raises(fl.ParseError, match="bytes") as caught:
        fl.scan(text.encode(), on_error="raise").agg("sum(bytes)").collect()
    assert caught.value.line == 5
    assert fl.scan(text.encode(), on_error="raise").agg("sum(dstport)").collect()["sum_dstport"] == [443 * 5]


def test_a_sum_beyond_int64_is_an_error(line):  # CONTRACT L9
    text = line(bytes=2**63 - 1) * 2
    with pytest.raises(fl.Error, match=r"sum\(bytes\)"):
        fl.scan(text.encode()).agg("sum(bytes)").collect()
