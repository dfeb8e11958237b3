"""Query.audit(), `flowlogs audit`, and evidence packs."""

import io
import json
import os
import random
import re
import shlex
import shutil
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowlogs as fl
from flowlogs import controls, evidence

V3 = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags log-status"
SYN, SYN_ACK, RST = 2, 18, 4
BEGIN = 1_788_220_800  # 2026-09-01 00:00:00Z
NOW = BEGIN + 100 * 86400
MINUTE, HOUR, DAY = 60, 3600, 86400


def flow(source, destination, action="ACCEPT", flags="-", at="eni-a", packets=5, bytes=900, start=BEGIN, length=59, status="OK"):
    """A line of V3; source and destination are "address:port"."""
    (srcaddr, srcport), (dstaddr, dstport) = (text.rpartition(":")[::2] for text in (source, destination))
    return f"{at} {srcaddr} {dstaddr} {srcport} {dstport} 6 {packets} {bytes} {start} {start + length} {action} {flags} {status}\n"


def nothing(at="eni-a", start=BEGIN, length=59, status="NODATA"):
    return f"{at} - - - - - - - {start} {start + length} - - {status}\n"


def scan(*lines, header=V3, **options):
    return fl.scan((header + "\n" + "".join(lines)).encode(), **options)


def every(seconds, begin, end, at="eni-a", status="NODATA"):
    """Records all the time from begin to end."""
    return [nothing(at, start, seconds - 1, status) for start in range(BEGIN + begin, BEGIN + end, seconds)]


def control(answer, number):
    (row,) = [row for row in answer.controls if row["control"] == number]
    return row


# ---- Coverage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what, lines, gaps",
    [
        ("records all the time", every(600, 0, 6 * HOUR), []),
        ("an hour without one", every(600, 0, 2 * HOUR) + every(600, 3 * HOUR, 6 * HOUR), [(2 * HOUR - 1, 3 * HOUR)]),
        ("NODATA in that hour", every(600, 0, 2 * HOUR) + every(600, 2 * HOUR, 3 * HOUR, status="NODATA") + every(600, 3 * HOUR, 6 * HOUR), []),
        ("SKIPDATA in that hour", every(600, 0, 2 * HOUR) + every(600, 2 * HOUR, 3 * HOUR, status="SKIPDATA") + every(600, 3 * HOUR, 6 * HOUR), []),
        ("it ends", every(600, 0, 2 * HOUR), []),
        ("it begins later", every(600, 4 * HOUR, 6 * HOUR), []),
        # The packets of two intervals that follow one another may be two intervals apart, and no more.
        ("two intervals", [nothing(start=BEGIN, length=0), nothing(start=BEGIN + 1200 + 60, length=0)], []),
        ("more than two", [nothing(start=BEGIN, length=0), nothing(start=BEGIN + 1200 + 61, length=0)], [(0, 1261)]),
        ("one long record", [nothing(start=BEGIN, length=2 * HOUR), nothing(start=BEGIN + 2 * HOUR)], []),
        # A short record that begins later does not end what a longer one covers.
        ("within a long one", [nothing(start=BEGIN, length=2 * HOUR), nothing(start=BEGIN + 900), nothing(start=BEGIN + 2 * HOUR)], []),
        ("two gaps", every(600, 0, HOUR) + every(600, 2 * HOUR, 3 * HOUR) + every(600, 5 * HOUR, 6 * HOUR),
         [(3 * HOUR - 1, 5 * HOUR), (HOUR - 1, 2 * HOUR)]),
    ],
)  # fmt: skip
def test_a_gap_is_a_time_without_a_record_between_two_of_an_interface(what, lines, gaps):
    # Another interface records all the time: it is no gap of the log.
    answer = scan(*lines, *every(600, -HOUR, 7 * HOUR, at="eni-b")).audit(at=NOW)
    found = [(gap["start"] - BEGIN, gap["end"] - BEGIN) for gap in answer.coverage["gaps"]]
    assert found == gaps and {gap["interface"] for gap in answer.coverage["gaps"]} <= {"eni-a"}
    assert answer.coverage["gaps_total"] == len(gaps) and answer.coverage["log_gaps"] == []
    assert answer.coverage["gap_seconds"] == sum(end - begin for begin, end in gaps)
    assert answer.coverage["interfaces_with_gaps"] == bool(gaps)
    assert control(answer, "10.2.1")["status"] == ("WARN" if gaps else "MANUAL")
    row = next(row for row in answer.coverage["interfaces"] if row["interface"] == "eni-a")
    assert row["gaps"] == len(gaps) and row["records"] == len(lines)


def test_coverage_is_the_share_of_the_time_between_first_and_last_record():
    lines = [nothing(start=BEGIN, length=HOUR), nothing(start=BEGIN + 2 * HOUR, length=2 * HOUR)]
    assert scan(*lines).audit(at=NOW).coverage["share"] == 0.75
    both = [*lines, nothing("eni-b", start=BEGIN, length=4 * HOUR)]
    assert scan(*both).audit(at=NOW).coverage["share"] == 7 / 8


def test_the_longest_silence_is_no_gap_and_a_second_more_is():
    for seconds, gaps in ((1260, 0), (1261, 1)):
        log = scan(nothing(start=BEGIN, length=0), nothing(start=BEGIN + seconds, length=0))
        assert len(log.audit(at=NOW).coverage["log_gaps"]) == gaps


def test_with_an_interval_of_a_minute_gaps_are_shorter():
    lines = [*every(60, 0, 10 * MINUTE), *every(60, 15 * MINUTE, 30 * MINUTE)]
    assert scan(*lines).audit(at=NOW).coverage["log_gaps"] == []
    (gap,) = scan(*lines).audit(interval=60, at=NOW).coverage["log_gaps"]
    assert (gap["start"] - BEGIN, gap["end"] - BEGIN, gap["seconds"]) == (599, 900, 301)
    assert scan(*every(60, 0, HOUR)).audit(interval=60, at=NOW).coverage["log_gaps"] == []


def test_what_no_interface_has_is_a_gap_of_the_log_and_fails():
    lines = [line for at in ("eni-a", "eni-b") for line in every(600, 0, 2 * HOUR, at) + every(600, 4 * HOUR, 6 * HOUR, at)]
    answer = scan(*lines).audit(at=NOW)
    assert [(gap["interface"], gap["start"] - BEGIN, gap["end"] - BEGIN) for gap in answer.coverage["log_gaps"]] == [
        (None, 2 * HOUR - 1, 4 * HOUR)
    ]
    assert answer.coverage["gaps"] == []  # told once
    assert control(answer, "10.2.1")["status"] == control(answer, "10.7.2")["status"] == control(answer, "CC7.2")["status"] == "FAIL"
    # One of them was silent for longer: that is its own.
    longer = scan(*lines[: len(lines) // 2], *every(600, 0, HOUR, "eni-b"), *every(600, 4 * HOUR, 6 * HOUR, "eni-b")).audit(at=NOW)
    assert [gap["interface"] for gap in longer.coverage["gaps"]] == ["eni-b"]


def test_the_ends_of_the_period_that_was_asked_for_count():
    log = scan(*every(600, 2 * HOUR, 4 * HOUR))
    assert log.audit(at=NOW).coverage["log_gaps"] == []
    gaps = log.audit(since=BEGIN, until=BEGIN + 6 * HOUR, at=NOW).coverage["log_gaps"]
    assert [(gap["start"] - BEGIN, gap["end"] - BEGIN) for gap in gaps] == [(0, 2 * HOUR), (4 * HOUR - 1, 6 * HOUR)]
    assert log.audit(since=BEGIN + 2 * HOUR, until=BEGIN + 4 * HOUR, at=NOW).coverage["log_gaps"] == []
    # What is not over, or so new that it may not have been delivered, is no gap.
    assert log.audit(until=BEGIN + 6 * HOUR, at=BEGIN + 4 * HOUR + 900).coverage["log_gaps"] == []


# ---- Losses, encryption, retention -----------------------------------------------------------------------------------


@pytest.mark.parametrize("skipped, status", [(0, "MANUAL"), (1, "WARN"), (5, "FAIL")])
def test_skipdata_is_counted_and_its_share_decides(skipped, status):
    lines = [*every(60, 0, (200 - skipped) * 60), *every(60, (200 - skipped) * 60, 200 * 60, at="eni-b", status="SKIPDATA")]
    answer = scan(*lines).audit(at=NOW)
    assert answer.skipdata["records"] == skipped and answer.skipdata["nodata"] == 200 - skipped
    assert answer.skipdata["share"] == skipped / 200
    assert answer.skipdata["interfaces"] == ([{"interface": "eni-b", "records": skipped}] if skipped else [])
    assert control(answer, "10.7.2")["status"] == status


@pytest.mark.parametrize(
    "values, known, status",
    [("0 1 3 -", 3, "WARN"), ("1 2 3", 3, "PASS"), ("1 -", 1, "WARN"), ("- -", 0, "MANUAL")],
)
def test_encryption_status_is_counted(values, known, status):
    header = "interface-id srcaddr dstaddr start end encryption-status"
    lines = [f"eni-a 10.0.0.1 10.0.0.2 {BEGIN} {BEGIN + 9} {value}\n" for value in values.split()] + [f"eni-a - - {BEGIN} {BEGIN} -\n"]
    answer = scan(*lines, header=header).audit(at=NOW)
    assert answer.encryption["known"] == known and answer.encryption["not_encrypted"] == values.count("0")
    assert answer.encryption["unknown"] == values.count("-")  # of packets: NODATA is none
    assert control(answer, "CC6.7")["status"] == status


def test_the_oldest_record_is_read(tmp_path):
    oldest = flow("10.0.0.1:1", "10.0.0.2:443", start=BEGIN - 400 * DAY)
    (tmp_path / "new.log").write_text(V3 + "\n" + "".join(every(600, 0, HOUR)))
    (tmp_path / "old.log").write_text(V3 + "\n" + flow("10.0.0.1:1", "10.0.0.2:443", start=BEGIN - 399 * DAY) + oldest)
    answer = fl.scan(tmp_path).audit(at=NOW)
    assert answer.retention["oldest"] == {
        "time": BEGIN - 400 * DAY, "age_days": 500, "source": str(tmp_path / "old.log"), "line": 3, "record": oldest.rstrip()
    }  # fmt: skip
    assert answer.retention["days_with_records"] == 3
    row = control(answer, "10.5.1")  # a copy on a disk says nothing of the place that keeps them
    assert row["status"] == "MANUAL" and "500 days old" in row["why"] and "audit s3://" in row["next_step"]


# ---- Who got in ------------------------------------------------------------------------------------------------------

OUT, OWN = "198.51.100.7:40000", "10.0.0.5:22"
HELD = [flow("10.0.0.5:50000", f"10.0.1.{i}:443") for i in range(4)]  # so that the interface's own address is told


@pytest.mark.parametrize(
    "lines, exposed",
    [
        ([flow(OUT, OWN, flags=SYN), flow(OWN, OUT, flags=SYN_ACK)], True),
        ([flow(OUT, "10.0.0.5:3389", flags=SYN), flow("10.0.0.5:3389", OUT, flags=SYN_ACK)], True),
        ([flow(OUT, "10.0.0.5:443", flags=SYN), flow("10.0.0.5:443", OUT, flags=SYN_ACK)], False),  # no admin port
        ([flow(OUT, OWN, "REJECT", flags=SYN)], False),
        ([flow(OUT, OWN, flags=SYN)], False),  # nobody answered
        ([flow(OUT, OWN, flags=SYN), flow(OWN, OUT, flags=RST)], False),  # refused
        ([flow("10.0.9.9:40000", OWN, flags=SYN), flow(OWN, "10.0.9.9:40000", flags=SYN_ACK)], False),  # from inside
        # Our host is the client of somebody else's SSH.
        ([flow("10.0.0.5:40000", "198.51.100.7:22", flags=SYN), flow("198.51.100.7:22", "10.0.0.5:40000", flags=SYN_ACK)], False),
    ],
)
def test_an_admin_port_is_open_to_the_world_if_a_public_address_was_answered(lines, exposed):
    answer = scan(*HELD, *lines).audit(at=NOW)
    found = answer.admin["exposed"]
    assert len(found) == exposed
    if exposed:
        assert (found[0]["server"], found[0]["clients"], found[0]["some"]) == ("10.0.0.5", 1, ["198.51.100.7"])
        assert (found[0]["first_seen"], found[0]["last_seen"], found[0]["bytes_to_clients"]) == (BEGIN, BEGIN + 59, 900)
        # Which rule it was, flow logs do not tell.
        assert control(answer, "5.3")["status"] == "WARN" and control(answer, "5.4")["status"] == "MANUAL"
    for number in ("1.3.1", "1.4.2", "CC6.6"):
        assert control(answer, number)["status"] == ("FAIL" if exposed else "MANUAL")
    allowed = scan(*HELD, *lines).audit(allow="198.51.100.0/24", at=NOW)
    assert allowed.admin["exposed"] == [] and allowed.admin["allowed_clients"] == exposed


def test_without_flags_a_refusal_is_told_by_its_size():
    header = V3.replace(" tcp-flags", "")

    def plain(line):
        return re.sub(r" (ACCEPT|REJECT) \S+", r" \1", line)

    refused = [flow(OUT, OWN, packets=1, bytes=44), flow(OWN, OUT, packets=1, bytes=40)]
    answered = [flow(OUT, OWN), flow(OWN, OUT)]
    assert scan(*map(plain, HELD + refused), header=header).audit(at=NOW).admin["exposed"] == []
    assert len(scan(*map(plain, HELD + answered), header=header).audit(at=NOW).admin["exposed"]) == 1


def test_ipv6_is_told_apart():
    client, server = "2001:db8::7", "fd00::5"
    lines = [f"eni-a {client} {server} 40000 22 6 5 900 {BEGIN} {BEGIN + 59} ACCEPT 2 OK\n",
             f"eni-a {server} {client} 22 40000 6 5 900 {BEGIN} {BEGIN + 59} ACCEPT 18 OK\n"]  # fmt: skip
    answer = scan(*lines).audit(at=NOW)
    (row,) = answer.admin["exposed"]
    assert (row["server"], row["clients"], row["ipv6_clients"]) == (server, 1, 1)
    assert control(answer, "5.3")["status"] == "MANUAL" and control(answer, "5.4")["status"] == "WARN"
    assert scan(*lines).audit(allow=["2001:db8::/32"], at=NOW).admin["exposed"] == []
    # Of one's own networks, which IPv6 has public addresses for.
    assert scan(*lines, internal=["2001:db8::/32", "fd00::/8"]).audit(at=NOW).admin["exposed"] == []


def test_of_attachments_the_interfaces_are_not_told(inventory):
    log = fl.scan(fl.generate(records=2000, format="tgw"))
    answer = log.audit(inventory=inventory(), at=NOW)
    assert answer.population["source"] == "records" and answer.coverage["interfaces_total"] > 0
    assert control(answer, "10.2.1")["status"] == "MANUAL" and control(answer, "3.7")["status"] == "PASS"


def test_who_reached_an_address_and_when():
    lines = [
        *HELD,
        flow(OUT, OWN, flags=SYN, start=BEGIN + 60), flow(OWN, OUT, flags=SYN_ACK, start=BEGIN + 61),
        flow("203.0.113.9:5555", "10.0.0.5:80", "REJECT", start=BEGIN + 120),
        flow("10.0.0.77:41000", "10.0.0.5:5432", start=BEGIN + 180), flow("10.0.0.5:5432", "10.0.0.77:41000", start=BEGIN + 180),
        flow(OUT, "10.0.0.6:22", at="eni-b"),
    ]  # fmt: skip
    reached = scan(*lines).audit(who="10.0.0.5", at=NOW).reached
    rows = {row["client"]: row for row in reached["conversations"]["rows"]}
    assert {client: (row["state"], row["server_port"], row["start"] - BEGIN) for client, row in rows.items()} == {
        "198.51.100.7": ("answered", 22, 60), "203.0.113.9": ("rejected", 80, 120), "10.0.0.77": ("answered", 5432, 180)
    }  # fmt: skip
    assert len(scan(*lines).audit(who="10.0.0.0/24", at=NOW).reached["conversations"]["rows"]) == 4
    with pytest.raises(fl.ArgumentError, match="no address or prefix"):
        scan(*lines).audit(who="web-1")


# ---- Controls --------------------------------------------------------------------------------------------------------


def test_logs_alone_never_pass_what_cannot_be_known(samples):
    for source in (*samples, samples):
        answer = fl.scan(source).audit()
        for row in answer.controls:
            assert row["status"] != "PASS" or row["control"] == "10.2.2", row
            assert row["next_step"] or row["status"] == "PASS", row
            assert row["why"] and row["supports"] and row["source"]


def test_controls_can_be_chosen_and_say_what_they_support():
    log = scan(*every(600, 0, HOUR))
    assert {row["framework"] for row in log.audit(at=NOW).controls} == set(controls.FRAMEWORKS)
    assert {row["control"] for row in log.audit(controls="soc2", at=NOW).controls} == {"CC6.6", "CC6.7", "CC7.2"}
    assert {row["framework"] for row in log.audit(controls="soc2,cis-aws").controls} == {"soc2", "cis-aws"}
    with pytest.raises(fl.ArgumentError, match="'hipaa' is no set of controls; there are cis-aws, pci-dss-4, soc2"):
        log.audit(controls=["hipaa"])
    answer = log.audit(at=NOW)
    assert "complian" not in (str(answer) + json.dumps(answer.to_dict())).lower()
    assert sum(answer.statuses.values()) == len(answer.controls) == len(answer.to_table())


def test_a_format_that_lacks_fields_is_no_error():
    answer = scan("10.0.0.1 10.0.0.2\n", header="srcaddr dstaddr").audit()
    assert answer.coverage is None and answer.skipdata is None and answer.admin is None and answer.retention["oldest"] is None
    assert control(answer, "10.2.1")["status"] == control(answer, "CC6.6")["status"] == "MANUAL"
    assert "no input has start, action, interface-id" in control(answer, "10.2.2")["why"]
    assert str(scan(header=V3).audit())  # no record at all


INVENTORY = {
    "flow-logs": [{"FlowLogId": "fl-1", "ResourceId": "vpc-1", "TrafficType": "ALL", "MaxAggregationInterval": 60, "FlowLogStatus": "ACTIVE"}],
    "vpcs": [{"VpcId": "vpc-1"}],
    "network-interfaces": [
        {"NetworkInterfaceId": "eni-a", "VpcId": "vpc-1", "SubnetId": "subnet-1", "Status": "in-use"},
        {"NetworkInterfaceId": "eni-spare", "VpcId": "vpc-1", "SubnetId": "subnet-1", "Status": "available"},
    ],
    "security-groups": [{"GroupId": "sg-1", "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}]}],
    "network-acls": [{"NetworkAclId": "acl-1", "IsDefault": False, "Entries": [
        {"RuleNumber": 90, "Egress": False, "Protocol": "6", "CidrBlock": "0.0.0.0/0", "RuleAction": "deny", "PortRange": {"From": 0, "To": 4000}},
        {"RuleNumber": 100, "Egress": False, "Protocol": "-1", "CidrBlock": "0.0.0.0/0", "RuleAction": "allow"}]}],
}  # fmt: skip


@pytest.fixture
def inventory(tmp_path):
    """Writes INVENTORY with changes into a directory: inventory(vpcs=[...]); None: it could not be listed."""

    def write(**changes):
        directory = tmp_path / f"inventory{len(list(tmp_path.iterdir()))}"
        directory.mkdir()
        kinds = {**INVENTORY, **{kind.replace("_", "-"): items for kind, items in changes.items()}}
        manifest = {"files": {kind: len(items) for kind, items in kinds.items() if items is not None},
                    "missing": {kind: "the permission is missing" for kind, items in kinds.items() if items is None}}  # fmt: skip
        (directory / "manifest.json").write_text(json.dumps(manifest))
        for kind, items in kinds.items():
            if items is not None:
                call = "ec2:Describe" + kind.title().replace("-", "")
                text = {"account": "123456789012", "region": "eu-west-1", "call": call, "time": NOW - 60, "items": items}
                (directory / f"{kind}.json").write_text(json.dumps(text))
        return directory

    return write


OPEN_V4 = [{"GroupId": "sg-2", "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}]
OPEN_V6 = [{"GroupId": "sg-3", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]}]
ALL_IN = {"RuleNumber": 100, "Egress": False, "Protocol": "-1", "CidrBlock": "0.0.0.0/0", "RuleAction": "allow"}
BARE = {"NetworkInterfaceId": "eni-c", "VpcId": "vpc-2", "SubnetId": "subnet-2", "Status": "in-use"}
SILENT = {"NetworkInterfaceId": "eni-d", "VpcId": "vpc-1", "SubnetId": "subnet-1", "Status": "in-use",
          "Attachment": {"AttachTime": "2026-08-01T00:00:00+00:00"}}  # fmt: skip


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, {"3.7": "PASS", "5.2": "PASS", "5.3": "PASS", "5.4": "PASS", "10.2.1": "PASS"}),
        ({"vpcs": [{"VpcId": "vpc-1"}, {"VpcId": "vpc-2"}]}, {"3.7": "FAIL"}),
        ({"flow_logs": [{**INVENTORY["flow-logs"][0], "DeliverLogsStatus": "FAILED"}]}, {"3.7": "FAIL"}),
        ({"flow_logs": [{**INVENTORY["flow-logs"][0], "TrafficType": "ACCEPT"}]}, {"3.7": "WARN"}),
        ({"flow_logs": []}, {"3.7": "FAIL", "10.2.1": "FAIL"}),
        ({"vpcs": None}, {"3.7": "MANUAL", "10.2.1": "PASS"}),
        ({"network_interfaces": None}, {"10.2.1": "MANUAL"}),
        ({"network_interfaces": [*INVENTORY["network-interfaces"], BARE]}, {"10.2.1": "FAIL"}),
        ({"network_interfaces": [*INVENTORY["network-interfaces"], SILENT]}, {"10.2.1": "WARN"}),
        ({"network_interfaces": [*INVENTORY["network-interfaces"], {**SILENT, "Attachment": {"AttachTime": "2026-12-01T00:00:00+00:00"}}]},
         {"10.2.1": "PASS"}),  # it came when the records were over
        ({"security_groups": OPEN_V4}, {"5.3": "FAIL", "5.4": "PASS"}),
        ({"security_groups": OPEN_V6}, {"5.3": "PASS", "5.4": "FAIL"}),
        ({"security_groups": None}, {"5.3": "MANUAL", "5.4": "MANUAL"}),
        ({"network_acls": [{"NetworkAclId": "acl-2", "IsDefault": False, "Entries": [ALL_IN]}]}, {"5.2": "FAIL"}),
        ({"network_acls": [{"NetworkAclId": "acl-2", "IsDefault": True, "Entries": [ALL_IN]}]}, {"5.2": "WARN"}),
        ({"network_acls": [{"NetworkAclId": "acl-2", "IsDefault": False, "Entries": [{**ALL_IN, "Egress": True}]}]}, {"5.2": "PASS"}),
    ],
)  # fmt: skip
def test_an_inventory_tells_what_there_is_to_be_logged(inventory, changes, expected):
    log = scan(*every(60, 0, 30 * HOUR))
    answer = log.audit(inventory=inventory(**changes), at=NOW)
    assert {number: control(answer, number)["status"] for number in expected} == expected
    for number in expected:
        if expected[number] == "PASS":  # the population, its call, and when
            assert "of 123456789012 in eu-west-1, 2026-12-0" in control(answer, number)["why"]


def test_with_an_inventory_the_interval_is_known_and_nobody_let_in_passes(inventory):
    held = [flow("10.0.0.5:50000", f"10.0.1.{i}:443", start=BEGIN + i * 60) for i in range(1, 60)]
    answer = scan(*every(60, 0, 30 * HOUR), *held).audit(inventory=inventory(), at=NOW)
    assert answer.coverage["interval"] == 60 and answer.population["source"] == "inventory"
    assert control(answer, "CC6.6")["status"] == control(answer, "1.3.1")["status"] == "PASS"
    short = scan(*every(60, 0, HOUR), *held).audit(inventory=inventory(), at=NOW)
    assert control(short, "CC6.6")["status"] == "MANUAL" and "less than 24 h" in control(short, "CC6.6")["why"]
    from flowlogs.inventory import read

    known = read([inventory()])  # as fl.scan() takes it
    assert scan(*every(60, 0, 30 * HOUR), *held).audit(inventory=known, at=NOW).controls == scan(*every(60, 0, 30 * HOUR), *held).audit(
        inventory=known.directories, at=NOW).controls  # fmt: skip
    with pytest.raises(fl.ArgumentError, match="flowlogs aws inventory -o DIR"):
        scan(*held).audit(inventory="no-such-directory")


# ---- Whatever the order ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated():
    log = fl.generate(records=20_000, seed=5, format="v5")
    header, *lines = log.decode().splitlines(keepends=True)
    return header, lines


def comparable(answer):
    made = answer.to_dict()
    # Where a record stands is not the same in another order, nor how many lines were read of which of two equal ones.
    made["retention"] = {**made["retention"], "oldest": made["retention"]["oldest"]["time"]}
    return json.dumps(made, sort_keys=True, default=str)


def test_the_answer_depends_neither_on_order_nor_on_threads(generated):
    header, lines = generated
    lines = [line for i, line in enumerate(lines) if not 6000 < i < 9000]  # with gaps
    answers = set()
    for seed, threads in ((None, 1), (None, 7), (1, 1), (2, 7)):
        if seed is not None:
            random.Random(seed).shuffle(lines)
        answer = fl.scan((header + "".join(lines)).encode(), threads=threads).audit(interval=60, who="10.0.32.78", at=NOW)
        assert answer.coverage["gaps_total"] and answer.admin["exposed"]
        answers.add(comparable(answer))
    assert len(answers) == 1


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.integers(0, 20)), min_size=1, max_size=30), st.sampled_from((60, 600)))
def test_gaps_are_those_of_a_plain_loop(records, interval):
    """Minutes that records cover, second by second."""
    lines = [nothing(f"eni-{name}", BEGIN + begin * 180, length * 60) for name, begin, length in records]
    answer = scan(*lines).audit(interval=interval, limit=1000, at=NOW)

    def gaps(some):
        covered = sorted({second for begin, length in some for second in range(begin * 180, begin * 180 + length * 60 + 1)})
        return [(a, b) for a, b in zip(covered, covered[1:]) if b - a > 2 * interval + 60]

    of_log = gaps([(begin, length) for _, begin, length in records])
    assert [(gap["start"] - BEGIN, gap["end"] - BEGIN) for gap in answer.coverage["log_gaps"]] == of_log
    for row in answer.coverage["interfaces"]:
        own = gaps([(begin, length) for name, begin, length in records if f"eni-{name}" == row["interface"]])
        told = [(gap["start"] - BEGIN, gap["end"] - BEGIN) for gap in answer.coverage["gaps"] if gap["interface"] == row["interface"]]
        assert set(told) <= set(own)
        # Those that are not told are explained by gaps of the log.
        for begin, end in set(own) - set(told):
            assert any(begin <= a and b <= end for a, b in of_log)


# ---- Evidence --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A pack as ZIP file, and its log."""
    folder = tmp_path_factory.mktemp("evidence")
    log = folder / "flow.log"
    log.write_bytes(fl.generate(records=500, seed=2))
    fl.scan(log).audit(pack=folder / "e.zip", at=NOW)
    return folder / "e.zip", log


@pytest.fixture
def directory(packed, tmp_path):
    """A pack as a directory, which may be changed."""
    fl.scan(packed[1]).audit(pack=tmp_path / "pack", at=NOW)
    return tmp_path / "pack"


def test_a_pack_says_what_was_read(packed):
    import hashlib

    pack, log = packed
    found = evidence.verify(pack)
    assert found["problems"] == []
    manifest = found["manifest"]
    (source,) = manifest["sources"]
    assert source["key"] == str(log) and source["sha256"] == hashlib.sha256(log.read_bytes()).hexdigest()
    assert source["size"] == log.stat().st_size and source["records"] == 500 == manifest["stats"]["records"]
    assert manifest["tool"].startswith(f"flowlogs {fl.__version__}") and manifest["time"] == "2026-12-10 00:00:00Z"
    assert "not what AWS delivered" in manifest["says"]
    with zipfile.ZipFile(pack) as archive:
        answer = json.loads(archive.read("audit.json"))
        assert answer["controls"] == fl.scan(log).audit(at=NOW).controls
        assert b"What flow logs support" in archive.read("report.txt") or b"what flow logs support" in archive.read("report.txt")
    assert found["fingerprint"] == hashlib.sha256(zipfile.ZipFile(pack).read("SHA256SUMS")).hexdigest()


def test_the_commands_of_a_pack_give_its_answers(packed, command):
    with zipfile.ZipFile(packed[0]) as archive:
        queries = json.loads(archive.read("queries.json"))
        assert {"totals", "interface coverage", "admin", "public services"} <= {query["name"] for query in queries}
        for query in queries:
            words = shlex.split(query["command"])
            ran = command(*words[1:])
            assert words[0] == "flowlogs" and ran.returncode == 0, ran.stderr
            if query["answer"]:
                assert ran.stdout == archive.read(query["answer"]).decode() and query["rows"] == ran.stdout.count("\n") - 1


@settings(max_examples=400)
@given(st.data())
def test_a_changed_byte_of_a_pack_is_found(packed, data):
    content = bytearray(packed[0].read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    changed = packed[0].parent / "changed.zip"
    changed.write_bytes(content)
    assert evidence.verify(changed)["problems"]


def test_the_bytes_of_a_zip_file_are_the_same_everywhere():
    import hashlib

    content = evidence._zipped({"b/c.csv": b"2\n", "a.json": b"{}"})
    assert hashlib.sha256(content).hexdigest() == "f6f6519dbc8b24923d527a5ffb0aa46870a78bca873be7e91629d3d6ba794171"


def test_bytes_that_are_lost_or_added_are_found(packed, tmp_path):
    content = packed[0].read_bytes()
    for changed in (content[:-1], content[1:], content + b"\0", b"\0" + content, content[:100] + content[101:], b"", content[: len(content) // 2]):
        (tmp_path / "c.zip").write_bytes(changed)
        assert evidence.verify(tmp_path / "c.zip")["problems"]


@settings(max_examples=150)
@given(st.data())
def test_a_changed_byte_of_a_directory_is_found(packed, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(packed[0]) as archive:
        archive.extractall(folder)
    assert evidence.verify(folder)["problems"] == []
    path = data.draw(st.sampled_from(sorted(path for path in folder.rglob("*") if path.is_file())))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    problems = evidence.verify(folder)["problems"]
    assert any(path.name in problem for problem in problems)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["audit.json", "manifest.json", "SHA256SUMS", "answers/totals.csv"])
@pytest.mark.parametrize("change", ["removed", "renamed", "added", "swapped"])
def test_a_member_that_is_removed_renamed_or_added_is_found(packed, directory, tmp_path, name, change):
    def changed(members):
        if change in ("removed", "renamed"):
            content = members.pop(name)
        if change == "renamed":
            members[name + ".old"] = content
        if change == "added":
            members[name + ".more"] = b"more"
        if change == "swapped":
            members[name], members["report.txt"] = members["report.txt"], members[name]
        return members

    with zipfile.ZipFile(packed[0]) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    (tmp_path / "c.zip").write_bytes(evidence._zipped(changed(dict(members))))  # as whoever knows the format would
    assert any(name.split("/")[-1] in problem for problem in evidence.verify(tmp_path / "c.zip")["problems"])

    path = directory / name
    if change == "removed":
        path.unlink()
    elif change == "renamed":
        path.rename(path.with_name(path.name + ".old"))
    elif change == "added":
        path.with_name(path.name + ".more").write_bytes(b"more")
    else:
        other, content = directory / "report.txt", path.read_bytes()
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
    assert any(path.name in problem for problem in evidence.verify(directory)["problems"])


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"members": 1}', b'{"flowlogs_evidence": 1, "members": []}', b"\xff", b"[" * 100_000])
def test_a_manifest_that_is_none_is_a_problem_and_no_crash(packed, tmp_path, content, command):
    with zipfile.ZipFile(packed[0]) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members["manifest.json"] = content
    members["SHA256SUMS"] = evidence._sums(members)
    (tmp_path / "c.zip").write_bytes(evidence._zipped(members))
    ran = command("audit", "verify", tmp_path / "c.zip", "--sources")
    assert ran.returncode == 1 and "manifest.json" in ran.stdout


def test_other_line_ends_in_the_sums_are_found(directory):
    path = directory / "SHA256SUMS"
    content = path.read_bytes()
    for at in (content.index(b"\n"), len(content) - 1):
        for other in (b"\r", b"\x0b", b"\x1c"):
            path.write_bytes(content[:at] + other + content[at + 1 :])
            assert "SHA256SUMS" in evidence.verify(directory)["problems"][0]
    path.write_bytes(content + b"\n")
    assert evidence.verify(directory)["problems"]
    path.write_bytes(content)
    assert evidence.verify(directory)["problems"] == []


def test_who_makes_another_pack_does_not_have_the_fingerprint(packed, tmp_path):
    noted = evidence.verify(packed[0])["fingerprint"]
    fl.scan(packed[1]).audit(pack=tmp_path / "other.zip", at=NOW + 1)
    assert evidence.verify(packed[0], expect=noted)["problems"] == []
    assert evidence.verify(tmp_path / "other.zip")["problems"] == []
    (problem,) = evidence.verify(tmp_path / "other.zip", expect=noted)["problems"]
    assert "it is another pack" in problem


def test_a_source_that_was_changed_since_is_found(tmp_path):
    log = tmp_path / "flow.log"
    log.write_bytes(fl.generate(records=50))
    fl.scan(log).audit(pack=tmp_path / "e.zip")
    assert evidence.verify(tmp_path / "e.zip", sources=True)["problems"] == []
    content = log.read_bytes()
    log.write_bytes(content.replace(b"ACCEPT", b"REJECT", 1))
    assert evidence.verify(tmp_path / "e.zip")["problems"] == []  # the pack is what it was
    assert "flow.log: its SHA-256 is" in evidence.verify(tmp_path / "e.zip", sources=True)["problems"][0]
    log.unlink()
    assert "No such file" in evidence.verify(tmp_path / "e.zip", sources=True)["problems"][0]


def test_a_source_that_changes_while_it_is_audited_gives_no_pack(tmp_path):
    log = tmp_path / "flow.log"
    log.write_bytes(fl.generate(records=50))
    packing = evidence.Packing(tmp_path / "e.zip", [str(log)], None, (None, None))
    answer = fl.scan(log).audit()
    log.write_bytes(fl.generate(records=50, seed=9))
    with pytest.raises(fl.ArgumentError, match="was changed while it was audited"):
        packing.write(answer, [str(log)])
    assert not (tmp_path / "e.zip").exists()


def test_every_file_that_was_read_is_in_the_manifest(tmp_path):
    logs = tmp_path / "logs"
    (logs / "2026").mkdir(parents=True)
    (logs / "_work").mkdir()
    for name in ("a.log", "2026/b.log", "_work/c.log", ".hidden"):
        (logs / name).write_bytes(fl.generate(records=20))
    (logs / "empty.log").write_text(fl.Format.default().header + "\n")
    fl.scan(logs).audit(pack=tmp_path / "e.zip")
    sources = evidence.verify(tmp_path / "e.zip")["manifest"]["sources"]
    assert [(os.path.relpath(source["key"], logs), source["records"]) for source in sources] == [("2026/b.log", 20), ("a.log", 20), ("empty.log", 0)]
    fl.scan(str(logs / "*.log")).audit(pack=tmp_path / "glob.zip")
    assert len(evidence.verify(tmp_path / "glob.zip")["manifest"]["sources"]) == 2


def test_the_files_of_an_inventory_are_in_the_manifest(tmp_path, packed, inventory):
    directory = inventory(network_acls=None)
    answer = fl.scan(packed[1]).audit(inventory=directory, pack=tmp_path / "e.zip")
    found = evidence.verify(tmp_path / "e.zip", sources=True)
    assert found["problems"] == [] and found["sources_checked"] == 6
    names = {os.path.basename(source["key"]) for source in found["manifest"]["inventory"]}
    assert names == {"manifest.json", "flow-logs.json", "vpcs.json", "network-interfaces.json", "security-groups.json"}
    calls = {call["call"]: call["time"] for call in found["manifest"]["calls"]}
    assert calls["ec2:DescribeVpcs"] == "2026-12-09 23:59:00Z" and answer.population["missing"]
    (directory / "vpcs.json").write_text("{}")
    assert "vpcs.json: its SHA-256 is" in evidence.verify(tmp_path / "e.zip", sources=True)["problems"][0]


def test_what_cannot_be_packed_is_said_before_anything_is_read(packed, tmp_path):
    log = fl.scan(packed[1])
    with pytest.raises(fl.ArgumentError, match="there already, and evidence is not overwritten"):
        log.audit(pack=packed[0])
    with pytest.raises(fl.ArgumentError, match="no such directory"):
        log.audit(pack=tmp_path / "none" / "e.zip")
    with pytest.raises(fl.ArgumentError, match="can be read once"):
        fl.scan(fl.generate(records=5)).audit(pack=tmp_path / "e.zip")
    with pytest.raises(fl.ArgumentError, match="No such file"):
        evidence.verify(tmp_path / "none.zip")
    assert not list(tmp_path.iterdir())


# ---- The command -----------------------------------------------------------------------------------------------------


def write(path, *lines):
    path.write_text(V3 + "\n" + "".join(lines))
    return path


def test_the_command_exits_with_1_if_a_control_fails(command, tmp_path):
    good = write(tmp_path / "good.log", *every(600, 0, HOUR))
    bad = write(tmp_path / "bad.log", *HELD, flow(OUT, OWN, flags=SYN), flow(OWN, OUT, flags=SYN_ACK))
    ran = command("audit", good)
    assert ran.returncode == 0 and ran.stdout.startswith("audit of 6 records, made ") and ran.stderr == ""
    assert command("audit", bad).returncode == 1
    assert command("audit", bad, "--fail-on", "never").returncode == 0
    assert command("audit", bad, "--allow", "198.51.100.0/24").returncode == 0
    assert command("audit", bad, "--controls", "cis-aws").returncode == 0
    assert command("audit", bad, "--controls", "cis-aws", "--fail-on", "warn").returncode == 1
    assert command("audit", good, "--controls", "nist").returncode == 2
    answer = json.loads(command("audit", bad, "-o", "json").stdout)
    assert answer["statuses"]["FAIL"] == 3 and answer["admin"]["exposed"][0]["server"] == "10.0.0.5"
    table = command("audit", bad, "-o", "csv").stdout
    assert table.startswith("framework,control,status,title,") and table.count("\n") == len(controls.CONTROLS) + 1
    # The period is that of --since and --until.
    ran = command("audit", good, "--since", BEGIN - HOUR, "--until", BEGIN + HOUR)
    assert ran.returncode == 1 and "no interface has a record" in ran.stdout


def test_the_command_writes_and_verifies_packs(command, tmp_path):
    log = write(tmp_path / "flow.log", *every(600, 0, HOUR), *HELD)
    pack = tmp_path / "e.zip"
    ran = command("audit", log, "--pack", pack, "--who", "10.0.0.5")
    fingerprint = ran.stderr.split()[-1]
    assert ran.returncode == 0 and "note its fingerprint" in ran.stderr and len(fingerprint) == 64
    ran = command("audit", "verify", pack, "--expect", fingerprint, "--sources")
    assert ran.returncode == 0 and "unchanged" in ran.stdout and fingerprint in ran.stdout and "1 read again" in ran.stdout
    assert command("audit", "verify", pack, "--expect", "00").returncode == 1
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)
    ran = command("audit", "verify", pack)
    assert ran.returncode == 1 and "CHANGED" in ran.stdout
    assert json.loads(command("audit", "verify", pack, "-o", "json").stdout)["problems"]
    assert command("audit", "verify").returncode == 2
    assert command("audit", "verify", tmp_path / "none.zip").returncode == 2
    assert command("audit", "-", "--pack", tmp_path / "f.zip", stdin=log.read_bytes()).returncode == 2


def test_standard_input_can_be_audited(command):
    ran = command("audit", "-", stdin=(V3 + "\n" + "".join(every(600, 0, HOUR))).encode())
    assert ran.returncode == 0 and "audit of 6 records" in ran.stdout


def test_a_damaged_input_gives_the_audit_of_what_was_read(tmp_path, command):
    log = tmp_path / "flow.log.gz"
    log.write_bytes(fl.generate(records=5000, gzip=True)[:-5000])
    with pytest.raises(fl.InputError) as raised:
        fl.scan(log).audit(at=NOW)
    assert raised.value.table.period["records"] > 0
    ran = command("audit", log, "--pack", tmp_path / "e.zip")
    assert ran.returncode == 2 and "not read to its end" in ran.stderr and "audit of" in ran.stdout
    assert evidence.verify(tmp_path / "e.zip")["manifest"]["stats"]["complete"] is False


# ---- Arguments -------------------------------------------------------------------------------------------------------


def test_times_and_lists_are_written_as_elsewhere():
    log = scan(*every(600, 0, HOUR), *HELD, flow(OUT, OWN, flags=SYN), flow(OWN, OUT, flags=SYN_ACK))
    answer = log.audit(since="2026-09-01", until="2026-09-01T01:00:00Z", allow="203.0.113.0/24, 198.51.100.0/24", at=NOW)
    assert (answer.period["since"], answer.period["until"]) == (BEGIN, BEGIN + HOUR)
    assert answer.admin["allowed"] == ["203.0.113.0/24", "198.51.100.0/24"] and answer.admin["exposed"] == []
    with pytest.raises(fl.ArgumentError, match="is no time"):
        log.audit(since="yesterday")
    with pytest.raises(fl.ArgumentError, match="interval is 0"):
        log.audit(interval=0)


def test_host_bits_of_a_prefix_are_an_error_with_the_right_one():  # CONTRACT L4
    log = scan(*HELD)
    for options in ({"who": "10.0.0.5/8"}, {"allow": "10.0.0.5/8"}):
        with pytest.raises(fl.ArgumentError, match=r"has host bits set; the prefix is 10\.0\.0\.0/8;"):
            log.audit(**options)
    # CONTRACT F7
    assert log.audit(who="::ffff:10.0.0.5", at=NOW).reached["conversations"] == log.audit(who="10.0.0.5", at=NOW).reached["conversations"]


@pytest.mark.parametrize("kind, items", [("flow-logs", None), ("network-acls", [5]), ("security-groups", [{"IpPermissions": 5, "GroupId": "sg-1"}])])
def test_an_inventory_that_is_none_is_an_error(inventory, kind, items):
    directory = inventory()
    text = {} if items is None else {"items": items}
    (directory / f"{kind}.json").write_text(json.dumps(text))
    with pytest.raises(fl.ArgumentError, match="inventory: .*write (it|the inventory) again"):
        scan(*HELD).audit(inventory=directory)


def test_a_share_of_the_time_is_all_of_it_only_if_it_is():
    lines = every(600, 0, 8000 * HOUR)
    del lines[7:10]
    answer = scan(*lines).audit(controls="soc2", at=NOW)
    assert 0.9999 < answer.coverage["share"] < 1 and "99.99 % of the time" in str(answer)
    assert "100.00 % of the time" in str(scan(*lines[20:40]).audit(controls="soc2", at=NOW))


def test_the_manifest_has_the_queries(packed):  # CONTRACT I4
    with zipfile.ZipFile(packed[0]) as archive:
        told = {query["name"]: query["command"] for query in json.loads(archive.read("queries.json"))}
        assert json.loads(archive.read("manifest.json"))["queries"] == told and "totals" in told


def test_who_may_be_a_set():
    log = scan(*HELD, flow(OUT, OWN, flags=SYN), flow(OWN, OUT, flags=SYN_ACK), sets={"web": ["10.0.0.5"]})
    assert log.audit(who="@web", at=NOW).reached["conversations"] == log.audit(who="10.0.0.5", at=NOW).reached["conversations"]
    with pytest.raises(fl.ExpressionError, match="no set @db"):
        log.audit(who="@db", at=NOW)


def test_records_of_attachments_tell_no_interfaces():
    report = str(fl.scan(fl.generate(records=50, format="tgw")).audit(controls="soc2", at=NOW))
    assert "population  the records do not tell their interfaces\n" in report
    assert "population  1 interface, as the records show\n" in str(scan(*HELD).audit(controls="soc2", at=NOW))
