"""Query.summary()."""

import collections
import json

import pytest

import flowlogs as fl

KEYS = ["records", "nodata", "skipdata", "start", "end", "bytes", "packets", "actions", "formats", "top", "stats"]


@pytest.fixture
def rows(noise):
    header, *lines = noise.read_text().splitlines()
    return [dict(zip(header.split(), line.split())) for line in lines]


def counted(rows):
    """The records that count their packets: those of the sender's interface, else of the receiver's (CONTRACT D2). An
    interface's own address stands in all of its records; of two the private one."""
    own = {}
    for row in rows:
        ends = {row["srcaddr"], row["dstaddr"]}
        own[row["interface-id"]] = own.get(row["interface-id"], ends) & ends
    own = {eni: next(a for a in sorted(ends) if len(ends) == 1 or a.startswith("10.")) for eni, ends in own.items()}
    return [row for row in rows if row["srcaddr"] == own[row["interface-id"]] or row["srcaddr"] not in own.values()]


def test_a_summary_has_exactly_its_keys(noise):  # CONTRACT V6
    summary = fl.scan(noise).summary()
    assert list(summary) == KEYS and list(summary["top"]) == ["srcaddr", "dstaddr", "service", "protocol"]
    assert json.loads(json.dumps(summary)) == summary.to_dict() == summary
    empty = fl.scan(b"").summary()
    assert list(empty) == KEYS and list(empty["top"]) == list(summary["top"])


def test_totals_equal_an_independent_count(rows, noise):
    summary = fl.scan(noise).summary()
    assert summary["records"] == len(rows) == summary.records
    assert summary["bytes"] == sum(int(row["bytes"]) for row in counted(rows))
    assert summary["packets"] == sum(int(row["packets"]) for row in counted(rows))
    assert len(counted(rows)) == 90  # nine show what another interface shows
    assert summary["start"] == min(int(row["start"]) for row in rows)
    assert summary["end"] == max(int(row["end"]) for row in rows)
    assert summary["actions"] == collections.Counter(row["action"] for row in rows)
    assert summary["formats"] == [{"fields": fl.Format.default().fields, "records": 99}]
    assert summary["stats"] == fl.scan(noise).agg("count()").collect().stats.to_dict() | {"bad_values": {}}


@pytest.mark.parametrize("key", ["srcaddr", "dstaddr"])
def test_top_lists_equal_an_independent_count(rows, noise, key):
    total = collections.defaultdict(lambda: [0, 0, 0])
    for row in counted(rows):
        for i, value in enumerate((int(row["bytes"]), int(row["packets"]), 1)):
            total[row[key]][i] += value
    order = sorted(total, key=lambda a: (-total[a][0], tuple(map(int, a.split(".")))))[:10]
    expected = [{key: a, **dict(zip(("bytes", "packets", "records"), total[a]))} for a in order]
    assert fl.scan(noise).summary()["top"][key] == expected


def test_services_are_shown_and_not_reply_ports(line):  # CONTRACT D1
    request, reply = line(srcport=50123, dstport=443, bytes=10), line(srcport=443, dstport=50123, bytes=20)
    (service,) = fl.scan((request + reply).encode()).summary()["top"]["service"]
    assert service == {"service": "https", "bytes": 30, "packets": 14, "records": 2}


def test_no_reply_port_is_a_service(command, rows, noise):  # CONTRACT D1
    replies = {row["dstport"] for row in rows if row["action"] == "ACCEPT" and int(row["dstport"]) > 32767}
    assert sum(row["dstport"] in replies and row["action"] == "ACCEPT" for row in rows) == 16
    accepted = fl.scan(noise).filter("accepted")
    services = {row["service"] for row in accepted.summary().top["service"]}
    assert services == {"splunk-s2s", "redis", "tcp/4200", "https", "ntp"}
    table = command("top", "service", "-n", "100", "--where", "accepted", noise).stdout.splitlines()[1:]
    assert services == {line.split("\t")[0] for line in table}
    every = [line.split("\t")[0] for line in command("top", "service", "-n", "100", noise).stdout.splitlines()[1:]]
    assert not [service for service in every if service.rpartition("/")[2] in replies]


def test_packets_that_two_interfaces_saw_count_once(line):  # CONTRACT D2
    both = line(interface_id="eni-a") + line(interface_id="eni-b")
    ends = line(interface_id="eni-a", dstaddr="10.0.0.9") + line(interface_id="eni-b", srcaddr="10.0.0.8")
    summary = fl.scan((both + ends).encode()).summary()
    assert (summary.records, summary.bytes, summary.packets) == (4, 2400, 21)
    assert summary.actions == {"ACCEPT": 4}
    assert summary.top["service"] == [{"service": "https", "bytes": 2400, "packets": 21, "records": 3}]
    text = str(summary).replace("\n", " ")
    assert "25.0 % of the records are of packets that another interface saw too" in text
    assert "another interface" not in str(fl.scan(ends.encode()).summary())


def test_protocols_have_names(line):
    text = line(protocol=17, bytes=5) + line(protocol=200, bytes=4) + line(protocol="-", bytes=3)
    assert fl.scan(text.encode()).summary()["top"]["protocol"] == [
        {"protocol": 17, "name": "udp", "bytes": 5, "packets": 7, "records": 1},
        {"protocol": 200, "name": None, "bytes": 4, "packets": 7, "records": 1},
    ]


def test_records_without_traffic_are_counted_apart(line):  # CONTRACT F5
    nothing = "2 123456789012 eni-0a - - - - - - - 1600000100 1600000159 - "
    text = line() + nothing + "NODATA\n" + nothing + "SKIPDATA\n" + nothing + "NODATA\n"
    summary = fl.scan(text.encode()).summary()
    assert (summary["records"], summary["nodata"], summary["skipdata"]) == (4, 2, 1)
    assert summary["actions"] == {"ACCEPT": 1} and summary["end"] == 1600000159
    assert [row["srcaddr"] for row in summary["top"]["srcaddr"]] == ["10.0.0.1"]
    for count, list_of in ((4, "records"), (1, "actions")):
        assert (summary[list_of] if list_of == "records" else sum(summary[list_of].values())) == count


def test_what_the_input_lacks_is_left_out(noise):
    gateway = (
        "6 TransitGateway" + " -" * 14 + " 10.0.0.1 10.0.0.2 1 2 6 3 400 1600000000 1600000060 OK" + " -" * 10 + "\n"
    )
    summary = fl.scan(gateway.encode()).summary()
    assert summary["records"] == 1 and summary["actions"] == {} and summary["bytes"] == 400
    few = fl.scan(b"version srcaddr\n2 10.0.0.1\n2 10.0.0.2\n2 10.0.0.2\n").summary()
    assert (few["bytes"], few["packets"], few["start"], few["end"]) == (None, None, None, None)
    assert few["top"]["dstaddr"] == few["top"]["service"] == few["top"]["protocol"] == []
    assert [row["srcaddr"] for row in few["top"]["srcaddr"]] == ["10.0.0.2", "10.0.0.1"]  # by records
    assert few["top"]["srcaddr"][0] == {"srcaddr": "10.0.0.2", "bytes": None, "packets": None, "records": 2}


def test_a_summary_is_of_the_filtered_records(noise):
    logs = fl.scan(noise)
    summary = logs.filter("rejected").summary()
    assert summary["records"] == 67 and summary["actions"] == {"REJECT": 67} and summary["stats"]["records"] == 99
    assert "of 99 read" in str(summary)
    for query in (logs.head(3), logs.select("bytes"), logs.group_by("bytes"), logs.sort("bytes")):
        with pytest.raises(fl.ArgumentError, match="summary"):
            query.summary()


def test_a_summary_of_headers_only(noise):
    header = (fl.Format.default().header + "\n").encode()
    summary = fl.scan(header).summary()
    assert summary["records"] == 0 and summary["bytes"] is None and summary["actions"] == {}
    assert str(summary).startswith("0 records")


def test_the_report_shows_exact_numbers_beside_units(samples):
    text = str(fl.scan(samples).summary())
    assert "112 records in 3 inputs" in text
    assert "4.76 MB (4,756,861 bytes) in 39,553 packets" in text
    assert "2017-09-14 01:53:32Z" in text and "2022-11-30 21:11:56Z" in text
    assert "ACCEPT  45  40.2 %" in text and "REJECT  67  59.8 %" in text
    assert max(map(len, text.splitlines())) <= 80 and "\x1b" not in text


def test_the_report_puts_lists_side_by_side_where_there_is_room(samples):
    summary = fl.scan(samples).summary()
    for width in (40, 80, 111, 112, 140, 200):
        lines = summary.to_text(width).splitlines()
        assert any("Top sources" in line and "Top destinations" in line for line in lines) == (width >= 112)
        assert max(map(len, lines)) <= max(width, 76)


def test_log_content_cannot_drive_the_terminal(line):
    text = line(action="\x1b[31mEVIL\x9b", log_status="\x1b]0;x\x07").encode("latin-1")
    summary = fl.scan(text).summary()
    assert "\x1b" in next(iter(summary["actions"]))  # the value itself is untouched
    assert "\x1b" not in str(summary) and "EVIL" in str(summary)


def test_keys_are_attributes(noise):
    summary = fl.scan(noise).summary()
    assert summary.top["srcaddr"][0]["bytes"] == summary["top"]["srcaddr"][0]["bytes"]
    with pytest.raises(AttributeError, match="nosuch"):
        summary.nosuch  # noqa: B018
