"""Query.who() and `flowlogs who`."""

import collections
import ipaddress
import json

import pytest

import flowlogs as fl

HEADER = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action\n"
MB = 10**6


def flow(source, destination, at="eni-a", bytes=100, start=1000, action="ACCEPT", protocol=6):
    """A line; source and destination are "address:port"."""
    (src, srcport), (dst, dstport) = (text.rsplit(":", 1) for text in (source, destination))
    return f"{at} {src} {dst} {srcport} {dstport} {protocol} 2 {bytes} {start} {start + 60} {action}\n"


def scan(*lines):
    return fl.scan((HEADER + "".join(lines)).encode())


def test_a_server_is_told_with_its_clients():
    logs = scan(
        flow("10.0.0.7:40000", "10.0.0.2:443", bytes=70),
        flow("10.0.0.2:443", "10.0.0.7:40000", bytes=500, start=1100),
        flow("10.0.0.8:40000", "10.0.0.2:443", bytes=30),
        flow("10.0.0.2:50000", "10.0.0.9:5432", bytes=9),
        flow("10.0.0.5:1", "10.0.0.6:2", bytes=MB),
    )
    who = logs.who("10.0.0.2")
    assert who.subject == {"text": "10.0.0.2", "kind": "address", "scope": "private"}
    assert (who.records, who.first_seen, who.last_seen, who.actions) == (4, 1000, 1160, {"ACCEPT": 4})
    assert who.sent == {"bytes": 509, "packets": 4} and who.received == {"bytes": 100, "packets": 4}
    (served,), (used,) = who.server_of, who.client_of
    assert served == {
        "service": "https", "peers": 2, "connections": 2, "records": 3, "rejected": 0,
        "bytes_sent": 500, "bytes_received": 100,
    }  # fmt: skip
    assert (used["service"], used["peers"], used["bytes_sent"]) == ("postgresql", 1, 9)
    assert [(peer["peer"], peer["direction"], peer["bytes_received"]) for peer in who.peers] == [
        ("10.0.0.7", "inbound", 70), ("10.0.0.8", "inbound", 30), ("10.0.0.9", "outbound", 0),
    ]  # fmt: skip
    assert who.conversations == 3 and who.states["answered"] == 1 and who.states["no reply"] == 2
    text = str(who)
    assert text.startswith("10.0.0.2, private address; server of https; client of postgresql\n")


def test_what_was_rejected_stands_apart():
    logs = scan(*(flow("198.51.100.9:55555", f"10.0.0.2:{port}", action="REJECT") for port in (22, 23, 3389)))
    who = logs.who("10.0.0.2")
    assert who.server_of == [] and who.actions == {"REJECT": 3}
    assert who.rejected_server_of["services"] == 3 and who.rejected_server_of["records"] == 3
    assert {row["service"] for row in who.rejected_server_of["top"]} == {"ssh", "telnet", "rdp"}
    scanner = logs.who("198.51.100.9")
    assert scanner.subject["scope"] == "public" and scanner.rejected_client_of["services"] == 3


def test_packets_that_two_interfaces_saw_count_once():  # CONTRACT D2
    logs = scan(
        flow("10.0.0.1:40000", "10.0.0.2:443", at="eni-a"),
        flow("10.0.0.1:40000", "10.0.0.2:443", at="eni-b"),
        flow("10.0.0.1:40001", "10.0.0.3:443", at="eni-a"),
        flow("10.0.0.4:40002", "10.0.0.2:443", at="eni-b"),
    )
    assert logs.who("10.0.0.1").sent["bytes"] == 200 and logs.who("10.0.0.2").received["bytes"] == 200
    assert logs.who("10.0.0.2").records == 3
    assert {row["interface_id"]: row["records"] for row in logs.who("10.0.0.2").interfaces} == {"eni-a": 1, "eni-b": 2}


@pytest.fixture(scope="module")
def made():
    return fl.generate(records=4000, seed=3, format="v5", hosts=20)


def test_a_generated_log_gives_what_a_loop_over_its_records_gives(made):
    logs = fl.scan(made)
    names = ["srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr", "bytes", "packets", "action", "start", "end", "interface_id"]
    rows = logs.select(*names).to_dicts()
    once = logs.once().select(*names).to_dicts()
    busiest = collections.Counter(row["srcaddr"] for row in rows if row["srcaddr"]).most_common(5)
    for subject, _ in busiest:
        who = logs.who(subject, limit=1000)
        mine = [row for row in rows if subject in list(row.values())[:4]]
        assert who.records == len(mine)
        assert who.actions == collections.Counter(row["action"] for row in mine if row["action"])
        assert who.first_seen == min(row["start"] for row in mine) and who.last_seen == max(row["end"] for row in mine)
        sent = sum(row["bytes"] for row in once if subject in (row["srcaddr"], row["pkt_srcaddr"]))
        received = sum(row["bytes"] for row in once if subject in (row["dstaddr"], row["pkt_dstaddr"]))
        # Where the interface that counts has no record of a group of packets, what is there counts: never less.
        assert sent <= who.sent["bytes"] <= sum(r["bytes"] for r in mine if subject in (r["srcaddr"], r["pkt_srcaddr"]))
        assert received <= who.received["bytes"]
        for way in ("sent", "received"):
            assert sum(peer[f"bytes_{way}"] for peer in who.peers) == who[way]["bytes"]
        counted = collections.Counter(row["interface_id"] for row in mine)
        assert all(counted[row["interface_id"]] == row["records"] for row in who.interfaces)
        assert [row["records"] for row in who.interfaces] == [records for _, records in counted.most_common(10)]


def test_an_interface_a_prefix_and_an_account_can_be_asked_for(made):
    logs = fl.scan(made)
    eni = logs.group_by("interface_id").agg(n="count()").sort("n", descending=True).head(1).collect()[0]
    who = logs.who(eni["interface_id"])
    assert who.subject == {"text": eni["interface_id"], "kind": "interface", "scope": None} and who.records == eni["n"]
    prefix = logs.who("10.0.0.0/8")
    assert prefix.subject["kind"] == "prefix" and prefix.records == logs.filter("addr in 10.0.0.0/8").count()
    account = logs.select("account_id").head(1).collect()[0]["account_id"]
    assert logs.who(account).records == logs.filter(f"account_id = '{account}'").count()


def test_what_is_nowhere_is_said_and_what_is_nothing_is_an_error(command, noise):
    logs = fl.scan(noise)
    nobody = logs.who("9.9.9.9")
    assert nobody.records == 0 and nobody.peers == [] and "is in none of the records" in str(nobody)
    process = command("who", "9.9.9.9", noise)
    assert process.returncode == 0 and process.stderr == "flowlogs: '9.9.9.9' is in none of 99 records\n"
    with pytest.raises(fl.ArgumentError, match="'5' is no address"):
        logs.who(5)
    assert logs.who(ipaddress.ip_address("10.0.0.138")) == logs.who("10.0.0.138")
    for wrong, told in (("10.0.0", "no address"), ("10.0.0.5/8", "host bits"), ("vpc-1", "no input has"), ("web", "no address")):
        with pytest.raises(fl.ArgumentError, match=told):
            logs.who(wrong)
        assert command("who", wrong, noise).returncode == 2


def test_the_command_gives_the_method_s_answer(command, noise):  # CONTRACT P8
    assert json.loads(command("who", "10.0.0.138", "-o", "json", noise).stdout) == fl.scan(noise).who("10.0.0.138")
    assert command("who", "10.0.0.138", noise).stdout.startswith("10.0.0.138, private address; ")
