"""Query.cost() and `flowlogs cost`: every byte has one path, and any number of charges."""

import itertools
import json
import pathlib
import random

import pytest

import flowlogs as fl
from flowlogs.cost import bill as bills
from flowlogs.cost.prices import CHARGES, Prices

GB = 2**30
DAY = 1_788_220_800  # 2026-09-01
DEFAULT = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
V3 = DEFAULT + " vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr"
V5 = V3 + " region az-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
V11 = V5 + " interface-type next-hop-interface-id next-hop-az-id next-hop-vpc-id next-hop-interface-type"
GATEWAY = (
    "version resource-type tgw-id tgw-attachment-id tgw-src-vpc-id tgw-dst-vpc-id tgw-src-az-id tgw-dst-az-id srcaddr dstaddr srcport "
    "dstport protocol packets bytes start end log-status region flow-direction"
)
PRICES = {
    "date": "2026-09-01",
    "sources": {"test": {"what": "made up"}},
    "regions": {
        "us-east-1": {
            "internet-out": [0.09, "test"], "inter-region-out": 0.02, "cross-az": 0.01, "nat-processing": 0.045,
            "transit-gateway-processing": 0.02, "endpoint-processing": 0.01,
        }
    },
}  # fmt: skip


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(PRICES))
    return path


def text(header, *records):
    """A log: what a record lacks is -."""
    names = header.split()
    return "\n".join([header, *(" ".join(str(record.get(name.replace("-", "_"), "-")) for name in names) for record in records)]) + "\n"


def cost(header, *records, **options):
    return fl.scan(text(header, *records).encode()).cost(**options)


def paths(answer):
    found = {row["path"]: row["bytes"] for row in answer.paths}
    assert sum(found.values()) == answer.bytes
    return found


def charges(answer):
    found = {}
    for row in answer.charges:
        found[row["charge"]] = found.get(row["charge"], 0) + row["bytes"]
    return found


# ---- The topology ----------------------------------------------------------------------------------------------------
# Two VPCs, a transit gateway between them, one NAT gateway. All that is on the way of a packet logs it.

A, C, N, T1, B, T2 = "10.1.1.5", "10.1.2.6", "10.1.0.9", "10.1.0.20", "10.2.1.7", "10.2.0.20"
X, S3, SCANNER = "198.51.100.9", "52.216.1.1", "203.0.113.66"
INTERFACES = {  # name: address, zone, VPC, instance, type
    "eni-a": (A, "use1-az1", "vpc-1", "i-a", "-"),
    "eni-c": (C, "use1-az2", "vpc-1", "i-c", "-"),
    "eni-n": (N, "use1-az1", "vpc-1", "-", "nat_gateway"),
    "eni-t1": (T1, "use1-az1", "vpc-1", "-", "transit_gateway"),
    "eni-b": (B, "use1-az1", "vpc-2", "i-b", "-"),
    "eni-t2": (T2, "use1-az1", "vpc-2", "-", "transit_gateway"),
}
OF = {values[0]: name for name, values in INTERFACES.items()}
SERVICES = {S3: "S3"}


def seen(at, way, source, destination, true, ports, amount, hop=None, path="-"):
    """A record of an interface. true: source and destination of the packet. hop: the next interface."""
    address, zone, vpc, instance, kind = INTERFACES[at]
    far = INTERFACES.get(hop)
    return dict(
        version=11, account_id="123456789012", interface_id=at, srcaddr=source, dstaddr=destination, srcport=ports[0],
        dstport=ports[1], protocol=6, packets=max(1, amount // 1400), bytes=amount, start=DAY, end=DAY + 60, action="ACCEPT",
        log_status="OK", vpc_id=vpc, subnet_id="subnet-" + at[4:], instance_id=instance, type="IPv4", pkt_srcaddr=true[0],
        pkt_dstaddr=true[1], region="us-east-1", az_id=zone, pkt_src_aws_service=SERVICES.get(true[0], "-"),
        pkt_dst_aws_service=SERVICES.get(true[1], "-"), flow_direction=way, traffic_path=path, interface_type=kind,
        next_hop_interface_id=hop or "-", next_hop_az_id=far[1] if far else "-", next_hop_vpc_id=far[2] if far else "-",
        next_hop_interface_type=far[4] if far else "-",
    )  # fmt: skip


def logged(way, source, destination, ports, amount):
    """What the transit gateway itself logs."""
    of = {address: values for values in INTERFACES.values() for address in [values[0]]}
    (_, src_az, src_vpc, *_), (_, dst_az, dst_vpc, *_) = of[source], of[destination]
    return dict(
        version=6, resource_type="TransitGateway", tgw_id="tgw-1", tgw_attachment_id="tgw-attach-" + (src_vpc if way == "ingress" else dst_vpc),
        tgw_src_vpc_id=src_vpc, tgw_dst_vpc_id=dst_vpc, tgw_src_az_id=src_az, tgw_dst_az_id=dst_az, srcaddr=source,
        dstaddr=destination, srcport=ports[0], dstport=ports[1], protocol=6, packets=1, bytes=amount, start=DAY, end=DAY + 60,
        log_status="OK", region="us-east-1", flow_direction=way,
    )  # fmt: skip


def through_nat(client, party, port, sent, received):
    own, up, down = OF[client], (port, 443), (443, port)
    nat_up, nat_down = (port + 1000, 443), (443, port + 1000)
    return [
        seen(own, "egress", client, party, (client, party), up, sent, "eni-n", 1),
        seen("eni-n", "ingress", client, N, (client, party), up, sent, own),
        seen("eni-n", "egress", N, party, (N, party), nat_up, sent, None, 8),
        seen("eni-n", "ingress", party, N, (party, N), nat_down, received),
        seen("eni-n", "egress", N, client, (party, client), down, received, own, 1),
        seen(own, "ingress", party, client, (party, client), down, received, "eni-n"),
    ]


def through_gateway(source, destination, ports, amount):
    gateways = {"vpc-1": ("eni-t1", T1), "vpc-2": ("eni-t2", T2)}
    here, there = OF[source], OF[destination]
    near, far = gateways[INTERFACES[here][2]], gateways[INTERFACES[there][2]]
    true = source, destination
    return [
        seen(here, "egress", source, destination, true, ports, amount, near[0], 1),
        seen(near[0], "ingress", source, near[1], true, ports, amount, here),
        seen(far[0], "egress", far[1], destination, true, ports, amount, there, 1),
        seen(there, "ingress", source, destination, true, ports, amount, None),
    ], [logged(way, source, destination, ports, amount) for way in ("ingress", "egress")]


def inside(source, destination, ports, amount):
    here, there, true = OF[source], OF[destination], (source, destination)
    return [
        seen(here, "egress", source, destination, true, ports, amount, there, 1),
        seen(there, "ingress", source, destination, true, ports, amount, here),
    ]


# Every flow, in one direction, with the interfaces that see it.
there, back = through_gateway(A, B, (40001, 443), 10 * GB), through_gateway(B, A, (443, 40001), GB)
RECORDS = [
    *through_nat(A, X, 40002, 5 * GB, 2 * GB),
    *through_nat(C, X, 40003, GB, GB),
    *through_nat(A, S3, 40004, 3 * GB, 4 * GB),
    *there[0], *back[0],
    *inside(A, C, (40005, 5432), 8 * GB), *inside(C, A, (5432, 40005), 2 * GB),
    seen("eni-n", "ingress", SCANNER, N, (SCANNER, N), (55555, 22), 10**6),
]  # fmt: skip
LOGGED = there[1] + back[1]
PATHS = {
    "transit-gateway": 11 * GB, "cross-az": 10 * GB, "aws-service-same-region": 7 * GB, "internet-out": 6 * GB,
    "internet-in": 3 * GB + 10**6,
}  # fmt: skip
CHARGES_OF = {
    "nat-processing": 16 * GB, "cross-az-out": 12 * GB, "cross-az-in": 12 * GB, "internet-out": 6 * GB,
    "transit-gateway-processing": 11 * GB,
}  # fmt: skip
COST = 16 * 0.045 + 24 * 0.01 + 6 * 0.09 + 11 * 0.02


def scan_all(header=V11, records=RECORDS, gateway=LOGGED, **options):
    parts = [text(header, *records).encode(), text(GATEWAY, *gateway).encode()] if gateway else [text(header, *records).encode()]
    return fl.scan(parts, **options)


@pytest.mark.parametrize("gateway", [LOGGED, []], ids=["with the gateway's log", "without"])
@pytest.mark.parametrize("header", [V11, V5], ids=["v11", "v5"])
def test_all_on_the_way_log_the_same_packets_and_they_count_once(header, gateway, prices):
    """The formats know more or less of gateways; v5 tells them by what their records show."""
    answer = scan_all(header, gateway=gateway).cost(prices=prices)
    assert paths(answer) == PATHS
    assert charges(answer) == CHARGES_OF
    assert answer.cost == pytest.approx(COST, abs=1e-6)
    # Counting every record instead: more than twice as much.
    assert sum(row["bytes"] for row in scan_all(header, gateway=gateway).group_by("bytes").agg(n="count()").collect()) > 0
    assert scan_all(header, gateway=gateway).agg(bytes="sum(bytes)").collect()[0]["bytes"] > 2 * answer.bytes
    assert not answer.unpriced and not answer.unknown


@pytest.mark.parametrize("header", [V11, V5], ids=["v11", "v5"])
def test_whatever_part_of_the_interfaces_logs_each_packet_counts_once(header, prices):
    """Of every set of interfaces: what at least one of them saw."""
    observers = [*INTERFACES, "gateway"]
    flows = []  # (bytes, who sees it)
    for client, amount in ((A, 5), (A, 2), (C, 1), (C, 1), (A, 3), (A, 4)):
        flows.append((amount * GB, {OF[client], "eni-n"}))
    flows += [(amount * GB, {"eni-a", "eni-b", "eni-t1", "eni-t2", "gateway"}) for amount in (10, 1)]
    flows += [(amount * GB, {"eni-a", "eni-c"}) for amount in (8, 2)]
    flows.append((10**6, {"eni-n"}))
    for number in range(1, len(observers) + 1):
        for some in itertools.combinations(observers, number):
            records = [record for record in RECORDS if record["interface_id"] in some]
            answer = scan_all(header, records, LOGGED if "gateway" in some else []).cost(prices=prices)
            assert answer.bytes == sum(amount for amount, who in flows if who & set(some)), some
            found = paths(answer)
            # What passes the NAT gateway has its path, whoever saw it.
            a, c, n = (int(bool({name, "eni-n"} & set(some))) for name in ("eni-a", "eni-c", "eni-n"))
            assert found.get("internet-out", 0) == (5 * a + c) * GB and found.get("aws-service-same-region", 0) == 7 * a * GB
            assert found.get("internet-in", 0) == (2 * a + c) * GB + n * 10**6
            if {"eni-t1", "eni-t2", "gateway"} & set(some):
                assert found["transit-gateway"] == 11 * GB and charges(answer)["transit-gateway-processing"] == 11 * GB


def test_the_order_of_records_does_not_matter(prices):
    expected = None
    for seed in range(5):
        records, gateway = RECORDS[:], LOGGED[:]
        random.Random(seed).shuffle(records)
        random.Random(seed).shuffle(gateway)
        answer = scan_all(V5, records, gateway, threads=1 + seed % 2).cost(by="conversation", prices=prices, limit=100).to_dict()
        answer.pop("stats")
        expected = expected or answer
        assert answer == expected


def test_rejected_packets_are_not_billed(prices):
    sent = seen("eni-a", "egress", A, X, (A, X), (40000, 443), 1000, None, 8)
    refused = {**seen("eni-a", "ingress", X, A, (X, A), (443, 40000), 5000), "action": "REJECT"}
    answer = cost(V11, sent, refused, prices=prices)
    assert paths(answer) == {"internet-out": 1000} and answer.rejected_bytes == 5000 and answer.doubts == []
    skipped = dict(interface_id="eni-a", start=DAY, end=DAY + 60, log_status="SKIPDATA")
    assert cost(V11, sent, skipped).doubts == ["1 record of SKIPDATA: there were packets that were not logged"]


# ---- Exact to the cent -----------------------------------------------------------------------------------------------


def test_a_days_bill_is_exact_to_the_cent(prices):
    """Odd amounts, of which floating point sums would drift; the expected bill is integers of 10^-9 USD of a byte."""
    rng = random.Random(7)
    records, out, nat, cross = [], 0, 0, 0
    for i in range(3000):
        amount = rng.randrange(1, 3 * 10**8)
        moment = dict(start=DAY + rng.randrange(86000), end=DAY + 86399)
        kind = rng.randrange(3)
        if kind == 0:
            made = [seen("eni-a", "egress", A, X, (A, X), (1024 + i, 443), amount, None, 8)]
            out += amount
        elif kind == 1:
            made = through_nat(A, X, 1024 + i, amount, 0)
            made = [record for record in made if record["bytes"]]
            out += amount
            nat += amount
        else:
            made = inside(A, C, (1024 + i, 5432), amount)
            cross += 2 * amount
        records += [{**record, **moment} for record in made]
    answer = scan_all(V11, records, []).cost(prices=prices)
    micros = out * 90_000 + nat * 45_000 + cross * 10_000  # times 2^30, in millionths of a dollar
    cents = (micros + 10_000 * GB // 2) // (10_000 * GB)  # rounded half up
    assert round(answer.cost * 100) == cents
    assert f"{cents / 100:,.2f} USD for" in str(answer)
    assert answer.end - answer.start > 86000


# ---- What cannot be told ---------------------------------------------------------------------------------------------


def test_the_default_format_names_what_is_missing():
    answer = cost(
        DEFAULT,
        seen("eni-a", "egress", A, X, (A, X), (40000, 443), 700),
        seen("eni-a", "ingress", X, A, (X, A), (443, 40000), 60),
        seen("eni-a", "egress", A, B, (A, B), (40000, 80), 5),
    )
    assert paths(answer) == {"unknown": 765}
    assert answer.unknown == [
        {"missing": ["pkt-dst-aws-service", "traffic-path"], "bytes": 700},
        {"missing": ["pkt-src-aws-service"], "bytes": 60},
        {"missing": ["az-id", "next-hop-az-id", "traffic-path"], "bytes": 5},
    ]
    assert answer.cost == 0 and answer.unpriced[0]["bytes"] == 765
    assert "pkt-srcaddr" in answer.doubts[0] and answer.doubts[0][:40] in str(answer)
    assert "unknown for want of pkt-dst-aws-service and traffic-path" in str(answer)


def test_the_default_format_with_a_map_counts_once_and_bills_gateways(tmp_path, prices):
    table = tmp_path / "map.csv"
    table.write_text(
        "# what we know of our network\nprefix,az,region,vpc,kind\n"
        f"{N}/32,use1-az1,us-east-1,vpc-1,nat_gateway\n{T1}/32,use1-az1,us-east-1,vpc-1,transit_gateway\n"
        f"{T2}/32,use1-az1,us-east-1,vpc-2,transit_gateway\n10.1.1.0/24,use1-az1,us-east-1,vpc-1,\n"
        "10.1.2.0/24,use1-az2,us-east-1,vpc-1,\n10.2.1.0/24,use1-az1,us-east-1,vpc-2,\n"
    )
    ranges = tmp_path / "ip-ranges.json"
    ranges.write_text(RANGES)
    answer = scan_all(DEFAULT, gateway=[]).cost(maps=table, ip_ranges=ranges, prices=prices)
    found = paths(answer)
    assert answer.bytes == sum(PATHS.values())
    assert found["internet-out"] == 6 * GB and found["internet-in"] == 3 * GB + 10**6 and found["aws-service-same-region"] == 7 * GB
    assert found["cross-az"] == 10 * GB
    assert charges(answer)["nat-processing"] == 16 * GB and charges(answer)["transit-gateway-processing"] == 11 * GB
    assert {row["path"]: list(row["basis"]) for row in answer.paths}["internet-out"] == ["mapped"] and answer.doubts == []


def test_without_the_gateways_type_its_records_tell_it_and_say_so(prices):
    answer = scan_all(V5, gateway=[]).cost(prices=prices)
    nat = next(row for row in answer.charges if row["charge"] == "nat-processing")
    assert nat["basis"] == {"estimate": 16 * GB}
    assert next(row for row in scan_all().cost(prices=prices).charges if row["charge"] == "nat-processing")["basis"] == {"derived": 16 * GB}


def test_what_passed_something_unseen_is_a_line(prices):
    """v5, traffic-path 1 to the internet: a NAT gateway or a firewall; there are no records of it."""
    answer = cost(V5, seen("eni-a", "egress", A, X, (A, X), (40000, 443), 1000, None, 1), prices=prices)
    assert paths(answer) == {"internet-out": 1000} and charges(answer) == {"internet-out": 1000}
    (line,) = answer.unpriced
    assert line["charge"] == "nat-processing" and line["bytes"] == 1000 and "next-hop-interface-type" in line["why"]


def test_bytes_without_a_price_are_a_line():
    record = {**seen("eni-a", "egress", A, X, (A, X), (40000, 443), GB, "eni-n", 1), "region": "xx-moon-1", "az_id": "moon1-az1"}
    answer = cost(V11, record)
    assert {(row["charge"], row["bytes"]) for row in answer.unpriced} >= {("internet-out", GB), ("nat-processing", GB)}
    assert "no price of it in xx-moon-1: give one with --prices" in answer.unpriced[0]["why"] and answer.cost == 0


# ---- Each path -------------------------------------------------------------------------------------------------------


def out(to, path, amount=GB, **more):
    return {**seen("eni-a", "egress", A, to, (A, to), (40000, 443), amount, None, path), **more}


def into(source, amount=GB, **more):
    return {**seen("eni-a", "ingress", source, A, (source, A), (443, 40000), amount), **more}


@pytest.mark.parametrize(
    "record, path, expected",
    [
        (out(X, 8), "internet-out", {"internet-out": GB}),
        (out("10.1.1.77", 1, next_hop_az_id="use1-az1", next_hop_vpc_id="vpc-1"), "same-az", {}),
        (out("10.1.2.77", 1, next_hop_az_id="use1-az2", next_hop_vpc_id="vpc-1"), "cross-az", {"cross-az-out": GB, "cross-az-in": GB}),
        (into("10.1.2.77", next_hop_az_id="use1-az2", next_hop_vpc_id="vpc-1"), "cross-az", {"cross-az-out": GB, "cross-az-in": GB}),
        # Of another account's interface the zone alone is told: its end is not ours.
        (out("10.9.2.77", 1, next_hop_az_id="use1-az2"), "cross-az", {"cross-az-out": GB}),
        (into(X), "internet-in", {}),
        (out(S3, 7, pkt_dst_aws_service="S3"), "gateway-endpoint", {}),
        (out(S3, 8, pkt_dst_aws_service="S3"), "aws-service-same-region", {}),
        (out("54.1.2.3", 8, pkt_dst_aws_service="CLOUDFRONT"), "edge-location", {}),
        (out("10.9.0.1", 3), "vpn-or-dx", {}),
        (out("10.9.0.1", 4, next_hop_az_id="use1-az2", next_hop_vpc_id="vpc-9"), "peering", {"cross-az-out": GB, "cross-az-in": GB}),
        (out("10.9.0.1", 5), "cross-region", {"inter-region-out": GB}),
        (out("10.9.0.1", 6), "edge-location", {}),
        (out("10.1.0.50", 1, next_hop_interface_type="vpc_endpoint", next_hop_az_id="use1-az1", next_hop_vpc_id="vpc-1"), "interface-endpoint", {"endpoint-processing": GB}),
        (out("10.9.0.1", 1, next_hop_interface_type="transit_gateway", next_hop_az_id="use1-az1"), "transit-gateway", {"transit-gateway-processing": GB}),
        (into("10.9.0.1", next_hop_interface_type="transit_gateway"), "transit-gateway", {"transit-gateway-processing": GB}),
        (out("169.254.169.254", 1), "aws-service-same-region", {}),
        (out("54.1.2.3", 8, pkt_dst_aws_service="EC2"), "unknown", {}),
    ],
)  # fmt: skip
def test_a_record_has_its_path_and_its_charges(record, path, expected, prices):
    answer = cost(V11, record, prices=prices)
    assert paths(answer) == {path: GB}
    assert charges(answer) == expected


def test_packets_that_come_in_take_the_way_of_those_that_leave(prices):
    """traffic-path is of egress alone."""
    there, back = out(S3, 7, pkt_dst_aws_service="S3"), into(S3, pkt_src_aws_service="S3")
    answer = cost(V5, there, back, prices=prices)
    assert paths(answer) == {"gateway-endpoint": 2 * GB}
    assert answer.paths[0]["basis"] == {"derived": GB, "estimate": GB}
    assert paths(cost(V5, back, prices=prices)) == {"aws-service-same-region": GB}


def test_a_regional_nat_gateway_has_no_interface_and_counts_once(prices):
    public, ports = "107.22.182.139", dict(srcport=40000, dstport=443)
    header = V5 + " resource-id"

    def at_gateway(source, destination, way, amount):
        return dict(
            resource_id="nat-1", srcaddr=source, dstaddr=destination, pkt_srcaddr=source, pkt_dstaddr=destination, **ports, protocol=6,
            bytes=amount, action="ACCEPT", region="us-east-1", flow_direction=way, start=DAY, end=DAY + 60,
        )  # fmt: skip

    gateway = [
        at_gateway(A, X, "ingress", 5 * GB), at_gateway(public, X, "egress", 5 * GB), at_gateway(X, public, "ingress", GB),
        at_gateway(X, A, "egress", GB), at_gateway(SCANNER, public, "ingress", 1000),
    ]  # fmt: skip
    own = [out(X, 1, 5 * GB), into(X, GB)]
    for each, records in itertools.product((header, V5), (gateway, gateway + own)):  # resource-id is of version 9
        answer = cost(each, *records, prices=prices)
        assert paths(answer) == {"internet-out": 5 * GB, "internet-in": GB + 1000}
        assert charges(answer) == {"nat-processing": 6 * GB, "internet-out": 5 * GB}
        assert cost(V3, *records).bytes == 6 * GB + 1000  # without flow-direction


@pytest.mark.parametrize("header", [V11, V5], ids=["v11", "v5"])
def test_a_load_balancer_that_keeps_the_clients_address_counts_once(header, prices, monkeypatch):
    balancer = "10.1.0.30"
    monkeypatch.setitem(INTERFACES, "eni-l", (balancer, "use1-az1", "vpc-1", "-", "network_load_balancer"))
    up, down = (51000, 443), (443, 51000)
    front = [
        seen("eni-l", "ingress", X, balancer, (X, balancer), up, 1000),
        seen("eni-l", "egress", balancer, X, (balancer, X), down, 7000, None, 8),
    ]
    kept = [
        seen("eni-l", "egress", balancer, A, (X, A), up, 1000, "eni-a", 1),
        seen("eni-a", "ingress", X, A, (X, A), up, 1000, "eni-l"),
        seen("eni-a", "egress", A, X, (A, X), down, 7000, "eni-l", 1),
        seen("eni-l", "ingress", A, balancer, (A, X), down, 7000, "eni-a"),
    ]
    for records in (front + kept, front + [record for record in kept if record["interface_id"] == "eni-l"], front):
        answer = cost(header, *records, prices=prices)
        assert paths(answer) == {"internet-in": 1000, "internet-out": 7000}
        assert charges(answer) == {"internet-out": 7000}


def test_secondary_addresses_and_pods_are_no_gateways(prices):
    """pkt- has the pod's address, the plain one its node's (SPEC 6.1)."""
    pod = "10.1.1.200"
    records = [
        seen("eni-a", "egress", A, C, (pod, C), (40000, 80), 500, "eni-c", 1),
        seen("eni-c", "ingress", pod, C, (pod, C), (40000, 80), 500, "eni-a"),
        seen("eni-c", "egress", C, pod, (C, pod), (80, 40000), 70, "eni-a", 1),
        seen("eni-a", "ingress", C, A, (C, pod), (80, 40000), 70, "eni-c"),
        seen("eni-a", "egress", A, C, (A, C), (40001, 80), 9, "eni-c", 1),
    ]
    for header in (V11, V5):
        answer = cost(header, *records, prices=prices)
        assert answer.bytes == 579 and "nat-processing" not in charges(answer) and "transit-gateway-processing" not in charges(answer)


# ---- Other sources of knowledge --------------------------------------------------------------------------------------

RANGES = json.dumps(
    {
        "prefixes": [
            {"ip_prefix": "52.216.0.0/15", "region": "us-east-1", "service": "AMAZON"},
            {"ip_prefix": "52.216.0.0/15", "region": "us-east-1", "service": "S3"},
            {"ip_prefix": "52.95.0.0/16", "region": "eu-west-1", "service": "S3"},
            {"ip_prefix": "54.0.0.0/12", "region": "us-east-1", "service": "EC2"},
            {"ip_prefix": "13.32.0.0/15", "region": "GLOBAL", "service": "CLOUDFRONT"},
        ],
        "ipv6_prefixes": [{"ipv6_prefix": "2600:1f00::/24", "region": "us-east-1", "service": "EC2"}],
    }
)


def test_ip_ranges_tell_services_and_regions_to_the_default_format(tmp_path, prices):
    ranges = tmp_path / "ip-ranges.json"
    ranges.write_text(RANGES)
    for to, path, expected in (
        (X, "internet-out", {"internet-out": GB}),
        (S3, "aws-service-same-region", {}),
        ("52.95.1.1", "cross-region", {"inter-region-out": GB}),
        ("54.1.2.3", "aws-service-same-region", {"cross-az-out": GB}),
        ("13.32.0.1", "edge-location", {}),
    ):
        answer = cost(DEFAULT, out(to, "-"), ip_ranges=ranges, region="us-east-1", prices=prices)
        assert (paths(answer), charges(answer)) == ({path: GB}, expected)
        assert list(answer.paths[0]["basis"]) == ["mapped"]
    refused = tmp_path / "broken.json"
    refused.write_text('{"prefixes": [{"ip_prefix": "52.216.0.1/15", "region": "us-east-1", "service": "S3"}]}')
    with pytest.raises(fl.ArgumentError, match="broken.json: it is not as AWS writes it"):
        cost(DEFAULT, out(X, "-"), ip_ranges=refused)


def inventory(tmp_path):
    """What `aws inventory` wrote of VPC 1: a NAT gateway, a route to it, an endpoint for DynamoDB."""
    items = {
        "vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}],
        "subnets": [
            {"SubnetId": "subnet-a", "VpcId": "vpc-1", "CidrBlock": "10.1.1.0/24", "AvailabilityZoneId": "use1-az1"},
            {"SubnetId": "subnet-c", "VpcId": "vpc-1", "CidrBlock": "10.1.2.0/24", "AvailabilityZoneId": "use1-az2"},
            {"SubnetId": "subnet-n", "VpcId": "vpc-1", "CidrBlock": "10.1.0.0/24", "AvailabilityZoneId": "use1-az1"},
        ],
        "network-interfaces": [
            {"NetworkInterfaceId": name, "SubnetId": "subnet-" + name[4:], "VpcId": vpc, "InterfaceType": kind.replace("-", "interface"),
             "PrivateIpAddress": address, "PrivateIpAddresses": [{"PrivateIpAddress": address}], "TagSet": [{"Key": "Name", "Value": "front"}] if name == "eni-a" else []}
            for name, (address, _, vpc, _, kind) in INTERFACES.items() if name in ("eni-a", "eni-c", "eni-n")
        ],
        "route-tables": [
            {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": True}], "Routes": [
                {"DestinationCidrBlock": "10.1.0.0/16", "GatewayId": "local"}, {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}]},
            {"RouteTableId": "rtb-2", "VpcId": "vpc-1", "Associations": [{"Main": False, "SubnetId": "subnet-n"}], "Routes": [
                {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]},
        ],
        "vpc-endpoints": [
            {"VpcEndpointId": "vpce-1", "VpcEndpointType": "Gateway", "ServiceName": "com.amazonaws.us-east-1.dynamodb", "RouteTableIds": ["rtb-1"]}
        ],
    }  # fmt: skip
    directory = tmp_path / "inventory"
    directory.mkdir()
    head = {"account": "123456789012", "region": "us-east-1", "time": DAY}
    (directory / "manifest.json").write_text(json.dumps({**head, "files": {name: len(some) for name, some in items.items()}, "missing": {}}))
    for name, some in items.items():
        (directory / f"{name}.json").write_text(json.dumps({**head, "items": some}))
    return directory


def test_an_inventory_tells_zones_types_and_routes_to_the_default_format(tmp_path, prices):
    directory = inventory(tmp_path)
    ranges = tmp_path / "ip-ranges.json"
    ranges.write_text(RANGES)
    records = [record for record in RECORDS if record["interface_id"] in ("eni-a", "eni-c", "eni-n") and B not in (record["srcaddr"], record["dstaddr"])]
    answer = scan_all(DEFAULT, records, []).cost(inventory=directory, ip_ranges=ranges, prices=prices)
    expected = {name: amount for name, amount in PATHS.items() if name != "transit-gateway"}
    assert paths(answer) == expected
    assert charges(answer) == {name: amount for name, amount in CHARGES_OF.items() if "gateway-pro" not in name or "nat" in name} | {"nat-processing": 16 * GB}
    assert {row["interface"]: row["name"] for row in answer.groups}["eni-a"] == "front"
    # Without the gateway's records its route tells it.
    alone = scan_all(DEFAULT, [record for record in records if record["interface_id"] == "eni-a"], []).cost(
        inventory=directory, ip_ranges=ranges, prices=prices
    )
    assert charges(alone)["nat-processing"] == 14 * GB
    assert next(row for row in alone.charges if row["charge"] == "nat-processing")["basis"] == {"mapped": 14 * GB}


def test_an_inventory_tells_a_gateway_endpoint_by_its_routes(tmp_path, prices):
    ranges = tmp_path / "ip-ranges.json"
    ranges.write_text(RANGES.replace('"S3"', '"DYNAMODB"'))
    answer = cost(DEFAULT, out(S3, "-"), inventory=inventory(tmp_path), ip_ranges=ranges, prices=prices)
    assert paths(answer) == {"gateway-endpoint": GB} and answer.cost == 0


def test_one_subnet_is_one_zone(tmp_path, prices):
    directory = inventory(tmp_path)
    file = directory / "subnets.json"
    file.write_text(file.read_text().replace("AvailabilityZoneId", "NotTold"))
    answer = cost(DEFAULT, out("10.1.1.99", "-"), out(C, "-", 5), inventory=directory, prices=prices)
    assert paths(answer) == {"same-az": GB, "unknown": 5}


def test_a_map_names_the_path_of_a_prefix(tmp_path, prices):
    table = tmp_path / "map.csv"
    table.write_text("prefix,kind\n10.9.0.0/16,vpn-or-dx\n198.51.100.0/24,peering\n")
    answer = cost(DEFAULT, out("10.9.1.1", "-"), out(X, "-", 5), maps=[table], prices=prices)
    assert paths(answer) == {"vpn-or-dx": GB, "peering": 5} and {row["charge"] for row in answer.unpriced} == {"vpn-or-dx", "cross-az"}
    for wrong, why in (("prefix,kind\n10.9.0.0/16,vpn", "'vpn' is no kind"), ("net,kind\n", "names the columns"), ("prefix\n10.9.0.1/16\n", "host bits")):
        table.write_text(wrong)
        with pytest.raises(fl.ArgumentError, match=f"map.csv: .*{why}"):
            cost(DEFAULT, out(X, "-"), maps=table)
    with pytest.raises(fl.ArgumentError, match="nowhere/manifest.json: .*aws inventory -o DIR"):
        cost(DEFAULT, out(X, "-"), inventory=tmp_path / "nowhere")


# ---- Groups, savings -------------------------------------------------------------------------------------------------


def test_groups_are_of_interfaces_services_or_conversations(prices):
    logs = scan_all()
    rows = {row["interface"]: row for row in logs.cost(prices=prices).groups}
    assert set(rows) == {"eni-a", "eni-c", "eni-n", "eni-b"}
    assert rows["eni-c"]["bytes"] == (1 + 1 + 2) * GB and rows["eni-n"]["bytes"] == 10**6
    assert rows["eni-c"]["cost"] == pytest.approx(2 * 0.045 + 4 * 0.01 + 0.09 + 4 * 0.01)
    services = {row["service"]: row["bytes"] for row in logs.cost(by="service", prices=prices).groups}
    assert services == {"https": 27 * GB, "postgresql": 10 * GB, "ssh": 10**6}
    talks = {(row["client"], row["server"], row["service"]): row["bytes"] for row in logs.cost(by="conversation", prices=prices).groups}
    assert talks[A, C, "postgresql"] == 10 * GB and talks[A, B, "https"] == 11 * GB and talks[A, X, "https"] == 7 * GB
    for by in ("interface", "service", "conversation"):
        answer = logs.cost(by=by, prices=prices, limit=2)
        assert len(answer.groups) == 2
        assert sum(row["bytes"] for row in answer.groups) + answer.groups_left["bytes"] == answer.bytes
        assert sum(row["cost"] for row in answer.groups) + answer.groups_left["cost"] == pytest.approx(answer.cost)
    with pytest.raises(fl.ArgumentError, match="by='host'"):
        logs.cost(by="host")


def test_many_conversations_are_kept_within_bounds(prices, monkeypatch):
    from flowlogs.cost import sums as module

    monkeypatch.setattr(module, "GROUPS", 10)
    records = [out(f"198.51.100.{i}", 8, 1000 + i) for i in range(1, 100)]
    answer = cost(V11, *records, by="conversation", prices=prices, limit=1000)
    assert len(answer.groups) <= 20 and answer.groups_left["groups"] >= 79
    assert sum(row["bytes"] for row in answer.groups) + answer.groups_left["bytes"] == answer.bytes
    assert answer.groups[0]["server"] == "198.51.100.99"


def test_savings_are_named_with_the_bytes_that_prove_them(prices):
    found = {row["saving"]: row for row in scan_all().cost(prices=prices).savings}
    assert set(found) == {"gateway-endpoint", "nat-per-zone", "same-zone", "peering"}
    assert (found["gateway-endpoint"]["bytes"], found["gateway-endpoint"]["cost"]) == (7 * GB, pytest.approx(7 * 0.045))
    assert found["gateway-endpoint"]["flows"][0] == {"bytes": 4 * GB, "from": S3, "to": A, "service": "S3"}
    assert (found["nat-per-zone"]["bytes"], found["nat-per-zone"]["cost"]) == (2 * GB, pytest.approx(0.04))
    assert (found["same-zone"]["bytes"], found["same-zone"]["cost"]) == (10 * GB, pytest.approx(0.2))
    assert found["peering"]["cost"] == pytest.approx(11 * 0.02)
    # Other services: an interface endpoint, which is paid for by the GB too.
    records = [{**record, "pkt_dst_aws_service": "AMAZON"} if record["pkt_dst_aws_service"] == "S3" else record for record in RECORDS]
    found = {row["saving"]: row for row in scan_all(records=records).cost(prices=prices).savings}
    assert found["interface-endpoint"]["cost"] == pytest.approx(3 * (0.045 - 0.01))


# ---- The bill --------------------------------------------------------------------------------------------------------

CUR = """lineItem/UsageType,lineItem/UsageAmount,lineItem/UnblendedCost,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate
USE1-NatGateway-Bytes,10,0.45,Usage,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z
NatGateway-Bytes,8,0.36,Usage,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z
DataTransfer-Regional-Bytes,24,0.24,Usage,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z
DataTransfer-Out-Bytes,6,0.54,Usage,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z
DataTransfer-Out-Bytes,600,54,Usage,2026-08-01T00:00:00Z,2026-08-02T00:00:00Z
USE1-USW2-AWS-Out-Bytes,1,0.02,Usage,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z
NatGateway-Hours,24,1.08,Usage,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z
NatGateway-Bytes,0,-0.10,Credit,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z
"""


def write_parquet(path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    header, *rows = [line.split(",") for line in CUR.splitlines()]
    names = [dict(zip(*[[both[i] for both in bills._COLUMNS.values()] for i in (0, 1)]))[name] for name in header]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    columns["line_item_usage_amount"] = [float(value) for value in columns["line_item_usage_amount"]]
    parquet.write_table(pyarrow.table(columns), path)


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
def test_a_bill_stands_beside_what_is_explained(form, tmp_path, prices):
    path = tmp_path / f"cur.{form}"
    if form == "parquet":
        write_parquet(path)
    elif form == "csv":
        path.write_text(CUR)
    else:
        import gzip

        path.write_bytes(gzip.compress(CUR.encode()))
    bill = scan_all().cost(prices=prices, cur=path).bill
    assert bill["lines"] == 5 and bill["outside"] == 1 and (bill["start"], bill["end"]) == (DAY, DAY + 3600)
    rows = {row.pop("charge"): row for row in bill["charges"]}
    assert rows["nat-processing"] == {"billed_gb": 18, "explained_gb": 16, "billed": 0.81, "explained": 0.72}
    assert rows["cross-az"] == {"billed_gb": 24, "explained_gb": 24, "billed": 0.24, "explained": 0.24}
    assert rows["inter-region-out"]["billed"] == 0.02 and rows["inter-region-out"]["explained"] == 0
    assert rows["transit-gateway-processing"]["billed"] == 0 and rows["transit-gateway-processing"]["explained"] == 0.22
    prices.write_text('{"regions": {}}')  # bytes are explained without a price, too
    rows = {row["charge"]: row for row in scan_all().cost(prices=prices, cur=path).bill["charges"]}
    assert (rows["nat-processing"]["explained_gb"], rows["nat-processing"]["explained"]) == (16, 0)
    with pytest.raises(fl.ArgumentError, match="is it a Cost and Usage Report"):
        other = tmp_path / "other.csv"
        other.write_text("a,b\n1,2\n")
        scan_all().cost(cur=other)


# ---- Prices ----------------------------------------------------------------------------------------------------------


def test_every_price_of_ours_has_a_source_and_a_date():
    prices = Prices()
    assert prices.date and len(prices._regions) > 20
    for region, some in prices._regions.items():
        for charge, (price, source) in some.items():
            assert price > 0 and charge.split()[0] in CHARGES and prices.sources[source]["url"], (region, charge)
            assert prices.sources[source]["read"] and prices.sources[source]["third_party"] in (True, False)
    assert str(prices.price("nat-processing", "us-east-1")) == "0.045"
    assert prices.price("inter-region-out", "us-east-1", "us-east-2") < prices.price("inter-region-out", "us-east-1", "eu-west-1")
    assert prices.price("internet-out", "xx-moon-1") is None


@pytest.mark.parametrize(
    "content, why",
    [
        ("[]", "its form is that of"),
        ("{", "it is no JSON"),
        ('{"date": "x"}', "it has no 'regions'"),
        ('{"regions": {"us-east-1": {"nat": 0.045}}}', "'nat' of us-east-1 is no charge; there are internet-out"),
        ('{"regions": {"us-east-1": {"cross-az": "cheap"}}}', "cross-az of us-east-1 is no price"),
        ('{"regions": {"us-east-1": {"cross-az": -1}}}', "is no price"),
    ],
)
def test_a_wrong_file_of_prices_is_refused(content, why, tmp_path):
    path = tmp_path / "prices.json"
    path.write_text(content)
    with pytest.raises(fl.ArgumentError, match=why):
        cost(DEFAULT, out(X, "-"), prices=path)


# ---- The command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_a_report_or_json(command, tmp_path, prices):
    log = tmp_path / "log"
    log.write_text(text(V11, *RECORDS))
    (tmp_path / "map.csv").write_text("prefix,kind\n10.9.0.0/16,vpn-or-dx\n")
    process = command("cost", "--prices", prices, "--by", "conversation", "--map", tmp_path / "map.csv", log)
    assert process.returncode == 0 and process.stderr == "", process.stderr
    assert "1.72 USD for" in process.stdout and "gateway endpoint" in process.stdout and "prices of 2026-09-01" in process.stdout
    answer = json.loads(command("cost", "--prices", prices, "-o", "json", log).stdout)
    assert answer["cost"] == pytest.approx(COST) and answer["paths"][0]["path"] == "transit-gateway"
    refused = command("cost", "--prices", tmp_path / "none.json", log)
    assert refused.returncode == 2 and "none.json: No such file" in refused.stderr
    assert command("cost", "--where", "bytes > 1T", log).returncode == 0


def test_what_stands_in_a_log_cannot_act_on_a_terminal():
    record = {**out(X, 8), "region": "\x1b[31mx", "az_id": "-"}
    answer = cost(V11, record)
    assert "\x1b" not in str(answer) and "\\x1b[31mx" in str(answer)


def test_no_record_and_no_interface_are_answers(noise):
    empty = fl.scan((V11 + "\n").encode()).cost()
    assert empty.paths == [] and empty.cost == 0 and str(empty)
    bare = cost("srcaddr dstaddr bytes", dict(srcaddr=A, dstaddr=X, bytes=5), dict(bytes=7))
    assert bare.by == "conversation" and paths(bare) == {"unknown": 12}
    with pytest.raises(fl.ArgumentError, match="no input has bytes"):
        fl.scan(b"srcaddr dstaddr\n10.0.0.1 10.0.0.2\n").cost()
    with pytest.raises(fl.ArgumentError, match="without select"):
        fl.scan(str(noise)).head(1).cost()
    assert fl.scan(str(noise)).cost().unknown


def test_the_documentation_names_every_path_saving_and_charge():
    from flowlogs.cost import SAVINGS
    from flowlogs.cost.places import PATHS as ALL

    page = (pathlib.Path(__file__).parents[2] / "docs" / "cost.md").read_text()
    for name in (*ALL, *SAVINGS, *CHARGES):
        assert f"`{name}" in page, name


def test_groups_are_a_table_too(command, tmp_path, prices):  # CONTRACT V2
    log = tmp_path / "log"
    log.write_text(text(V11, *RECORDS))
    lines = command("cost", "--prices", prices, "--by", "service", "-o", "csv", log).stdout.splitlines()
    answer = fl.scan(log).cost(by="service", prices=prices)
    assert lines[0] == "service,bytes,cost,unpriced_bytes" and len(lines) == len(answer.groups) + 1
    assert [float(line.split(",")[2]) for line in lines[1:]] == [row["cost"] for row in answer.groups]
    rows = [json.loads(line) for line in command("cost", "--prices", prices, "--by", "conversation", "-o", "ndjson", log).stdout.splitlines()]
    assert rows and set(rows[0]) == {"client", "server", "service", "bytes", "cost", "unpriced_bytes"}


def test_records_without_a_time_match_a_filter(command, tmp_path):
    log = tmp_path / "log"
    log.write_text(text("interface-id srcaddr dstaddr bytes action", dict(interface_id="eni-a", srcaddr=A, dstaddr=X, bytes=5, action="ACCEPT")))
    ran = command("cost", "--where", "accepted", log)
    assert ran.returncode == 0 and ran.stderr == ""
    assert "none of 1 record matches --where" in command("cost", "--where", "rejected", log).stderr


@pytest.mark.parametrize("content", [b"PAR1xxxxPAR1", (CUR.replace(",24,0.24", ",NaN,0.24")).encode(), b"PAR1"])
def test_a_bill_that_cannot_be_read_is_refused(content, tmp_path):
    pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "cur"
    path.write_bytes(content)
    with pytest.raises(fl.ArgumentError, match="cost: cur: .*(it is no Parquet file|is no number: 'NaN')"):
        scan_all().cost(cur=path)


def test_a_bill_is_looked_at_before_the_logs_are_read(tmp_path):
    told = []
    with pytest.raises(fl.ArgumentError, match="cost: cur: .*none.csv: No such file"):
        fl.scan(text(V11, *RECORDS).encode(), progress=lambda *amounts: told.append(amounts)).cost(cur=tmp_path / "none.csv")
    assert told == []


def test_what_costs_nothing_that_can_be_told_stands_by_its_bytes():
    # Costs of a millionth and less are told as 0: then the bytes decide.
    records = [{**out(X, 8, 10 - i), "interface_id": f"eni-{i}"} for i in range(3)]
    rows = cost(V11, *records).groups
    assert [row["bytes"] for row in rows] == sorted((row["bytes"] for row in rows), reverse=True)


def test_a_report_whose_costs_are_not_all_known_says_so(noise, prices):
    assert str(fl.scan(noise).cost()).splitlines()[0].endswith("counted once, and what is unpriced below")
    assert str(cost(V11, out(X, 8), prices=prices)).splitlines()[0].endswith("counted once")
    assert "unknown for want of az-id, next-hop-az-id and traffic-path" in str(fl.scan(noise).cost())
