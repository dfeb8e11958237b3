"""Query.performance(), `flowlogs performance`, and conversations as a graph."""

import json
import shutil
import subprocess

import pytest

import flowlogs as fl

V3 = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags"
SYN, SYN_ACK, RST = 2, 18, 4


def flow(source, destination, action="ACCEPT", flags="-", at="eni-a", packets=2, bytes=100, start=6000, end=6060, protocol=6):
    """A line of V3; source and destination are "address:port"."""
    (srcaddr, srcport), (dstaddr, dstport) = (text.rpartition(":")[::2] for text in (source, destination))
    return f"{at} {srcaddr} {dstaddr} {srcport} {dstport} {protocol} {packets} {bytes} {start} {end} {action} {flags}\n"


def scan(*lines, header=V3):
    return fl.scan((header + "\n" + "".join(lines)).encode())


def both(client, server, **more):
    """An answered connection, as the server's interface tells of it."""
    return flow(client, server, flags=SYN, **more) + flow(server, client, flags=SYN_ACK, **more)


def test_rates_are_of_bins_and_a_long_record_is_spread():
    # 600 bytes in the first minute, 60 in each of the ten behind it, nothing in one minute, 60 in the last.
    answer = scan(
        flow("10.0.0.1:40000", "10.0.0.2:443", bytes=600, packets=60, start=6000, end=6060),
        flow("10.0.0.1:40001", "10.0.0.2:443", bytes=600, packets=600, start=6060, end=6660),
        flow("10.0.0.1:40002", "10.0.0.2:443", bytes=60, packets=0, start=6720, end=6780),
    ).performance()
    (row,) = answer.interfaces
    assert answer.bin == 60 and (answer.start, answer.end) == (6000, 6780)
    assert (row["interface"], row["bytes"], row["packets"]) == ("eni-a", 1260, 660)
    assert row["bits_per_second"] == {"p50": 8.0, "p95": 80.0, "max": 80.0}
    assert row["packets_per_second"] == {"p50": 1.0, "p95": 1.0, "max": 1.0}
    assert row["connections"] == 3
    assert row["connections_per_second"] == {"p50": 0, "p95": pytest.approx(1 / 60), "max": pytest.approx(1 / 60)}


def test_the_bin_can_be_chosen_and_long_logs_have_longer_ones():
    lines = flow("10.0.0.1:1", "10.0.0.2:443", bytes=300, start=6000, end=6300), flow("10.0.0.1:2", "10.0.0.2:443", start=6299)
    assert scan(*lines).performance(bin="5m").interfaces[0]["bits_per_second"]["max"] == pytest.approx(8 * 400 / 300)
    year = scan(flow("10.0.0.1:1", "10.0.0.2:443", start=0, end=60), flow("10.0.0.1:1", "10.0.0.2:443", start=31_536_000))
    assert year.performance().bin == 600
    with pytest.raises(fl.ArgumentError, match="no span of time"):
        year.performance(bin="soon")


@pytest.mark.parametrize(
    "fate, lines",
    [
        (None, [both("10.0.0.9:40000", "10.0.0.2:443")]),
        ("unanswered", [flow("10.0.0.9:40000", "10.0.0.2:443", flags=SYN)]),
        ("reset", [flow("10.0.0.9:40000", "10.0.0.2:443", flags=SYN), flow("10.0.0.2:443", "10.0.0.9:40000", flags=RST)]),
        ("rejected", [flow("10.0.0.9:40000", "10.0.0.2:443", "REJECT", flags=SYN)]),
    ],
)
def test_shares_are_of_connections_by_interface_and_by_service(fate, lines):
    answer = scan(both("10.0.0.9:50000", "10.0.0.2:443"), *lines).performance()
    expected = {"unanswered": 0, "reset": 0, "rejected": 0, **({} if fate is None else {fate: 0.5})}
    for row in (*answer.interfaces, *answer.services):
        assert {name: row[name] for name in expected} == expected and row["connections"] == 2


def test_a_service_is_judged_where_it_is_and_counted_once():
    client, server = "10.0.0.9:40000", "10.0.0.2:443"
    lines = [both(client, server, at="eni-server"), both(client, server, at="eni-client", bytes=70)]
    # More of each interface, so that its own address is told.
    lines += [both(f"10.0.0.{i}:1234", server, at="eni-server") for i in (5, 6)]
    lines += [both("10.0.0.9:40001", f"10.0.1.{i}:80", at="eni-client") for i in (5, 6)]
    answer = scan(*lines).performance()
    https = next(row for row in answer.services if row["service"] == "https")
    assert (https["servers"], https["connections"], https["bytes"]) == (1, 3, 600)
    assert {row["interface"]: row["connections"] for row in answer.interfaces} == {"eni-server": 3, "eni-client": 3}


def test_one_server_that_has_more_than_its_part_is_named():
    lines = [both(f"10.0.9.9:{40000 + i}", "10.0.0.2:443", at="eni-2") for i in range(9)]
    lines += [both(f"10.0.9.9:{50000 + i}", "10.0.0.3:443", at="eni-3") for i in range(3)]
    lines += [both("10.0.9.7:1024", f"10.0.0.{i}:443", at=f"eni-{i}") for i in (2, 3)]
    (https,) = scan(*lines).performance().services
    assert https["imbalance"] == {"busiest": "10.0.0.2", "connections": 10, "times_mean": 10 / 7}


def test_a_service_has_rates_too_counted_once():
    # 600 bytes each way in the first minute, nothing in one, 60 each way in the last; both ends tell of it.
    lines = [
        both("10.0.0.9:40000", "10.0.0.2:443", at=at, bytes=size, packets=size // 10, start=start, end=start + 60)
        for at in ("eni-server", "eni-client")
        for size, start in ((600, 6000), (60, 6120))
    ]
    lines += [both(f"10.0.0.{i}:1234", "10.0.0.2:80", at="eni-server", packets=0, bytes=0) for i in (5, 6)]
    lines += [both("10.0.0.9:40001", f"10.0.1.{i}:53", at="eni-client", protocol=17, packets=6, bytes=0) for i in (5, 6)]
    answer = scan(*lines).performance()
    rows = {row["service"]: row for row in answer.services}
    assert rows["https"]["bits_per_second"] == {"p50": 16.0, "p95": 160.0, "max": 160.0}
    assert rows["https"]["packets_per_second"] == {"p50": pytest.approx(0.2), "p95": 2.0, "max": 2.0}
    assert rows["http"]["connections_per_second"] == {name: pytest.approx(2 / 60) for name in ("p50", "p95", "max")}
    assert rows["dns"]["packets_per_second"]["max"] == pytest.approx(24 / 60) and rows["dns"]["bits_per_second"]["max"] == 0
    assert "16 / 160 / 160" in str(answer)


def test_a_wrong_bin_is_told_of_this_verb():
    logs = scan(flow("10.0.0.1:1", "10.0.0.2:443", start=0, end=60), flow("10.0.0.1:1", "10.0.0.2:443", start=31_536_000))
    for wrong in ("soon", 0, 1.5, None):
        with pytest.raises(fl.ArgumentError, match="^performance: bin: "):
            logs.performance(bin=wrong)
    with pytest.raises(fl.ArgumentError, match="^performance: 31,536,001 bins"):
        logs.performance(bin=1)


def test_source_ports_to_one_destination_are_counted_by_minute():
    header = V3 + " interface-type"
    lines = [
        flow(f"10.0.0.5:{20000 + i}", "192.0.2.1:443", at="eni-nat", start=6000 + 60 * (i >= 30)).replace("\n", " nat_gateway\n")
        for i in range(40)
    ]
    # The answers go to as many ports of one host, and are no use of ports.
    lines += [flow("192.0.2.1:443", f"10.0.0.5:{20000 + i}", at="eni-nat").replace("\n", " nat_gateway\n") for i in range(40)]
    (row,) = scan(*lines, header=header).performance().ports
    assert (row["interface"], row["dstaddr"], row["dstport"], row["time"]) == ("eni-nat", "192.0.2.1", 443, 6000)
    assert (row["ports"], row["limit"], row["share"]) == (30, 55_000, 30 / 55_000)


def test_bytes_across_zones_are_counted_once_and_the_missing_field_is_named():
    header = "interface-id srcaddr dstaddr bytes start end flow-direction az-id next-hop-az-id"
    lines = [
        "eni-a 10.0.0.1 10.0.0.2 100 6000 6060 egress use1-az1 use1-az2\n",
        "eni-b 10.0.0.1 10.0.0.2 100 6000 6060 ingress use1-az2 use1-az1\n",
        "eni-a 10.0.0.1 10.0.0.3 300 6000 6060 egress use1-az1 use1-az1\n",
    ]
    answer = scan(*lines, header=header).performance()
    assert answer.zones == {"bytes": 400, "cross_zone": 100, "paths": [{"from": "use1-az1", "to": "use1-az2", "bytes": 100}]}
    assert answer.missing == []
    without = scan(flow("10.0.0.1:1", "10.0.0.2:443")).performance()
    assert without.zones is None and "next-hop-az-id" in without.missing[0]


def test_what_a_transit_gateway_dropped_is_told_by_attachment_and_reason():
    header = "tgw-attachment-id srcaddr dstaddr packets bytes start end packets-lost-no-route packets-lost-blackhole"
    lines = ["tgw-attach-1 10.0.0.1 10.1.0.1 10 100 6000 6060 3 1\n", "tgw-attach-2 10.0.0.1 10.1.0.1 5 50 6000 6060 0 0\n"]
    answer = scan(*lines, header=header).performance()
    assert [(row["attachment"], row["lost"], row["no_route"], row["blackhole"]) for row in answer.gateway] == [
        ("tgw-attach-1", 4, 3, 1),
        ("tgw-attach-2", 0, 0, 0),
    ]
    assert "tgw-attach-1: 4 of 14 packets (3 no-route, 1 blackhole)" in str(answer)


def test_order_and_threads_do_not_matter(noise):
    lines = noise.read_text().splitlines(keepends=True)
    answers = [
        fl.scan("".join(text).encode(), threads=threads).performance()
        for text, threads in ((lines, 1), ([lines[0], *lines[:0:-1]], 7))
    ]
    one, other = ({**answer, "stats": None} for answer in answers)
    assert one == other and one["interfaces"]


def test_formats_without_interfaces_or_bytes_and_no_records(command, tmp_path):
    answer = scan("10.0.0.1 10.0.0.2 6000\n", header="srcaddr dstaddr start").performance()
    assert answer.interfaces == [] and "interface-id" in answer.missing[0] and "latency" in str(answer)
    empty = scan(header=V3).performance()
    assert empty.interfaces == [] and empty.services == [] and str(empty)
    log = tmp_path / "log"
    log.write_text(V3 + "\n" + both("10.0.0.9:40000", "10.0.0.2:443"))
    process = command("performance", "-o", "json", log)
    assert json.loads(process.stdout)["services"][0]["service"] == "https" and process.stderr == ""
    with pytest.raises(fl.ArgumentError, match="no input has start"):
        scan("10.0.0.1 10.0.0.2\n", header="srcaddr dstaddr").performance()


# ---- The graph -------------------------------------------------------------------------------------------------------


def test_a_graph_has_an_edge_from_a_client_to_a_server():
    lines = [both("10.0.0.9:1", "198.51.100.2:443"), both("10.0.0.9:2", "198.51.100.2:80"), flow("10.0.0.9:3", "10.0.0.1:22", "REJECT")]
    answer = scan(*lines).conversations()
    graph = answer.graph()
    assert {(edge["source"], edge["target"]): (sorted(edge["services"]), edge["bytes"]) for edge in graph["edges"]} == {
        ("10.0.0.9", "198.51.100.2"): (["http", "https"], 400),
        ("10.0.0.9", "10.0.0.1"): (["ssh"], 100),
    }
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert nodes["10.0.0.9"] == {"id": "10.0.0.9", "bytes_sent": 300, "bytes_received": 200, "scope": "private"}
    assert nodes["198.51.100.2"]["scope"] == "public"


def test_graphviz_reads_the_graph(command, tmp_path, noise):
    out = tmp_path / "net.dot"
    assert command("conversations", "-n", "all", "-o", out, noise).returncode == 0
    text = out.read_text()
    assert text.startswith("digraph") and text.count("->") > 20 and "style=dashed" in text
    if shutil.which("dot"):
        assert b"<svg" in subprocess.run(["dot", "-Tsvg", out], check=True, capture_output=True).stdout
    graph = json.loads(command("conversations", "--graph", "-n", "all", "-o", "json", noise).stdout)
    assert len(graph["edges"]) == text.count("->")
    refused = command("conversations", "--graph", "-o", "csv", noise)
    assert refused.returncode == 2 and "-o dot" in refused.stderr
