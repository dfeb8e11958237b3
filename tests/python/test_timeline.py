"""Query.timeline() and `flowlogs timeline`."""

import collections
import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowlogs as fl
from flowlogs.timeline import spread

HEADER = "interface-id srcaddr dstaddr packets bytes start end action\n"


def scan(*rows):
    """Rows are (bytes, start, end) and perhaps an action; packets are a tenth of the bytes."""
    lines = [f"eni-a 10.0.0.1 10.0.0.2 {row[0] // 10} {row[0]} {row[1]} {row[2]} {row[3] if row[3:] else 'ACCEPT'}\n" for row in rows]
    return fl.scan((HEADER + "".join(lines)).encode())


def amounts(answer, name="bytes"):
    return {row["time"]: row[name] for row in answer.bins}


def test_a_long_record_is_spread_evenly_and_counts_where_it_starts():
    answer = scan((500, 6000, 6300)).timeline(bin="1m")
    assert amounts(answer) == {t: 100 for t in range(6000, 6300, 60)}
    assert amounts(answer, "records") == {6000: 1, 6060: 0, 6120: 0, 6180: 0, 6240: 0}
    assert (answer.start, answer.end, answer.bin, answer.first, answer.last) == (6000, 6300, 60, 6000, 6300)


def test_a_bin_has_the_share_of_the_seconds_that_it_covers():
    answer = scan((100, 6030, 6130)).timeline(bin=60)
    assert amounts(answer) == {6000: 30, 6060: 60, 6120: 10}
    assert amounts(answer, "packets") == {6000: 3, 6060: 6, 6120: 1}


def test_the_end_of_a_record_is_not_in_it_and_a_moment_is():
    assert amounts(scan((50, 6000, 6060)).timeline(bin="1m")) == {6000: 50}
    assert amounts(scan((50, 6060, 6060)).timeline(bin="1m")) == {6060: 50}
    assert amounts(scan((50, 6060, 6000)).timeline(bin="1m")) == {6060: 50}  # an end before the start says nothing


def test_bins_without_records_are_there_too():
    assert amounts(scan((10, 0, 1), (20, 600, 601)).timeline(bin="5m")) == {0: 10, 300: 0, 600: 20}


@given(st.integers(0, 10**12), st.integers(0, 10**6), st.integers(0, 10**4), st.integers(1, 5000))
def test_parts_are_whole_add_up_and_are_even(amount, start, seconds, size):
    end = start + seconds
    parts = spread(amount, start, end, size)
    assert sum(part for _, part in parts) == amount
    assert [number for number, _ in parts] == list(range(start // size, max(start, end - 1) // size + 1))
    for number, part in parts:
        covered = min(end, (number + 1) * size) - max(start, number * size)
        assert part >= 0 and abs(part - (Fraction(amount * covered, seconds) if seconds else amount)) < 1 or len(parts) == 1


@pytest.fixture(scope="module")
def made():
    return fl.generate(records=3000, seed=5, format="v5", hosts=20)


@pytest.mark.parametrize("size", [1, 7, 60, 3600])
def test_a_generated_log_gives_what_a_loop_over_its_records_gives(made, size):
    logs = fl.scan(made)
    answer = logs.timeline(bin=size)
    exact, records, groups = collections.Counter(), collections.Counter(), collections.Counter()
    for row in logs.once().select("start", "end", "bytes").to_dicts():
        start, end = row["start"], max(row["end"], row["start"] + 1)
        for number in range(start // size, (end - 1) // size + 1):
            covered = min(end, (number + 1) * size) - max(start, number * size)
            exact[number * size] += Fraction((row["bytes"] or 0) * covered, end - start)
            groups[number * size] += 1
    for row in logs.select("start").to_dicts():
        records[row["start"] // size * size] += 1
    assert amounts(answer, "records") == {row["time"]: records[row["time"]] for row in answer.bins}
    for row in answer.bins:
        assert abs(row["bytes"] - exact[row["time"]]) <= groups[row["time"]]  # each is rounded by less than one
    assert sum(amounts(answer).values()) == answer.totals["bytes"] == logs.summary().bytes
    assert answer.totals["records"] == sum(records.values()) == 3000
    assert set(answer.outside.values()) == {0}


def test_series_add_up_to_the_bins(made):
    logs = fl.scan(made)
    for by, limit in (("action", 5), ("service", 3), ("prefix(srcaddr, 24)", 1)):
        answer = logs.timeline(bin="1m", by=by, limit=limit)
        for name in ("bytes", "packets", "records"):
            added = [sum(one["bins"][i][name] for one in answer.series) for i in range(len(answer.bins))]
            assert added == [row[name] for row in answer.bins]
        assert len(answer.series) <= limit + 1 and sum("other" in one for one in answer.series) <= 1
    rejected = [one for one in logs.timeline(by="action").series if one["action"] == "REJECT"]
    assert rejected[0]["records"] == logs.filter("rejected").count()


def test_a_window_keeps_its_bins_and_tells_what_lies_outside():
    answer = scan((500, 6000, 6300), (70, 6000, 6010)).timeline(bin="1m", since=6060, until=6180)
    assert amounts(answer) == {6060: 100, 6120: 100}
    assert answer.outside == {"bytes": 370, "packets": 37, "records": 2} and answer.totals["bytes"] == 570


def test_packets_that_two_interfaces_saw_count_once():  # CONTRACT D2
    line = "{} 10.0.0.1 {} 4 100 6000 6060 ACCEPT\n"
    text = HEADER + line.format("eni-a", "10.0.0.2") + line.format("eni-b", "10.0.0.2") + line.format("eni-a", "10.0.0.3")
    text += "eni-b 10.0.0.4 10.0.0.2 4 100 6000 6060 ACCEPT\n"
    answer = fl.scan(text.encode()).timeline()
    assert answer.totals == {"bytes": 300, "packets": 12, "records": 4}


def test_records_without_a_time_are_outside():
    answer = fl.scan(b"bytes start end\n5 - -\n7 60 60\n").timeline(bin="1m")
    assert amounts(answer) == {60: 7} and answer.outside == {"bytes": 5, "packets": None, "records": 1}
    assert fl.scan(b"").timeline().bins == []


def test_what_is_wrong_is_said():
    logs = scan((1, 0, 10**9))
    for wrong in ("0s", "5x", "", -1, 1.5, None):
        with pytest.raises(fl.ArgumentError, match="bin"):
            logs.timeline(bin=wrong)
    with pytest.raises(fl.ArgumentError, match="too many"):
        logs.timeline(bin="1s")
    with pytest.raises(fl.ArgumentError, match="by: bytes are added up in each bin"):
        logs.timeline(by="bytes")
    with pytest.raises(fl.ArgumentError, match="start"):
        fl.scan(b"bytes srcaddr\n1 10.0.0.1\n").timeline()


def test_the_command_gives_the_method_s_answer(command, noise):  # CONTRACT P8
    answer = fl.scan(noise).timeline(bin="1m", by="action")
    assert json.loads(command("timeline", "--bin", "1m", "--by", "action", "-o", "json", noise).stdout) == answer
    rows = command("timeline", "--bin", "1m", "--by", "action", noise).stdout.splitlines()
    assert rows[0] == "time\taction\tbytes\tpackets\trecords"
    assert len(rows) == 1 + len(answer.bins) * len(answer.series) == 1 + len(answer.to_table())
    text = command("timeline", "--bin", "1m", "-o", "table", noise).stdout
    assert text.startswith("99 records, 4.72 MB in 39,446 packets; 2 bins of 1 min\n") and "2021-09-02 21:44" in text
