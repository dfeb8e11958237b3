"""Query.troubleshoot() and `flowlogs troubleshoot` (CONTRACT I2): every verdict and reason, and beside each nearly the same
records with another one."""

import itertools
import json
import random

import pytest

import flowlogs as fl
from flowlogs import troubleshoot
from flowlogs.aws.formats import RECOMMENDED

X, Y, WORLD = "10.0.1.5", "10.0.2.9", "203.0.113.12"
PLACES = {X: "eni-aaaa", Y: "eni-bbbb"}
T = 1_700_000_000
FIN, SYN, RST, SYNACK = 1, 2, 4, 18
DEFAULT = list(fl.Format.default().fields)
TGW = list(fl.Format.transit_gateway().fields)
REQUIRED = {"interface", "direction", "side"}


def flow(source, target, action="ACCEPT", at=None, time=0, flags=0, packets=4, size=60, protocol=6, lasts=50, **more):
    """What a record says, by name; source and target are "address:port"."""
    (src, srcport), (dst, dstport) = (text.rsplit(":", 1) for text in (source, target))
    at = at or PLACES.get(src) or PLACES[dst]
    own = next((address for address, place in PLACES.items() if place == at), src)
    return {
        "version": 2, "account-id": "123456789012", "interface-id": at, "srcaddr": src, "dstaddr": dst, "srcport": srcport,
        "dstport": dstport, "protocol": protocol, "packets": packets, "bytes": packets * size, "start": T + time,
        "end": T + time + lasts, "action": action, "log-status": "OK", "tcp-flags": flags if protocol == 6 else 0,
        "pkt-srcaddr": src, "pkt-dstaddr": dst, "flow-direction": "egress" if own == src else "ingress", "type": "IPv4",
        "tgw-id": "tgw-1", "tgw-attachment-id": "tgw-attach-1", "packets-lost-no-route": 0, "packets-lost-blackhole": 0,
        "packets-lost-mtu-exceeded": 0, "packets-lost-ttl-expired": 0,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }  # fmt: skip


def other(time=0):
    """Traffic of both with others, so that their interfaces are known by records of the default format."""
    return [
        flow(f"{X}:50000", f"{WORLD}:443", time=time), flow(f"{WORLD}:443", f"{X}:50000", time=time),
        flow(f"{Y}:50000", f"{WORLD}:443", time=time), flow(f"{WORLD}:443", f"{Y}:50000", time=time),
    ]  # fmt: skip


def scan(records, fields=RECOMMENDED):
    lines = [" ".join(fields)]
    lines += [" ".join(str(record.get(name, "-")) for name in fields) for record in records]
    return fl.scan("".join(line + "\n" for line in lines).encode())


def ask(records, fields=RECOMMENDED, source=X, target=f"{Y}:443", now=T + 10**6, **options):
    return troubleshoot.troubleshoot(scan(records, fields), from_=source, to=target, now=now, **options)


def ways(port=40000, at="both", request="ACCEPT", reply="ACCEPT", up=SYN, down=SYNACK, time=0, **more):
    """A connection of X to Y as both interfaces see it; what is rejected at Y goes no further."""
    client, server = f"{X}:{port}", f"{Y}:443"
    made = [flow(client, server, at=PLACES[X], flags=up, time=time, **more)]
    made += [flow(client, server, request, at=PLACES[Y], flags=up, time=time, **more)]
    if request == "ACCEPT":
        made += [flow(server, client, reply, at=PLACES[Y], flags=down, time=time, **more)]
        if reply == "ACCEPT":
            made += [flow(server, client, at=PLACES[X], flags=down, time=time, **more)]
    return made


# ---- Each verdict, and its negative ----------------------------------------------------------------------------------

OPENED = ways(up=SYN, down=SYNACK)
CLOSED = ways(up=SYN | FIN, down=SYNACK | FIN)


def late(flags=0, time=100):
    return [flow(f"{X}:40000", f"{Y}:443", "REJECT", at=PLACES[Y], flags=flags, time=time, packets=1)]


CASES = {
    # name: (records, verdict by recommended, verdict by default)
    "working": (OPENED, "working", "working"),
    "working, not: the reply is rejected": (ways(reply="REJECT"), "reply-rejected", "reply-rejected"),
    "working, not: the request is rejected": (ways(request="REJECT"), "request-rejected", "request-rejected"),
    "rejected where it leaves": (
        [flow(f"{X}:40000", f"{Y}:443", "REJECT", at=PLACES[X], flags=SYN)], "request-rejected", "request-rejected",
    ),
    "no reply": (OPENED[:2], "no-reply", "no-reply"),
    "no reply, not: it came": (OPENED[:3] + OPENED[3:], "working", "working"),
    "reset": (ways(down=RST, packets=1, size=40), "reset-by-peer", "working"),
    "reset, not: it was open": (ways(down=SYNACK | RST), "working", "working"),
    "bpa": (
        [flow(f"{X}:40000", f"{Y}:443", "REJECT", at=PLACES[Y], flags=SYN, reject_reason="BPA")], "rejected-bpa", "request-rejected",
    ),
    "encryption": (
        [flow(f"{X}:40000", f"{Y}:443", "REJECT", at=PLACES[Y], flags=SYN, reject_reason="EC")], "rejected-encryption", "request-rejected",
    ),
    "no reason": (
        [flow(f"{X}:40000", f"{Y}:443", "REJECT", at=PLACES[Y], flags=SYN, reject_reason="-")], "request-rejected", "request-rejected",
    ),
    "a reason of what was let through is none": (ways(reject_reason="Accepted"), "working", "working"),
    "late packets": (CLOSED + late(), "late-packets-only", "late-packets-only"),
    "late packets in the interval of the FIN": (CLOSED + late(time=30), "late-packets-only", "late-packets-only"),
    "late, not: it was never closed, and packets are cut off": (OPENED + late(), "request-rejected", "late-packets-only"),
    "late, not: a SYN opens anew": (CLOSED + late(flags=SYN), "request-rejected", "late-packets-only"),
    "idle": (OPENED + late(time=50 + 350), "idle-expired", "idle-expired"),
    "idle, not: 349 seconds": (OPENED + late(time=50 + 349), "request-rejected", "late-packets-only"),
    "idle, not: it was closed": (CLOSED + late(time=1000), "late-packets-only", "idle-expired"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_verdict_has_a_case_and_a_negative_beside_it(name):
    records, recommended, default = CASES[name]
    assert ask(records + other())["verdict"] == recommended
    answer = ask(records + other(), DEFAULT)
    assert answer["verdict"] == default
    if recommended != default:  # the format cannot tell: it says so
        assert answer["blind_spots"] and (recommended in answer["alternatives"] or answer["confidence"] != "certain" or "reason" in str(answer["blind_spots"]))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("fields", [RECOMMENDED, DEFAULT], ids=["recommended", "default"])
def test_the_order_of_records_does_not_matter(name, fields):
    records = CASES[name][0] + other()

    def answer(some):
        made = ask(some, fields).to_dict()
        for row in made["evidence"]:
            row.pop("line")
        return made

    wanted = answer(records)
    for seed in range(4):
        some = records[:]
        random.Random(seed).shuffle(some)
        assert answer(some) == wanted


def test_the_ping_of_the_documentation():  # SPEC 3.1
    lines = (
        b"2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK\n"
        b"2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK\n"
    )
    made = fl.scan(lines).troubleshoot(from_="203.0.113.12", to="172.31.16.139")
    assert (made.verdict, made.confidence, made.alternatives) == ("reply-rejected", "certain", [])
    assert made.at == {"interface": "eni-1235b8ca123456789", "direction": "egress", "side": "destination"}
    assert made.first_failing == 1432917027 and made.last_working is None and made.attempts == 1
    assert [row["action"] for row in made.evidence] == ["ACCEPT", "REJECT"] and [row["line"] for row in made.evidence] == [1, 2]
    assert "ACL" in made.why and "1024-65535" in made.next_step
    (found,) = fl.scan(lines).troubleshoot()  # nobody says between whom
    assert (found["verdict"], found["from"], found["to"], found["service"]) == ("reply-rejected", "203.0.113.12", "172.31.16.139", "icmp")
    both = fl.scan(lines.replace(b"REJECT", b"ACCEPT")).troubleshoot(from_="203.0.113.12", to="172.31.16.139")
    assert both.verdict == "working"
    inbound = fl.scan(lines.split(b"\n")[0].replace(b"ACCEPT", b"REJECT") + b"\n").troubleshoot(from_="203.0.113.12", to="172.31.16.139")
    assert inbound.verdict == "request-rejected" and inbound.at["direction"] == "ingress"


def test_keys_are_those_of_the_contract():  # CONTRACT I2
    keys = "verdict confidence alternatives at attempts last_working first_failing hops evidence blind_spots why next_step".split()
    for records in (OPENED, OPENED[:2], []):
        made = ask(records + other())
        assert set(keys) <= set(made) and set(made["at"]) == REQUIRED
        assert made["verdict"] in troubleshoot.VERDICTS and made["confidence"] in troubleshoot.CONFIDENCES
        assert json.loads(json.dumps(made)) == made
        assert made["why"] in " ".join(str(made).split()) or "  " in made["why"]


@pytest.mark.parametrize("fields", [RECOMMENDED, DEFAULT], ids=["recommended", "default"])
@pytest.mark.parametrize(
    ("records", "side", "direction"),
    [
        (ways(request="REJECT"), "destination", "ingress"),
        ([flow(f"{X}:40000", f"{Y}:443", "REJECT", at=PLACES[X], flags=SYN)], "source", "egress"),
        (ways(reply="REJECT"), "destination", "egress"),
        (OPENED[:3] + [{**OPENED[3], "action": "REJECT"}], "source", "ingress"),
    ],
)
def test_the_place_is_told_at_any_of_the_four(fields, records, side, direction):
    made = ask(records + other(), fields)
    assert made["at"] == {"interface": PLACES[X if side == "source" else Y], "direction": direction, "side": side}


def test_confidence_follows_from_what_the_format_tells():
    refused = ways(request="REJECT")
    assert ask(refused + other())["confidence"] == "certain"
    made = ask(refused + other(), DEFAULT)
    assert made["confidence"] == "likely" and "late-packets-only" in made["alternatives"]
    assert any("tcp-flags" in text for text in made["blind_spots"])
    assert not any("tcp-flags" in text for text in ask(refused + other())["blind_spots"])


def test_without_its_own_address_the_side_is_not_told():
    made = ask([flow(f"{X}:40000", f"{Y}:443", "REJECT", at="eni-cccc")], DEFAULT)
    assert made["verdict"] == "request-rejected" and made["at"] == {"interface": "eni-cccc", "direction": None, "side": None}
    assert any("eni-cccc" in text for text in made["blind_spots"])
    # One that let it through is before the one that did not.
    made = ask([flow(f"{X}:1", f"{Y}:443", "REJECT", at="eni-cccc"), flow(f"{X}:1", f"{Y}:443", at="eni-dddd")], DEFAULT)
    assert made["at"] == {"interface": "eni-cccc", "direction": "ingress", "side": "destination"}


def test_who_did_not_answer_is_told_by_the_last_place_that_saw_it():
    made = ask(OPENED[:2] + other())
    assert made["at"]["side"] == "destination" and made["confidence"] == "certain" and "sent nothing back" in made["why"]
    made = ask(OPENED[:1] + other())
    assert made["at"]["side"] == "source" and "never came to the destination" in made["why"]
    made = ask(OPENED[:1] + other()[:2])
    assert made["at"]["side"] == "source" and "no record of it" in made["why"] and "request-rejected" in made["alternatives"]
    made = ask(OPENED[:3] + other())  # the reply left, and did not come
    assert made["verdict"] == "no-reply" and made["at"] == {"interface": PLACES[Y], "direction": "egress", "side": "destination"}


def test_data_without_an_answer_is_only_possibly_unanswered():
    made = ask([flow(f"{X}:40000", f"{Y}:443", packets=20, size=212)] + other(), DEFAULT)
    assert (made["verdict"], made["confidence"], made["alternatives"][0]) == ("no-reply", "possible", "working")
    udp = ask([flow(f"{X}:40000", f"{Y}:514", protocol=17)] + other(), target=f"{Y}:514", protocol="udp")
    assert (udp["verdict"], udp["confidence"]) == ("no-reply", "possible")


# ---- Time ------------------------------------------------------------------------------------------------------------


def test_before_and_after_a_change():
    works = [record for i in range(3) for record in ways(port=40000 + i, time=100 * i)]
    fails = [record for i in range(3) for record in ways(port=41000 + i, time=1000 + 100 * i, request="REJECT")]
    made = ask(works + fails + other())
    assert (made["verdict"], made["confidence"], made["attempts"]) == ("request-rejected", "certain", 6)
    assert (made["last_working"], made["first_failing"]) == (T + 250, T + 1000)
    assert "worked until" in made["why"]
    back = ask(fails + [{**record, "start": record["start"] + 3000, "end": record["end"] + 3000} for record in works] + other())
    assert back["verdict"] == "working" and back["first_failing"] == T + 1000 and "works since" in back["why"]
    mixed = ask(works + fails + ways(port=42000, time=1150) + other())
    assert mixed["verdict"] == "intermittent" and mixed["alternatives"] == ["request-rejected"]
    assert mixed["last_working"] == T + 1200 and mixed["first_failing"] == T + 1000


def test_a_ping_that_ends_is_two_attempts_of_one_five_tuple():
    def ping(time, reply):
        return [flow(f"{X}:0", f"{Y}:0", protocol=1, at=PLACES[Y], time=time), flow(f"{Y}:0", f"{X}:0", reply, protocol=1, at=PLACES[Y], time=time + 1)]

    good, bad = ping(0, "ACCEPT") + ping(60, "ACCEPT"), ping(120, "REJECT") + ping(180, "REJECT")
    for fields in (RECOMMENDED, DEFAULT):
        made = ask(good + bad + other(), fields, target=Y, protocol="icmp")
        assert (made["verdict"], made["last_working"]) == ("reply-rejected", T + 111), fields
        assert made["attempts"] == 2 and T + 120 <= made["first_failing"] <= T + 121
        assert ask(good + other(), fields, target=Y, protocol="icmp")["verdict"] == "working"


def test_a_port_that_is_used_again_is_another_attempt():
    first = ways(up=SYN | FIN, down=SYNACK | FIN)
    made = ask(first + ways(time=600, request="REJECT") + other())
    assert (made["verdict"], made["attempts"], made["last_working"]) == ("request-rejected", 2, T + 50)
    retry = ways(request="REJECT") + [flow(f"{X}:40000", f"{Y}:443", "REJECT", at=PLACES[Y], flags=SYN, time=60)]
    assert ask(retry + other())["attempts"] == 1  # the same SYN, sent again


def test_of_several_servers_those_that_fail_decide():
    made = ask(OPENED + [flow(f"{X}:40001", "10.0.2.10:443", "REJECT", at=PLACES[X], flags=SYN)] + other(), target="10.0.2.0/24:443")
    assert made["verdict"] == "request-rejected" and "1 of 2 pairs" in made["why"]


def test_an_idle_connection_among_others_is_told():
    made = ask(ways(port=39999) + OPENED + late(time=1000) + other())
    assert made["verdict"] == "idle-expired" and made["confidence"] == "likely" and "15 min" in made["why"]
    assert made["last_working"] == T + 50 and made["first_failing"] == T + 1000
    assert ask(OPENED + late(time=6 * 86400) + other())["confidence"] == "certain"


# ---- Hops ------------------------------------------------------------------------------------------------------------


def test_hops_stand_in_the_order_of_the_way():
    hops = ask(OPENED + other())["hops"]
    assert [(hop["interface"], hop["side"]) for hop in hops] == [(PLACES[X], "source"), (PLACES[Y], "destination")]
    assert all(hop["request"]["packets"] == hop["reply"]["packets"] == 4 for hop in hops)


def test_through_the_interfaces_of_a_transit_gateway():  # SPEC 3.5
    text = (
        b"version interface-id account-id vpc-id subnet-id instance-id srcaddr dstaddr srcport dstport protocol tcp-flags type pkt-srcaddr pkt-dstaddr action log-status\n"
        b"3 eni-33333333333333333 123456789010 vpc-a subnet-2 i-01234567890123456 10.20.33.164 10.40.2.236 39812 80 6 3 IPv4 10.20.33.164 10.40.2.236 ACCEPT OK\n"
        b"3 eni-33333333333333333 123456789010 vpc-a subnet-2 i-01234567890123456 10.40.2.236 10.20.33.164 80 39812 6 19 IPv4 10.40.2.236 10.20.33.164 ACCEPT OK\n"
        b"3 eni-11111111111111111 123456789010 vpc-a subnet-1 - 10.40.1.175 10.40.2.236 39812 80 6 3 IPv4 10.20.33.164 10.40.2.236 ACCEPT OK\n"
        b"3 eni-22222222222222222 123456789010 vpc-a subnet-2 - 10.40.2.236 10.40.2.31 80 39812 6 19 IPv4 10.40.2.236 10.20.33.164 ACCEPT OK\n"
    )
    made = fl.scan(text).troubleshoot(from_="10.20.33.164", to="10.40.2.236:80")
    assert (made.verdict, made.attempts, len(made.hops)) == ("working", 1, 3)
    assert [hop["side"] for hop in made.hops if hop["interface"] != "eni-33333333333333333"] == ["middle", "middle"]
    rejected = text.replace(b"39812 80 6 3 IPv4 10.20.33.164 10.40.2.236 ACCEPT OK\n3 eni-33333333333333333", b"39812 80 6 2 IPv4 10.20.33.164 10.40.2.236 REJECT OK\n3 eni-33333333333333333")
    assert fl.scan(rejected).troubleshoot(from_="10.20.33.164", to="10.40.2.236:80").verdict == "request-rejected"


def test_behind_a_nat_gateway():  # SPEC 3.3
    text = (
        b"instance-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr\n"
        b"- eni-1235b8ca123456789 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5\n"
        b"- eni-1235b8ca123456789 10.0.0.220 203.0.113.5 10.0.0.220 203.0.113.5\n"
        b"- eni-1235b8ca123456789 203.0.113.5 10.0.0.220 203.0.113.5 10.0.0.220\n"
        b"- eni-1235b8ca123456789 10.0.0.220 10.0.1.5 203.0.113.5 10.0.1.5\n"
        b"i-01234567890123456 eni-1111aaaa2222bbbb3 10.0.1.5 203.0.113.5 10.0.1.5 203.0.113.5\n"
        b"i-01234567890123456 eni-1111aaaa2222bbbb3 203.0.113.5 10.0.1.5 203.0.113.5 10.0.1.5\n"
    )
    made = fl.scan(text).troubleshoot(from_="10.0.1.5", to="203.0.113.5")
    assert made.verdict == "working"
    nat = "eni-1235b8ca123456789"
    assert [(hop["interface"], hop["side"]) for hop in made.hops] == [("eni-1111aaaa2222bbbb3", "source"), (nat, "middle"), (nat, "middle")]
    assert made.hops[2]["shared"] and made.hops[2]["request"]["records"] == made.hops[2]["reply"]["records"] == 1
    one_way = b"".join(line + b"\n" for i, line in enumerate(text.splitlines()) if i not in (3, 4, 6))
    made = fl.scan(one_way).troubleshoot(from_="10.0.1.5", to="203.0.113.5")
    assert made.verdict == "no-reply" and made.at["interface"] == nat and "got none back" in made.why


# ---- Transit gateway logs --------------------------------------------------------------------------------------------


def through(reply=True, flags=SYN, **more):
    made = [flow(f"{X}:40000", f"{Y}:443", flags=flags, flow_direction="ingress", **more)]
    return made + ([flow(f"{Y}:443", f"{X}:40000", flags=SYNACK, flow_direction="ingress")] if reply else [])


@pytest.mark.parametrize("counter", ["no-route", "blackhole", "mtu-exceeded", "ttl-expired"])
def test_a_transit_gateway_tells_what_it_dropped(counter):
    made = ask(through(reply=False, **{f"packets-lost-{counter}": 4}), TGW)
    assert (made["verdict"], made["reason"], made["confidence"]) == ("dropped-at-transit-gateway", {counter: 4}, "certain")
    assert made["at"]["interface"] == "tgw-attach-1" and made["at"]["side"] == "transit-gateway" and "4 packets" in made["why"]
    assert made["next_step"]
    few = ask(through(packets=1000, **{f"packets-lost-{counter}": 1}), TGW)
    assert few["verdict"] == "working"  # one of a thousand, and it is answered


def test_logs_of_hosts_and_of_the_gateway_between_them_are_judged_together(tmp_path):
    def write(name, records, fields):
        (tmp_path / name).write_text("".join(" ".join(str(row.get(field, "-")) for field in fields) + "\n" for row in [dict(zip(fields, fields)), *records]))

    def judged(lost, reply):
        write("hosts.log", OPENED[: 4 if reply else 1] + other(), RECOMMENDED)
        enters, leaves = [{**through(reply=False, **{"packets-lost-no-route": lost})[0], "tgw-attachment-id": f"tgw-attach-{name}", "flow-direction": way}
                          for name, way in (("z", "ingress"), ("b", "egress"))]  # fmt: skip
        write("gateway.log", [enters] + [leaves, *through()[1:]] * reply, TGW)
        return fl.scan(str(tmp_path / "*.log")).troubleshoot(from_=X, to=f"{Y}:443")

    made = judged(4, False)
    assert made.verdict == "dropped-at-transit-gateway" and made.at["interface"] == "tgw-attach-z"
    assert [hop["side"] for hop in made.hops] == ["source", "transit-gateway"]
    made = judged(0, True)
    assert made.verdict == "working"
    assert [hop["interface"] for hop in made.hops if hop["request"]["records"]] == [PLACES[X], "tgw-attach-z", "tgw-attach-b", PLACES[Y]]


def test_a_transit_gateway_does_not_know_what_is_rejected():
    made = ask(through(), TGW)
    assert (made["verdict"], made["confidence"]) == ("working", "likely")
    made = ask(through(reply=False), TGW)
    assert made["verdict"] == "no-reply" and {"request-rejected", "reply-rejected"} <= set(made["alternatives"])
    assert any("no action" in text for text in made["blind_spots"])
    made = ask([*through()[:1], flow(f"{Y}:443", f"{X}:40000", flags=RST, flow_direction="ingress")], TGW)
    assert made["verdict"] == "reset-by-peer"
    made = ask(through(), TGW, target="10.9.9.9:8443")
    assert (made["verdict"], made["reason"]) == ("not-seen", "no-traffic")


# ---- Not seen --------------------------------------------------------------------------------------------------------

NODATA = {"version": 2, "account-id": "123456789012", "interface-id": "eni-aaaa", "start": T, "end": T + 60, "log-status": "NODATA"}
SKIPDATA = {**NODATA, "log-status": "SKIPDATA"}
MANY = [flow(f"{X}:{50000 + i}", f"{WORLD}:443", time=i) for i in range(30)]
ENOUGH = MANY + [flow(f"{WORLD}:40000", f"{X}:22", "REJECT")]

UNSEEN = {
    "nobody tried": (ENOUGH, {}, "no-traffic"),
    "NODATA is no loss": ([*ENOUGH, NODATA], {}, "no-traffic"),
    "records were lost": ([*ENOUGH, SKIPDATA], {}, "skipdata"),
    "another's records were lost": ([*ENOUGH, {**SKIPDATA, "interface-id": "eni-cccc"}], {}, "no-traffic"),
    "the newest is a minute old": (ENOUGH, {"now": T + 110}, "not-yet-delivered"),
    "only what was rejected is logged": ([{**record, "action": "REJECT"} for record in MANY], {}, "one-action-log"),
    "only what was let through is logged": (MANY, {}, "one-action-log"),
    "neither is logged": ([flow("10.0.3.1:50000", f"{WORLD}:443", at="eni-cccc"), flow(f"{WORLD}:443", "10.0.3.1:50000", at="eni-cccc")], {}, "no-flow-log"),
    "metadata service": (ENOUGH, {"target": "169.254.169.254:80"}, "never-logged"),
    "time": (ENOUGH, {"target": "169.254.169.123:123"}, "never-logged"),
    "Amazon's DNS": (ENOUGH, {"target": "10.0.0.2:53"}, "never-logged"),
    "another DNS server": (ENOUGH, {"target": "10.0.0.3:53"}, "no-traffic"),
    "DHCP": (ENOUGH, {"target": "10.0.0.1:67", "protocol": "udp"}, "never-logged"),
    "under another address": ([*ENOUGH, flow(f"{X}:50000", "10.0.7.7:8443"), flow("10.0.7.7:8443", f"{X}:50000")], {"target": "198.51.100.4:8443"}, "other-address"),
    "under its own": ([*ENOUGH, flow(f"{X}:50000", "10.0.7.7:8443"), flow(f"{X}:50000", "198.51.100.4:22")], {"target": "198.51.100.4:8443"}, "no-traffic"),
    "the client under another": (
        [*other(), flow("10.0.0.220:1024", f"{Y}:443"), flow(f"{WORLD}:40000", f"{Y}:22", "REJECT")], {"source": "198.51.100.7"}, "other-address",
    ),
    "the client that is another": (
        [*other(), flow("10.0.0.220:1024", f"{Y}:443"), flow(f"{WORLD}:40000", f"{Y}:22", "REJECT")], {"source": "10.0.4.9"}, "no-traffic",
    ),
    "a public address of ours": (
        [flow(f"{WORLD}:40000", f"{Y}:443"), flow(f"{Y}:443", f"{WORLD}:40000")], {"source": WORLD, "target": "198.51.100.4:443"}, "other-address",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fields", [RECOMMENDED, DEFAULT], ids=["recommended", "default"])
@pytest.mark.parametrize("name", UNSEEN)
def test_every_reason_not_to_be_seen(name, fields):
    records, options, reason = UNSEEN[name]
    made = ask(records, fields, **options)
    assert (made["verdict"], made["reason"]) == ("not-seen", reason)
    assert made["attempts"] == 0 and made["evidence"] == [] and made["why"] and made["next_step"]


def test_a_load_balancer_in_front_has_another_address():
    front = [flow(f"{X}:50000", "10.0.7.7:8443"), flow(f"{X}:50000", "10.0.7.7:8443", at="eni-eeee", flow_direction="ingress", interface_type="network_load_balancer")]
    assert ask(ENOUGH + front, target=f"{Y}:8443")["reason"] == "other-address"
    assert ask(ENOUGH + front[:1], target=f"{Y}:8443")["reason"] == "no-traffic"


def test_of_too_many_records_the_newest_are_judged(monkeypatch):
    monkeypatch.setattr(troubleshoot, "MOST", 4)
    made = ask(ways(request="REJECT") + ways(time=500) + other())
    assert made["verdict"] == "working" and made["first_failing"] is None
    assert any("only the newest 4 of 6 records" in text for text in made["blind_spots"])
    assert not any("newest" in text for text in ask(OPENED + other())["blind_spots"])


def test_a_load_balancer_that_is_asked_is_the_destination():
    made = ask([{**row, "interface-type": "network_load_balancer"} if row["interface-id"] == PLACES[Y] else row for row in ways(request="REJECT")] + other())
    assert made["at"]["side"] == "destination"


def test_an_empty_input_has_no_flow_log():
    made = ask([], DEFAULT)
    assert (made["verdict"], made["reason"]) == ("not-seen", "no-flow-log")


def test_what_else_is_between_the_two_is_said():
    made = ask(OPENED + other() + [flow(f"{WORLD}:4", f"{X}:22", "REJECT")], target=f"{Y}:8443")
    assert made["reason"] == "no-traffic" and "https" in made["why"]
    other_way = ask(OPENED + other() + [flow(f"{WORLD}:4", f"{X}:22", "REJECT")], source=Y, target=X)
    assert other_way["verdict"] == "not-seen" and "other way" in other_way["why"]


# ---- Ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target"),
    [(X, Y), ("10.0.1.0/24", "10.0.2.0/24:443"), ("eni-aaaa", "eni-bbbb:443"), ("i-0aa", "i-0bb"), (X, f"::ffff:{Y}"), ("eni-aaaa", "10.0.0.0/8:443")],
)
def test_ends_are_addresses_prefixes_interfaces_and_instances(source, target):
    ids = {PLACES[X]: "i-0aa", PLACES[Y]: "i-0bb"}
    records = [{**record, "instance-id": ids[record["interface-id"]]} for record in ways(request="REJECT") + other()]
    made = ask(records, source=source, target=target)
    assert made["verdict"] == "request-rejected" and made["at"]["interface"] == PLACES[Y]


def test_ipv6_with_and_without_a_port():
    PLACES.update({"2001:db8::5": "eni-aaaa", "2001:db8::9": "eni-bbbb"})
    try:
        records = [flow("2001:db8::5:40000", "2001:db8::9:443", "REJECT", at="eni-bbbb", flags=SYN)]
        for target in ("2001:db8::9", "[2001:db8::9]:443", "2001:db8::/64"):
            assert ask(records, source="2001:db8::5", target=target)["verdict"] == "request-rejected"
        assert ask(records, source="2001:db8::5", target="[2001:db8::9]:80")["verdict"] == "not-seen"
    finally:
        del PLACES["2001:db8::5"], PLACES["2001:db8::9"]


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("10.0.0.256", Y, "10.0.0.256"), ("10.0.0.1/8", Y, "10.0.0.1/8"), (f"{X}:80", Y, "a client's port says nothing"),
        (X, f"{Y}:70000", "1 to 65535"), ("web-1", Y, "--inventory DIR"), ("fe80::1%eth0", Y, "zone id"),
    ],
)  # fmt: skip
def test_what_is_no_end_is_an_error_that_says_why(source, target, told):
    with pytest.raises(fl.ArgumentError, match=told.replace("(", "[(]")):
        ask(OPENED, source=source, target=target)


def test_a_format_that_lacks_what_is_asked_for():
    with pytest.raises(fl.ArgumentError, match="srcaddr"):
        ask(OPENED, ["dstaddr", "action"])
    with pytest.raises(fl.ArgumentError, match="srcport and dstport"):
        ask(OPENED, ["srcaddr", "dstaddr", "action"])
    with pytest.raises(fl.ArgumentError, match="none"):
        ask(OPENED, protocol="tpc")


def test_every_subset_of_a_format_gives_an_answer():
    names = "interface-id srcport dstport protocol start end action tcp-flags log-status packets flow-direction".split()
    chosen = random.Random(7)
    for records in (OPENED, ways(reply="REJECT"), CLOSED + late(), []):
        for _ in range(25):
            fields = ["srcaddr", "dstaddr", *(name for name in names if chosen.random() < 0.6)]
            made = ask(records + other(), fields, target=Y)
            assert made["verdict"] in troubleshoot.VERDICTS and str(made)
            assert isinstance(troubleshoot.troubleshoot(scan(records + other(), fields)), list)


# ---- With an inventory -----------------------------------------------------------------------------------------------


def group(id, inbound=(), outbound=({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},)):
    return {"GroupId": id, "GroupName": id, "VpcId": "vpc-1", "IpPermissions": list(inbound), "IpPermissionsEgress": list(outbound)}


def allow(first, last, block=None, group=None, protocol="tcp"):
    made = {"IpProtocol": protocol, "FromPort": first, "ToPort": last}
    return {**made, "IpRanges": [{"CidrIp": block}] if block else [], "UserIdGroupPairs": [{"GroupId": group}] if group else []}


def entry(number, action, egress=False, ports=None, protocol="-1", block="0.0.0.0/0"):
    made = {"RuleNumber": number, "RuleAction": action, "Egress": egress, "Protocol": protocol, "CidrBlock": block}
    return {**made, **({"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {})}


OPEN = [entry(100, "allow"), entry(100, "allow", True), entry(32767, "deny"), entry(32767, "deny", True)]


@pytest.fixture
def inventory(tmp_path):
    """Writes one as `flowlogs aws inventory` does; what is given replaces a file."""

    def make(**files):
        def interface(id, address, subnet, groups, instance):
            return {"NetworkInterfaceId": id, "PrivateIpAddresses": [{"PrivateIpAddress": address}], "SubnetId": subnet, "VpcId": "vpc-1",
                    "Groups": [{"GroupId": one} for one in groups], "Attachment": {"InstanceId": instance}}  # fmt: skip

        found = {
            "network-interfaces": [interface("eni-aaaa", X, "subnet-a", ["sg-web"], "i-0aa"), interface("eni-bbbb", Y, "subnet-b", ["sg-db"], "i-0bb")],
            "instances": [{"InstanceId": "i-0aa", "Tags": [{"Key": "Name", "Value": "web"}]}, {"InstanceId": "i-0bb", "Tags": [{"Key": "Name", "Value": "db"}]}],
            "vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}],
            "subnets": [{"SubnetId": "subnet-a", "CidrBlock": "10.0.1.0/24"}, {"SubnetId": "subnet-b", "CidrBlock": "10.0.2.0/24"}],
            "security-groups": [group("sg-web"), group("sg-db", [allow(443, 443, group="sg-web")])],
            "network-acls": [{"NetworkAclId": "acl-b", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-b"}], "Entries": OPEN}],
            "route-tables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": True}],
                              "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}]}],
            "flow-logs": [{"FlowLogId": "fl-1", "ResourceId": "vpc-1", "TrafficType": "ALL", "FlowLogStatus": "ACTIVE"}],
        }  # fmt: skip
        found.update({name.replace("_", "-"): items for name, items in files.items()})
        for name, items in found.items():
            (tmp_path / f"{name}.json").write_text(json.dumps({"account": "123456789012", "region": "eu-west-1", "time": T, "items": items}))
        (tmp_path / "manifest.json").write_text(json.dumps({"time": T, "files": {name: len(items) for name, items in found.items()}}))
        return str(tmp_path)

    return make


def test_the_group_without_the_rule_is_named(inventory):
    made = ask(ways(request="REJECT") + other(), DEFAULT, source="web", target="db:443", inventory=inventory(security_groups=[group("sg-web"), group("sg-db", [allow(80, 80, "10.0.0.0/8")])]))
    assert (made["verdict"], made["confidence"]) == ("request-rejected", "certain")
    (denying,) = [rule for rule in made["rules"] if rule["allows"] is False]
    assert (denying["kind"], denying["id"], denying["direction"]) == ("security-group", "sg-db", "ingress")
    assert "no inbound rule allows tcp/443 from 10.0.1.5" in made["why"] and "web (10.0.1.5)" in made["why"]
    assert "authorize-security-group-ingress --group-id sg-db" in made["fix"] and "FromPort=443" in made["fix"]
    allowed = ask(ways(request="REJECT") + other(), inventory=inventory())
    assert all(rule["allows"] for rule in allowed["rules"]) and "changed since" in allowed["why"] and allowed["fix"] == ""


def test_the_command_takes_an_inventory(command, log, inventory):
    path, directory = log(ways(request="REJECT") + other()), inventory(security_groups=[group("sg-web"), group("sg-db")])
    ran = command("troubleshoot", "--from", "web", "--to", "db:443", "--inventory", directory, path)
    assert ran.returncode == 1 and "fix         aws ec2 authorize-security-group-ingress --group-id sg-db" in ran.stdout, ran.stderr
    assert "does not say whether the security group" not in ran.stdout
    ran = command("troubleshoot", "--from", "web", "--to", "cache:443", "--inventory", directory, path)
    assert ran.returncode == 2 and "the inventory has nothing of that name" in ran.stderr


def test_the_rule_of_the_acl_is_named(inventory):
    def acl(*entries):
        return [{"NetworkAclId": "acl-b", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-b"}], "Entries": [*entries, entry(32767, "deny"), entry(32767, "deny", True)]}]

    made = ask(ways(request="REJECT") + other(), inventory=inventory(network_acls=acl(entry(90, "deny", ports=(443, 443), protocol="6"), entry(100, "allow"))))
    (denying,) = [rule for rule in made["rules"] if rule["allows"] is False]
    assert denying["rule"] == "rule 90: deny tcp/443 from 0.0.0.0/0" and "create-network-acl-entry" in made["fix"] and "--ingress --rule-number 80" in made["fix"]
    first = ask(ways(request="REJECT") + other(), inventory=inventory(network_acls=acl(entry(90, "allow"), entry(100, "deny", ports=(443, 443), protocol="6"))))
    assert all(rule["allows"] for rule in first["rules"])  # the first that matches decides


def test_the_acl_that_forgets_ephemeral_ports(inventory):
    acls = [{"NetworkAclId": "acl-b", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-b"}],
             "Entries": [entry(100, "allow"), entry(100, "allow", True, (443, 443), "6"), entry(32767, "deny", True)]}]  # fmt: skip
    made = ask(ways(reply="REJECT") + other(), inventory=inventory(network_acls=acls))
    assert made["verdict"] == "reply-rejected"
    (rule,) = made["rules"]  # the group is stateful: no rule of it is of replies
    assert (rule["kind"], rule["direction"], rule["allows"]) == ("network-acl", "egress", False) and "tcp/40000 to 10.0.1.5" in rule["rule"]
    assert "--egress" in made["fix"] and "From=1024,To=65535" in made["fix"]


def test_a_route_that_is_not_there(inventory):
    routes = [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": True}],
               "Routes": [{"DestinationCidrBlock": "10.0.2.0/24", "VpcPeeringConnectionId": "pcx-1", "State": "blackhole"}]}]  # fmt: skip
    made = ask(OPENED[:1] + other(), inventory=inventory(route_tables=routes))
    assert made["verdict"] == "no-reply" and "blackhole" in made["why"] and "pcx-1" in made["why"] and "replace-route --route-table-id rtb-1 --destination-cidr-block 10.0.2.0/24" in made["fix"]
    assert "blackhole" not in ask(OPENED[:1] + other(), inventory=inventory())["why"]


def test_an_inventory_tells_what_is_not_logged(inventory):
    nobody = [flow("10.0.3.1:50000", f"{WORLD}:443", at="eni-cccc"), flow(f"{WORLD}:443", "10.0.3.1:50000", at="eni-cccc")]
    made = ask(nobody, inventory=inventory(flow_logs=[]))
    assert (made["reason"], made["confidence"]) == ("no-flow-log", "certain")
    assert ask(nobody, inventory=inventory())["confidence"] == "likely"
    one = [{"FlowLogId": "fl-1", "ResourceId": "vpc-1", "TrafficType": "REJECT", "FlowLogStatus": "ACTIVE"}]
    made = ask(ENOUGH, inventory=inventory(flow_logs=one))
    assert (made["reason"], made["confidence"]) == ("one-action-log", "certain")
    made = ask(ENOUGH, inventory=inventory(), target="10.0.2.1:443")
    assert (made["reason"], made["confidence"]) == ("never-logged", "certain") and "router" in made["why"]
    assert ask(ENOUGH, inventory=inventory(), target="10.0.0.2:53")["confidence"] == "certain"


def test_a_public_address_is_looked_for_as_the_private_one(inventory):
    public = [{"NetworkInterfaceId": "eni-bbbb", "SubnetId": "subnet-b", "VpcId": "vpc-1", "Groups": [],
               "PrivateIpAddresses": [{"PrivateIpAddress": Y, "Association": {"PublicIp": "198.51.100.9"}}]}]  # fmt: skip
    made = ask(ways(request="REJECT") + other(), target="198.51.100.9:443", inventory=inventory(network_interfaces=public))
    assert made["verdict"] == "request-rejected"
    assert ask(ways(request="REJECT") + other(), target="198.51.100.9:443")["verdict"] == "not-seen"


def test_a_directory_that_is_no_inventory(tmp_path):
    with pytest.raises(fl.ArgumentError, match="manifest.json.*flowlogs aws inventory"):
        ask(OPENED, inventory=str(tmp_path))


# ---- Without two ends ------------------------------------------------------------------------------------------------


def network():
    records = other() + OPENED
    for i in range(5):  # an own host that fails at two databases
        records.append(flow(f"{X}:{41000 + i}", f"10.0.9.{1 + i % 2}:5432", "REJECT", at=PLACES[X], flags=SYN, time=10 * i))
    for i, port in itertools.product(range(4), (22, 23, 3389)):  # the internet
        records.append(flow(f"198.51.100.{i}:45000", f"{Y}:{port}", "REJECT", at=PLACES[Y], flags=SYN))
    return records + CLOSED + late()


@pytest.mark.parametrize("fields", [RECOMMENDED, DEFAULT], ids=["recommended", "default"])
def test_own_hosts_that_fail_are_grouped_and_the_internet_is_one_line(fields):
    made = scan(network(), fields).troubleshoot()
    own = [verdict for verdict in made if verdict.fails]
    assert [(one["verdict"], one["from"], one["service"], one["attempts"]) for one in own] == [("request-rejected", X, "postgresql", 5)]
    assert own[0]["to"] == "10.0.9.1 and 1 more"
    (noise,) = [verdict for verdict in made if not verdict.fails]
    assert noise["background"] and noise["attempts"] == 12 and "4 addresses" in noise["why"] and made[-1] is noise
    assert "postgresql" in str(made) and str(made).count("probes") == 1
    assert scan(other() + OPENED, fields).troubleshoot() == []


def test_one_end_alone():
    logs = scan(network())
    assert [one["service"] for one in logs.troubleshoot(from_=X) if one.fails] == ["postgresql"]
    assert [one for one in logs.troubleshoot(from_=Y) if one.fails] == []
    assert [one["from"] for one in logs.troubleshoot(to="10.0.9.1:5432")] == [X]
    asked = logs.troubleshoot(to=f"{Y}:22")  # asked for by its port, the internet is told
    assert [(one["verdict"], one["from"]) for one in asked if one.fails] == [("request-rejected", "4 outside clients")]


def test_a_scan_from_inside_is_one_verdict():
    scan_of_ports = [flow(f"{X}:45000", f"{Y}:{port}", "REJECT", at=PLACES[Y], flags=SYN) for port in range(1000, 1040)]
    often = [flow(f"{X}:{46000 + i}", f"{Y}:5432", "REJECT", at=PLACES[Y], flags=SYN) for i in range(9)]
    made = scan(other() + OPENED + scan_of_ports + often).troubleshoot()
    assert [(one["verdict"], one["service"], one["attempts"]) for one in made] == [("request-rejected", None, 40), ("request-rejected", "postgresql", 9)]
    assert "40 services" in made[0]["why"]


@pytest.mark.parametrize("fields", [RECOMMENDED, DEFAULT], ids=["recommended", "default"])
def test_who_is_rejected_from_a_port_of_no_service_is_the_client(fields):
    """Of two high ports the lower is no server's, if nothing ever came back."""
    records = [flow(f"{X}:36268", f"{Y}:51816"), flow(f"{X}:36268", f"{Y}:51816", "REJECT", at=PLACES[Y])]
    made = ask(records + other(), fields, target=Y)
    assert (made["verdict"], made["at"]["side"]) == ("request-rejected", "destination")
    assert [(one["verdict"], one["from"]) for one in scan(records + other(), fields).troubleshoot()] == [("request-rejected", X)]
    answered = [*records[:1], flow(f"{Y}:51816", f"{X}:36268")]
    assert scan(answered + other(), fields).troubleshoot() == []


def test_what_comes_unasked_from_a_servers_port_is_noise():
    backscatter = [flow(f"198.51.100.{i}:443", f"{Y}:{50000 + i}", "REJECT", at=PLACES[Y]) for i in range(5)]
    traced = [flow(f"198.51.100.{i}:31403", f"{Y}:{33434 + i}", "REJECT", at=PLACES[Y], protocol=17) for i in range(5)]
    for fields in (RECOMMENDED, DEFAULT):
        (noise,) = scan(other() + OPENED + backscatter + traced, fields).troubleshoot()
        assert noise["background"] and noise["attempts"] == 10
    # Of a connection that was let out it is a reply, rejected or late.
    asked = [flow(f"{Y}:50000", "198.51.100.0:443", flags=SYN), *backscatter[:1]]
    asked[1]["tcp-flags"] = SYNACK
    (made,) = scan(other() + OPENED + asked).troubleshoot()
    assert (made["verdict"], made["from"], made["at"]["direction"]) == ("reply-rejected", Y, "ingress")


def test_a_client_that_is_shown_by_another_address_on_the_way_is_told_once():
    far = "10.9.0.5"
    refused = []
    for port in range(40000, 40003):
        refused.append(flow(f"{far}:{port}", f"{Y}:443", "REJECT", at=PLACES[Y], flags=SYN))
        refused.append(flow(f"10.0.2.200:{port}", f"{Y}:443", at="eni-eeee", flags=SYN, pkt_srcaddr=far, flow_direction="egress"))
    made = scan(other() + refused).troubleshoot()
    assert [(one["verdict"], one["from"], one["attempts"]) for one in made] == [("request-rejected", far, 3)]
    assert [hop["interface"] for hop in made[0]["hops"]] == ["eni-eeee", PLACES[Y]]
    assert scan(other() + refused[1::2]).troubleshoot()[0]["from"] == far


def test_unnamed_ports_of_udp_are_one(tmp_path):
    made = scan(other() + [flow(f"{X}:40000", f"{WORLD}:{33634 + i}", protocol=17) for i in range(20)]).troubleshoot()
    assert [(one["verdict"], one["confidence"], one["service"], one["attempts"]) for one in made] == [("no-reply", "possible", None, 20)]


def test_what_a_transit_gateway_drops_is_found():
    made = scan(through(reply=False, packets_lost_blackhole=3), TGW).troubleshoot()
    assert [(one["verdict"], one["from"], one["to"]) for one in made] == [("dropped-at-transit-gateway", X, Y)]


def test_of_a_day_with_planted_incidents_what_fails_is_found_and_little_else(tmp_path):
    truth = tmp_path / "truth.json"
    fl.generate(scenario="incidents", days=1, seed=11, output=tmp_path / "log", truth=truth)
    made = [one for one in fl.scan(tmp_path / "log").troubleshoot() if one.fails and one["confidence"] != "possible"]
    failing = {("blocked-egress", "request-rejected"), ("port-scan", "request-rejected"), ("host-sweep", "no-reply")}
    planted = {(entry["kind"], entry["actor"]) for entry in json.loads(truth.read_text())["incidents"] if entry["actor"].startswith("10.")}
    wanted = {(verdict, actor) for kind, verdict in failing for name, actor in planted if name == kind}
    assert len(wanted) == 3 and wanted <= {(one["verdict"], one["from"]) for one in made}
    assert len(made) <= 5


# ---- The command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path):
    def make(records, fields=DEFAULT):
        path = tmp_path / "flows.log"
        path.write_text("".join(" ".join(str(row.get(name, "-")) for name in fields) + "\n" for row in [dict(zip(fields, fields)), *records]))
        return path

    return make


def test_the_command_tells_and_exits_with_1_if_it_fails(command, log):  # CONTRACT V5, V6
    path = log(ways(request="REJECT") + other())
    ran = command("troubleshoot", "--from", X, "--to", f"{Y}:443", path)
    assert ran.returncode == 1 and ran.stdout.startswith("request-rejected (likely)  10.0.1.5 -> 10.0.2.9 https\n") and "window" in ran.stdout
    made = json.loads(command("troubleshoot", "--from", X, "--to", f"{Y}:443", "-o", "json", path).stdout)
    assert made["verdict"] == "request-rejected" and isinstance(made["evidence"], list)
    assert command("troubleshoot", "--from", X, "--to", f"{Y}:443", "--fail-on", "certain", path).returncode == 0
    assert command("troubleshoot", "--from", X, "--to", f"{Y}:443", "--fail-on", "never", path).returncode == 0
    listed = command("troubleshoot", "-o", "json", path)
    assert listed.returncode == 1 and [one["verdict"] for one in json.loads(listed.stdout)] == ["request-rejected"]
    rows = command("troubleshoot", "-o", "csv", path).stdout.splitlines()
    assert rows[0].startswith("from,to,server_port") and len(rows) == 2


def test_the_command_exits_with_0_if_it_works(command, log):
    path = log(OPENED + other())
    for options in (["--from", X, "--to", Y], []):
        ran = command("troubleshoot", *options, path)
        assert ran.returncode == 0, ran.stderr
    ran = command("troubleshoot", "--from", X, "--to", f"{Y}:8443", path)
    assert ran.returncode == 1 and ran.stdout.startswith("not-seen: no-traffic")


def test_the_example_of_its_help_works(command, noise):  # CONTRACT V7
    ran = command("troubleshoot", "--help")
    assert ran.returncode == 0
    words = ran.stdout.split("example: flowlogs ")[1].split()
    ran = command(*words, cwd=noise.parents[2])
    assert ran.returncode in (0, 1) and ran.stdout, ran.stderr


def test_wrong_ends_are_usage_errors(command, noise):
    ran = command("troubleshoot", "--from", "nobody", "--to", Y, noise)
    assert ran.returncode == 2 and "'nobody' is no address" in ran.stderr and ran.stdout == ""
    assert command("troubleshoot", "--fail-on", "high", noise).returncode == 2


# ---- What is asked for is not there ----------------------------------------------------------------------------------


def test_what_filters_left_out_is_not_said_to_be_missing_in_the_input(command, log):  # CONTRACT L11
    asked = troubleshoot.troubleshoot(scan(ways() + other()).filter(f"end < {T - 100}"), from_=X, to=f"{Y}:443", now=T + 10**6)
    assert (asked["verdict"], asked["reason"], asked["confidence"]) == ("not-seen", "no-flow-log", "possible")
    assert "none of 8 records of the input is of the time" in asked["why"]
    path = log(ways() + other())
    ran = command("troubleshoot", "--from", X, "--to", f"{Y}:443", "--until", T - 100, path)
    assert ran.returncode == 1 and "none of 8 records is in the window; they are from 2023-11-14" in ran.stderr
    assert "none of 8 records matches --where" in command("troubleshoot", "--where", "dstport = 1", path).stderr


@pytest.mark.parametrize("fields", [RECOMMENDED, DEFAULT], ids=["recommended", "default"])
def test_logs_without_traffic_are_logs(fields):
    made = ask([NODATA], fields)
    assert (made["reason"], made["confidence"], made["alternatives"]) == ("no-traffic", "possible", ["not-seen: no-flow-log"])
    assert ask([SKIPDATA, NODATA], fields)["reason"] == "skipdata"
    elsewhere = [flow("10.0.3.1:50000", f"{WORLD}:443", at="eni-cccc"), flow(f"{WORLD}:443", "10.0.3.1:50000", at="eni-cccc")]
    made = ask([NODATA, *elsewhere], fields, source="eni-aaaa")
    assert made["reason"] == "no-traffic" and "eni-aaaa is logged (1 record) and sent nothing to 10.0.2.9" in made["why"]
    assert ask([NODATA, *elsewhere], fields, source="eni-dddd")["reason"] == "no-flow-log"


def test_the_ends_may_be_given_in_their_order():
    logs = scan(OPENED + other())
    assert logs.troubleshoot(X, f"{Y}:443") == logs.troubleshoot(from_=X, to=f"{Y}:443")


def test_a_traceroute_fails_nowhere():
    hops = [flow(f"{X}:{50000 + i}", f"{WORLD}:{33434 + i}", protocol=17, time=i) for i in range(30)]
    assert scan(hops + other()).troubleshoot() == []
    (made,) = scan([*hops, *(flow(f"{X}:{50000 + i}", f"{WORLD}:5060", protocol=17, time=i) for i in range(3))] + other()).troubleshoot()
    assert (made["verdict"], made["service"], made["attempts"]) == ("no-reply", "sip", 3)
    assert scan(hops + other()).troubleshoot(X, f"{WORLD}:33440")["verdict"] == "no-reply"


def test_rules_are_of_the_private_address_where_a_name_has_a_public_one_too(inventory):
    def named(id, address, subnet, group, instance, public):
        there = [{"PrivateIpAddress": address, "Association": {"PublicIp": public}}]
        return {"NetworkInterfaceId": id, "PrivateIpAddresses": there, "SubnetId": subnet, "VpcId": "vpc-1", "Groups": [{"GroupId": group}],
                "Attachment": {"InstanceId": instance}}  # fmt: skip

    things = inventory(
        network_interfaces=[named("eni-aaaa", X, "subnet-a", "sg-web", "i-0aa", "54.0.0.5"), named("eni-bbbb", Y, "subnet-b", "sg-db", "i-0bb", "54.0.0.9")],
        subnets=[{"SubnetId": "subnet-a", "CidrBlock": "10.0.1.0/24", "Tags": [{"Key": "Name", "Value": "web"}]}, {"SubnetId": "subnet-b", "CidrBlock": "10.0.2.0/24"}],
    )  # fmt: skip
    made = ask(ENOUGH, source="web", target="db:8443", inventory=things)
    assert made["reason"] == "no-traffic" and "tcp/8443 from 10.0.1.5" in made["why"] and "CidrIp=10.0.1.5/32" in made["fix"]
    assert next(rule for rule in made["rules"] if rule["kind"] == "route")["rule"] == "10.0.0.0/16 -> local"


def test_what_to_do_with_an_inventory_is_not_to_give_one(inventory):
    rejected = ways(request="REJECT") + other()
    assert "--inventory DIR" in ask(rejected)["next_step"]
    assert "--inventory" not in ask(rejected, inventory=inventory())["next_step"]


def test_a_name_that_is_none_is_answered_with_one_that_is(inventory):
    with pytest.raises(fl.ArgumentError, match="nothing of that name; did you mean web?"):
        ask(OPENED, source="web-1", inventory=inventory())
