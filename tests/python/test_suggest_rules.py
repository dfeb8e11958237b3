"""Query.suggest_rules(), `flowlogs suggest-rules`: what was accepted is admitted, and little else."""

import ipaddress
import itertools
import json
import random
import shlex
import shutil
import subprocess

import pytest

import flowlogs as fl
from flowlogs.covering import EXACT, Cover, ranges
from flowlogs.security_groups import Rule, parse_rule

V5 = "interface-id flow-direction srcaddr dstaddr srcport dstport protocol start end action tcp-flags"
DAY = 86400


def flow(client, server, way, action="ACCEPT", at="eni-a", port=40000, start=0, protocol=6):
    """A request: a line of V5. server is "address:port", way as seen by the interface."""
    host, _, service = server.rpartition(":")
    return f"{at} {way} {client} {host} {port} {service} {protocol} {start} {start + 60} {action} {2 if protocol == 6 else 0}\n"


def reply(client, server, way, action="ACCEPT", at="eni-a", port=40000, start=0, protocol=6):
    host, _, service = server.rpartition(":")
    return f"{at} {way} {host} {client} {service} {port} {protocol} {start} {start + 60} {action} {18 if protocol == 6 else 0}\n"


def scan(*lines, header=V5):
    return fl.scan((header + "\n" + "".join(lines)).encode())


def suggested(*lines, **options):
    (target,) = scan(*lines).suggest_rules(**options).targets
    return target


def texts(target):
    return [rule["text"] for rule in target["ingress"] + target["egress"]]


# ---- What is admitted


def test_rules_are_of_requests_and_answers_need_none():
    target = suggested(
        flow("10.0.0.9", "10.0.0.1:443", "ingress"), reply("10.0.0.9", "10.0.0.1:443", "egress"),
        flow("10.0.0.1", "192.0.2.7:5432", "egress"), reply("10.0.0.1", "192.0.2.7:5432", "ingress"),
        flow("10.0.0.1", "10.0.0.2:53", "egress", protocol=17), flow("2001:db8::9", "2001:db8::1:443", "ingress"),
    )  # fmt: skip
    assert texts(target) == [
        "ingress tcp/443 from 10.0.0.9/32", "ingress tcp/443 from 2001:db8::9/128",
        "egress tcp/5432 to 192.0.2.7/32", "egress udp/53 to 10.0.0.2/32",
    ]  # fmt: skip
    rule = target["ingress"][0]
    assert (rule["protocol"], rule["from_port"], rule["to_port"], rule["cidr"], rule["group"]) == ("tcp", 443, 443, "10.0.0.9/32", None)
    assert (rule["service"], rule["kind"], rule["seen"], rule["unseen"], rule["records"]) == ("https", "address", 1, 0, 2)
    assert (rule["first_seen"], rule["last_seen"]) == (0, 60)
    assert target["replay"]["accepted"] == {"flows": 4, "admitted": 4, "records": 6, "admitted_records": 6}


def test_an_answer_in_the_logs_alone_tells_of_its_request():
    assert texts(suggested(reply("10.0.0.9", "10.0.0.1:443", "egress"))) == ["ingress tcp/443 from 10.0.0.9/32"]


def test_what_was_only_rejected_gets_no_rule():
    target = suggested(flow("10.0.0.9", "10.0.0.1:443", "ingress"), flow("10.0.0.8", "10.0.0.1:443", "ingress", "REJECT"),
                       flow("10.0.0.8", "10.0.0.1:22", "ingress", "REJECT", port=2))  # fmt: skip
    assert texts(target) == ["ingress tcp/443 from 10.0.0.9/32"]
    assert target["replay"]["rejected"] == {"flows": 2, "records": 2, "admitted": 0, "admitted_records": 0, "by_budget": 0,
                                            "also_accepted_records": 0}  # fmt: skip


def test_late_packets_of_accepted_flows_are_no_rejected_flows():
    target = suggested(
        flow("10.0.0.9", "10.0.0.1:443", "ingress"), flow("10.0.0.9", "10.0.0.1:443", "ingress", "REJECT", start=600),
        reply("10.0.0.9", "10.0.0.1:443", "egress", "REJECT", start=600),
    )  # fmt: skip
    assert target["replay"]["rejected"]["flows"] == 0 and target["replay"]["rejected"]["also_accepted_records"] == 2


def test_a_probe_from_a_service_port_is_judged_by_its_own_destination_port():
    # By ports alone the prober would be the server, and the probe an answer that egress tcp/443 admits.
    header = "interface-id flow-direction srcaddr dstaddr srcport dstport protocol start end action"
    lines = ["eni-a egress 10.0.0.1 203.0.113.9 40000 443 6 0 60 ACCEPT\n", "eni-a ingress 203.0.113.8 10.0.0.1 443 50000 6 0 60 REJECT\n"]
    (target,) = scan(*lines, header=header).suggest_rules(changes=["ingress tcp/50000 from 203.0.113.8", "egress tcp/443 to 203.0.113.0/24"]).targets
    assert [change["rejected"]["flows"] for change in target["changes"]] == [1, 0]
    assert target["replay"]["rejected"]["flows"] == 1 and target["replay"]["rejected"]["admitted"] == 0


@pytest.mark.parametrize("first, expected", [("ingress", ["ingress icmp from 10.0.0.9/32"]), ("egress", ["egress icmp to 10.0.0.9/32"]),
                                             (None, ["ingress icmp from 10.0.0.9/32", "egress icmp to 10.0.0.9/32"])])  # fmt: skip
def test_of_icmp_the_earliest_record_tells_who_began(first, expected):
    start = {"ingress": 100, "egress": 100, **({first: 50} if first else {})}
    answer = scan(
        flow("10.0.0.9", "10.0.0.1:0", "ingress", port=0, protocol=1, start=start["ingress"]),
        reply("10.0.0.9", "10.0.0.1:0", "egress", port=0, protocol=1, start=start["egress"]),
    ).suggest_rules()
    assert texts(answer.targets[0]) == expected
    assert answer.targets[0]["told_by"] == {"syn": 0, "port": 0, "unknown": len(expected)}
    assert any("nothing tells who began" in text for text in answer.warnings) and any("type of ICMP" in text for text in answer.warnings)
    rule = (answer.targets[0]["ingress"] + answer.targets[0]["egress"])[0]
    assert (rule["protocol"], rule["from_port"], rule["to_port"]) == ("icmp", None, None)


def test_a_ping_whose_answer_an_acl_rejects_is_no_rejected_flow():
    lines = ["2 1 eni-a 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK\n",
             "2 1 eni-a 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK\n"]  # fmt: skip
    (target,) = fl.scan("".join(lines).encode()).suggest_rules().targets
    assert texts(target) == ["ingress icmp from 203.0.113.12/32"] and target["replay"]["rejected"]["flows"] == 0


# ---- Budgets


def test_prefixes_are_merged_where_the_fewest_others_come_in():
    clients = ["10.0.0.0", "10.0.0.1", "10.0.0.9", "10.0.7.1", "10.0.7.2"]
    target = suggested(*(flow(client, "10.9.9.9:443", "ingress") for client in clients), max_prefixes=3)
    assert texts(target) == [f"ingress tcp/443 from {cidr}" for cidr in ("10.0.0.0/31", "10.0.0.9/32", "10.0.7.0/30")]
    assert [(rule["kind"], rule["seen"], rule["unseen"]) for rule in target["ingress"]] == [("address", 2, 0), ("address", 1, 0), ("prefix", 2, 2)]


def test_rejected_addresses_stay_out_until_the_budget_forces_them_in():
    lines = [flow(f"10.0.0.{i}", "10.9.9.9:443", "ingress") for i in (1, 3, 200)]
    lines.append(flow("10.0.0.2", "10.9.9.9:443", "ingress", "REJECT", start=9))
    two = suggested(*lines, max_prefixes=3)
    assert two["replay"]["rejected"]["admitted"] == 0 and len(two["ingress"]) == 3
    (one,) = scan(*lines).suggest_rules(max_prefixes=1).targets
    assert texts(one) == ["ingress tcp/443 from 10.0.0.0/24"]
    assert one["replay"]["rejected"] == {"flows": 1, "records": 1, "admitted": 1, "admitted_records": 1, "by_budget": 1,
                                         "also_accepted_records": 0}  # fmt: skip
    assert one["ingress"][0]["rejected"] == {"flows": 1, "records": 1}
    assert one["admits_rejected"] == [{"peer": "10.0.0.2", "direction": "ingress", "ports": "tcp/443", "service": "https", "records": 1,
                                       "rule": "ingress tcp/443 from 10.0.0.0/24"}]  # fmt: skip


def test_the_world_is_let_in_only_where_public_clients_say_so():
    public = [flow(f"198.51.{i}.7", "10.9.9.9:443", "ingress") for i in range(50)]
    target = suggested(*public)
    assert texts(target) == ["ingress tcp/443 from 0.0.0.0/0"] and target["ingress"][0]["kind"] == "public"
    assert target["ingress"][0]["seen"] == 50
    few = suggested(*public[1:], max_prefixes=1)
    assert texts(few) == ["ingress tcp/443 from 198.51.0.0/18"]
    rejected = flow("203.0.113.1", "10.9.9.9:443", "ingress", "REJECT", start=9)
    closed = suggested(*public, rejected)
    assert "0.0.0.0/0" not in str(texts(closed))
    assert "ingress tcp/443 is not opened to all: 50 public peers were let through, and 1 never were" in closed["warnings"][0]
    private = [flow(f"10.1.{i}.7", "10.9.9.9:443", "ingress") for i in range(80)]
    assert "0.0.0.0/0" not in str(texts(suggested(*private)))
    out = [flow("10.9.9.9", f"198.51.{i}.7:443", "egress") for i in range(60)]
    assert "0.0.0.0/0" not in str(texts(suggested(*out, max_prefixes=1)))
    assert texts(suggested(*out, public_egress=True)) == ["egress tcp/443 to 0.0.0.0/0"]
    far = [flow("10.9.9.9", f"{i}.51.3.7:443", "egress") for i in (50, 51, 52)]
    assert "egress tcp/443 hold 134,217,725 addresses that were not seen" in suggested(*far, max_prefixes=1)["warnings"][0]
    assert scan(*far).suggest_rules("10.8.8.8").targets[0]["warnings"] == ["no record is at its interfaces"]


def test_not_even_one_prefix_is_all_addresses():
    target = suggested(flow("1.0.0.1", "10.9.9.9:22", "ingress"), flow("200.0.0.1", "10.9.9.9:22", "ingress"), max_prefixes=1)
    assert texts(target) == ["ingress tcp/22 from 1.0.0.1/32", "ingress tcp/22 from 200.0.0.1/32"]


def test_neighbouring_ports_of_the_same_peers_are_a_range_and_others_when_there_are_too_many():
    lines = [flow("10.0.0.9", f"10.0.0.1:{port}", "ingress") for port in (5000, 5001, 5002, 5010)]
    assert texts(suggested(*lines)) == ["ingress tcp/5000-5002 from 10.0.0.9/32", "ingress tcp/5010 from 10.0.0.9/32"]
    target = suggested(*lines, max_ports=1)
    assert texts(target) == ["ingress tcp/5000-5010 from 10.0.0.9/32"] and target["ingress"][0]["unseen_ports"] == 7
    refused = flow("10.0.0.9", "10.0.0.1:5005", "ingress", "REJECT", port=7)
    assert suggested(*lines, refused)["replay"]["rejected"]["admitted"] == 0
    forced = suggested(*lines, refused, max_ports=1)["replay"]["rejected"]
    assert (forced["admitted"], forced["by_budget"]) == (1, 1)


def test_a_direction_has_no_more_rules_than_a_group_may_have():
    lines = [flow(f"10.{i}.{j}.9", f"10.99.0.1:{1000 + 10 * i}", "ingress") for i in range(4) for j in range(0, 40, 4)]
    assert len(suggested(*lines)["ingress"]) == 40
    target = suggested(*lines, max_rules=8)
    assert len(target["ingress"]) == 8 and target["replay"]["accepted"]["admitted"] == 40
    answer = scan(*lines).suggest_rules(max_rules=3)
    assert len(answer.targets[0]["ingress"]) == 4 and "4 ingress rules for IPv4 are more than the 3" in answer.targets[0]["warnings"][0]


# ---- Nothing but the records counts


def covers(addresses, number, first, bits):
    """All ways to hold the addresses in at most so many prefixes inside of one, as sets of (first, bits)."""
    inside = [a for a in addresses if first <= a < first + (1 << bits)]
    if not inside:
        return [frozenset()]
    found = [frozenset([(first, bits)])] if number else []
    if bits:
        half = 1 << (bits - 1)
        for left in covers(addresses, number, first, bits - 1):
            found += [left | right for right in covers(addresses, number - len(left), first + half, bits - 1) if len(left) + len(right) <= number]
    return found


@pytest.mark.parametrize("seed", range(40))
def test_a_cover_is_the_best_of_all_there_are(seed):
    chance = random.Random(seed)
    base, bits = 0x0A000000, 5
    numbers = chance.sample(range(1 << bits), 12)
    seen, refused = [base + n for n in numbers[:7]], [base + n for n in numbers[7 : 7 + seed % 5]]
    most = chance.randint(1, 5)

    def price(prefixes):
        inside = [a for first, size in prefixes for a in range(first, first + (1 << size))]
        return sum(a in refused for a in inside), len(inside) - len(seen)

    expected = min((*price(found), len(found)) for found in covers(seen, most, base, bits))
    cover = Cover(seen, refused, 32, most)
    made = cover.prefixes(cover.within(most))
    assert (*price(made), len(made)) == expected
    assert all(any(first <= a < first + (1 << size) for first, size in made) for a in seen)


def test_a_cover_of_very_many_addresses_is_near_the_best_and_quick():
    chance = random.Random(1)
    seen = sorted({chance.getrandbits(32) for _ in range(20 * EXACT)})
    cover = Cover(seen, [], 32, 20)
    made = cover.prefixes(cover.within(20))
    assert len(made) == 20 and all(any(first <= a < first + (1 << bits) for first, bits in made) for a in seen)
    assert all(a + (1 << bits) <= b for (a, bits), (b, _) in zip(sorted(made), sorted(made)[1:]))


def test_ranges_hold_all_that_was_seen_and_are_as_many_as_asked_for():
    chance = random.Random(2)
    peers = {port: {(32, chance.randrange(5))} for port in chance.sample(range(1, 65536), 3000)}
    made = ranges(peers, {}, 7)
    assert len(made) == 7 and all(a.last < b.first for a, b in zip(made, made[1:]))
    for port, some in peers.items():
        (one,) = (one for one in made if one.first <= port <= one.last)
        assert some <= one.peers
    assert sum(one.seen for one in made) == 3000


def random_log(seed):
    """Requests and answers at an interface: lines, the accepted flows, and the rejected ones that were never accepted."""
    chance = random.Random(seed)
    own = {4: "10.9.9.9", 6: "2001:db8::9:9"}
    spaces = ["10.0.{}.{}", "172.16.{}.{}", "203.0.{}.{}", "2001:db8:{:x}::{:x}", "fc00:{:x}::{:x}"]
    lines, accepted, rejected = [], set(), set()
    for _ in range(chance.randint(1, 150)):
        peer = str(ipaddress.ip_address(chance.choice(spaces).format(chance.randrange(3), chance.randrange(24))))
        mine, way = own[6 if ":" in peer else 4], chance.choice(["ingress", "egress"])
        protocol, port = chance.choice([6, 17]), chance.choice([22, 80, 443, *range(5000, 5030)])
        action = chance.choice(["ACCEPT", "ACCEPT", "REJECT"])
        key = way, protocol, port, peer
        (accepted if action == "ACCEPT" else rejected).add(key)
        client, server = (peer, mine) if way == "ingress" else (mine, peer)
        common = {"action": action, "port": chance.randint(40000, 60000), "protocol": protocol, "start": chance.randrange(1000)}
        lines.append(flow(client, f"{server}:{port}", way, **common))
        if chance.random() < 0.5:
            other = {"ingress": "egress", "egress": "ingress"}[way]
            # A packet of an accepted flow that came too late is rejected, too.
            late = action == "ACCEPT" and chance.random() < 0.2
            if action == "ACCEPT":
                lines.append(reply(client, f"{server}:{port}", other, **{**common, "action": "REJECT" if late else action}))
    return lines, accepted, rejected - accepted


def admits(rule, key):
    way, protocol, port, peer = key
    if (rule["text"].split(" ")[0], rule["protocol"]) != (way, {6: "tcp", 17: "udp"}[protocol]):
        return False
    return rule["from_port"] <= port <= rule["to_port"] and ipaddress.ip_address(peer) in ipaddress.ip_network(rule["cidr"])


@pytest.mark.parametrize("seed", range(60))
def test_replayed_over_random_logs_all_accepted_and_no_rejected_flow_is_admitted_but_by_the_budget(seed):
    lines, accepted, rejected = random_log(seed)
    chance = random.Random(-seed)
    options = {"max_prefixes": chance.choice([1, 2, 5, 1000]), "max_ports": chance.choice([1, 3, 1000]), "max_rules": 10**6,
               "public_threshold": chance.choice([5, 10**6])}  # fmt: skip
    answer = scan(*lines).suggest_rules(limit=10**6, **options)
    (target,) = answer.targets or [{"ingress": [], "egress": []}]
    rules = target["ingress"] + target["egress"]
    assert all(any(admits(rule, key) for rule in rules) for key in accepted)
    let_in = {key for key in rejected if any(admits(rule, key) for rule in rules)}
    strict = [rule for rule in rules if not rule["unseen"] and not rule["unseen_ports"]]
    if options["max_ports"] == 1000:
        assert not [key for key in rejected if any(admits(rule, key) for rule in strict)]
        if options["max_prefixes"] == 1000:
            assert not let_in
    if answer.targets:
        replay = target["replay"]
        assert (replay["accepted"]["flows"], replay["accepted"]["admitted"]) == (len(accepted), len(accepted))
        assert (replay["rejected"]["flows"], replay["rejected"]["admitted"]) == (len(rejected), len(let_in))
        assert replay["rejected"]["by_budget"] == len(let_in)
        assert {(row["direction"], row["ports"], row["peer"]) for row in target["admits_rejected"]} == {
            (way, f"{ {6: 'tcp', 17: 'udp'}[protocol]}/{port}", peer) for way, protocol, port, peer in let_in
        }
        by_service = {}
        for rule in rules:
            key = rule["text"].split(" ")[0], rule["protocol"], rule["from_port"], ":" in rule["cidr"]
            by_service[key] = by_service.get(key, 0) + 1
        assert max(by_service.values()) <= max(2, options["max_prefixes"])
    # The order of records does not matter.
    chance.shuffle(lines)
    again = scan(*lines).suggest_rules(limit=10**6, **options)
    assert json.dumps({**again, "stats": 0}) == json.dumps({**answer, "stats": 0})


# ---- Targets


def test_without_a_target_each_interface_has_rules_of_its_own():
    lines = [flow("10.0.0.9", "10.0.0.1:443", "ingress"), flow("10.0.0.9", "10.0.0.2:22", "ingress", at="eni-b"), flow("10.0.0.8", "10.0.0.2:22", "ingress", at="eni-b")]
    answer = scan(*lines).suggest_rules()
    assert [(target["target"], target["kind"], target["records"]) for target in answer.targets] == [("eni-b", "interface", 2), ("eni-a", "interface", 1)]
    assert texts(answer.targets[1]) == ["ingress tcp/443 from 10.0.0.9/32"]
    for subject, number in (("eni-b", 2), ("10.0.0.2", 2), ("10.0.0.0/24", 3), ("10.0.0.1", 1)):
        (target,) = scan(*lines).suggest_rules(subject).targets
        assert target["records"] == number, subject
    both = scan(*lines).suggest_rules("eni-a", "eni-b")
    assert len(both.targets) == 2
    named = fl.scan((V5 + "\n" + "".join(lines)).encode(), sets={"mine": ["10.0.0.2"]}).suggest_rules("@mine")
    assert named.targets[0]["records"] == 2


@pytest.mark.parametrize(
    "subject, told",
    [
        ("sg-0123456789abcdef0", "give an inventory"),
        ("i-0123456789abcdef0", "no input has instance-id"),
        ("10.0.0.1/24", "has host bits set"),
        ("web", "'web' is no target"),
    ],
)
def test_what_is_no_target_is_told(subject, told):
    with pytest.raises(fl.ArgumentError, match=told):
        scan(flow("10.0.0.9", "10.0.0.1:443", "ingress")).suggest_rules(subject)


@pytest.mark.parametrize(
    "text, told",
    [
        ("tcp/22", "is no rule"),
        ("ingress tcp from 10.0.0.0/8", "lacks a port"),
        ("ingress tcp/70000 from 10.0.0.0/8", "no ports of a rule"),
        ("ingress icmp/3 from 10.0.0.0/8", "no ports of a rule"),
        ("ingress smtp/25 from 10.0.0.0/8", "is no protocol"),
        ("ingress tcp/22 from 10.0.0", "neither an address"),
        ("ingress tcp/22 from 10.0.0.0/33", "neither an address"),
        ("ingress tcp/22 from sg-1", "is not known"),
    ],
)
def test_what_is_no_change_is_told(text, told):
    with pytest.raises(fl.ArgumentError, match=told):
        scan(flow("10.0.0.9", "10.0.0.1:443", "ingress")).suggest_rules(changes=[text])


def test_rules_know_what_they_admit_and_which_are_inside_of_others():
    def rule(text):
        return parse_rule(text, lambda _: [(32, 0x0A000005)])

    wide, narrow = rule("ingress tcp/1-100 from 10.0.0.0/8"), rule("ingress tcp/22 from 10.0.0.5")
    assert narrow.is_inside(wide) and not wide.is_inside(narrow) and narrow.text == "ingress tcp/22 from 10.0.0.5/32"
    assert rule("ingress tcp/22 from sg-1").is_inside(narrow) and not narrow.is_inside(rule("egress all to 10.0.0.0/8"))
    everything = rule("ingress all from 0.0.0.0/0")
    assert all(one.is_inside(everything) for one in (wide, narrow, rule("ingress icmp from 1.2.3.4"), rule("ingress 47 from 1.2.3.4")))
    assert not rule("ingress all from ::/0").is_inside(everything)
    assert rule("ingress tcp/all from 10.0.0.0/8") == Rule("ingress", 6, (0, 65535), "10.1.2.3/8")


def test_records_that_do_not_tell_are_counted_and_no_rule_is_made_of_them():
    header = "interface-id srcaddr dstaddr srcport dstport protocol start end action"
    # Both sides public, and no address stands in all records of the interface.
    lines = [f"eni-a 198.51.100.{i} 203.0.113.{i} 40000 443 6 0 60 ACCEPT\n" for i in range(3)]
    (target,) = scan(*lines, header=header).suggest_rules("eni-a").targets
    assert target["unplaced"] == 3 and texts(target) == []
    with pytest.raises(fl.ArgumentError, match="no input has action"):
        scan("10.0.0.1 10.0.0.2 1 2 6\n", header="srcaddr dstaddr srcport dstport protocol").suggest_rules()


def test_short_logs_and_logs_without_rejects_are_told():
    lines = [flow("10.0.0.9", "10.0.0.1:443", "ingress"), flow("10.0.0.9", "10.0.0.1:443", "ingress", start=29 * DAY)]
    answer = scan(*lines).suggest_rules()
    assert answer.span == 29 * DAY + 60 and "once a month" in answer.warnings[0] and any("no REJECT" in text for text in answer.warnings)
    more = flow("10.0.0.9", "10.0.0.1:443", "ingress", "REJECT", start=30 * DAY)
    assert scan(*lines, more).suggest_rules().warnings == []


# ---- With an inventory


def describe(directory, **files):
    directory.mkdir(exist_ok=True)
    for name, items in files.items():
        (directory / f"{name.replace('_', '-')}.json").write_text(json.dumps({"items": items}))
    (directory / "manifest.json").write_text(json.dumps({"files": {name.replace("_", "-"): len(items) for name, items in files.items()}}))
    return directory


def interface(id, address, *groups):
    return {"NetworkInterfaceId": id, "VpcId": "vpc-1", "SubnetId": "subnet-1", "PrivateIpAddress": address,
            "PrivateIpAddresses": [{"PrivateIpAddress": address}], "Groups": [{"GroupId": group} for group in groups],
            "Attachment": {"InstanceId": "i-" + id[4:]}}  # fmt: skip


def group(id, name):
    return {"GroupId": id, "GroupName": name, "VpcId": "vpc-1"}


def there(id, owner, egress=False, protocol="tcp", ports=(443, 443), **peer):
    if "group" in peer:
        peer = {"ReferencedGroupInfo": {"GroupId": peer["group"]}}
    return {"SecurityGroupRuleId": id, "GroupId": owner, "IsEgress": egress, "IpProtocol": protocol, "FromPort": ports[0], "ToPort": ports[1], **peer}


@pytest.fixture
def inventory(tmp_path):
    return describe(
        tmp_path / "inventory",
        network_interfaces=[interface("eni-a", "10.0.0.1", "sg-app", "sg-default"), interface("eni-b", "10.0.0.2", "sg-app"),
                            interface("eni-w1", "10.0.1.1", "sg-web", "sg-default"), interface("eni-w2", "10.0.1.2", "sg-web", "sg-default"),
                            interface("eni-m", "10.0.2.1", "sg-mon")],
        security_groups=[group("sg-app", "app"), group("sg-web", "web"), group("sg-mon", "monitor"), group("sg-default", "default")],
        security_group_rules=[
            there("sgr-wide", "sg-app", CidrIpv4="10.0.0.0/8", ports=(0, 65535)), there("sgr-old", "sg-app", CidrIpv4="10.7.0.0/16", ports=(22, 22)),
            there("sgr-web", "sg-app", group="sg-web", ports=(8080, 8080)), there("sgr-list", "sg-app", egress=True, PrefixListId="pl-1"),
            there("sgr-out", "sg-app", egress=True, protocol="-1", ports=(-1, -1), CidrIpv4="0.0.0.0/0"),
        ],
    )  # fmt: skip


APP = [
    flow("10.0.1.1", "10.0.0.1:8080", "ingress", start=100), flow("10.0.1.2", "10.0.0.2:8080", "ingress", at="eni-b", start=900),
    flow("10.0.9.9", "10.0.0.1:9100", "ingress", start=50), flow("10.0.0.1", "10.0.2.1:443", "egress", start=300),
    flow("10.0.3.3", "10.0.0.1:22", "ingress", "REJECT", start=3, port=1), flow("10.7.3.3", "10.0.0.1:22", "ingress", "REJECT", start=3, port=1),
]  # fmt: skip


def test_peers_of_a_group_are_named_by_it_and_an_own_group_gathers_its_interfaces(inventory):
    (target,) = scan(*APP).suggest_rules("sg-app", inventory=inventory).targets
    assert (target["name"], target["kind"], target["groups"]) == ("app", "security group", ["sg-app"])
    assert texts(target) == ["ingress tcp/8080 from sg-web", "ingress tcp/9100 from 10.0.9.9/32", "egress tcp/443 to sg-mon"]
    rule = target["ingress"][0]
    assert (rule["group"], rule["group_name"], rule["cidr"], rule["kind"], rule["seen"], rule["unseen"]) == ("sg-web", "web", None, "group", 2, 0)
    assert target["replay"]["accepted"]["admitted"] == 4
    # Without a target: each group, and an interface has several.
    answer = scan(*APP).suggest_rules(inventory=inventory)
    assert {target["target"]: target["records"] for target in answer.targets} == {"sg-app": 4, "sg-default": 3}
    assert [target["warnings"] for target in answer.targets] == [
        [f"interfaces of it have other groups, too ({others}): what one of them admits, these rules admit once more"] for others in ("sg-default", "sg-app, sg-web")
    ]
    for subject in ("i-a", "eni-a", "10.0.0.1"):
        assert scan(*APP).suggest_rules(subject, inventory=inventory).targets[0]["groups"] == ["sg-app", "sg-default"]


def test_a_group_with_a_rejected_member_is_not_named(inventory):
    rejected = flow("10.0.1.2", "10.0.0.1:8080", "ingress", "REJECT", start=5)
    (target,) = scan(APP[0], rejected).suggest_rules("eni-a", inventory=inventory).targets
    assert texts(target) == ["ingress tcp/8080 from 10.0.1.1/32"]


def test_of_rules_that_are_there_the_last_use_is_told_and_never_that_they_are_unused(inventory, tmp_path, command):
    (target,) = scan(*APP).suggest_rules("sg-app", inventory=inventory).targets
    rows = {row["rule_id"]: row for row in target["existing"]}
    assert {id: (row["seen"], row["records"], row["last_seen"]) for id, row in rows.items()} == {
        "sgr-wide": (True, 3, 960), "sgr-old": (False, 0, None), "sgr-web": (True, 2, 960), "sgr-list": (None, 0, None), "sgr-out": (True, 1, 360),
    }  # fmt: skip
    assert rows["sgr-wide"]["narrower"] == ["ingress tcp/8080 from sg-web", "ingress tcp/9100 from 10.0.9.9/32"]
    assert rows["sgr-web"]["narrower"] == [] and rows["sgr-out"]["narrower"] == ["egress tcp/443 to sg-mon"]
    assert target["ingress"][0]["exists_as"] == "sgr-web"
    (tmp_path / "app.log").write_text(V5 + "\n" + "".join(APP))
    told = command("suggest-rules", "--for", "sg-app", "--inventory", inventory, tmp_path / "app.log").stdout
    assert "not seen" in told and "unused" not in told and "cannot be told" in told and "once a month" in told


def test_what_a_change_would_admit_of_the_rejected_is_told(inventory):
    changes = ["ingress tcp/22 from 10.0.0.0/8", "ingress tcp/22 from 10.0.3.0/24", "ingress tcp/22 from sg-web"]
    (target,) = scan(*APP).suggest_rules("sg-app", inventory=inventory, changes=changes).targets
    assert [(change["rule"], change["rejected"]["flows"]) for change in target["changes"]] == list(zip(changes, [2, 1, 0]))
    assert [row["peer"] for row in target["changes"][0]["rejected"]["top"]] == ["10.0.3.3", "10.7.3.3"]


def test_rules_of_permissions_are_read_where_the_rules_have_no_file(tmp_path):
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "admins"}],
                  "Ipv6Ranges": [{"CidrIpv6": "fc00::/7"}], "UserIdGroupPairs": [{"GroupId": "sg-app"}], "PrefixListIds": []}  # fmt: skip
    directory = describe(tmp_path / "i", network_interfaces=[interface("eni-a", "10.0.0.1", "sg-app")],
                         security_groups=[{**group("sg-app", "app"), "IpPermissions": [permission], "IpPermissionsEgress": []}])  # fmt: skip
    (target,) = scan(flow("10.0.5.5", "10.0.0.1:22", "ingress")).suggest_rules("sg-app", inventory=directory).targets
    assert [(row["text"], row["seen"], row["description"]) for row in target["existing"]] == [
        ("ingress tcp/22 from 10.0.0.0/8", True, "admins"), ("ingress tcp/22 from fc00::/7", False, None), ("ingress tcp/22 from sg-app", False, None),
    ]  # fmt: skip


def test_what_is_wrong_with_an_inventory_is_told(tmp_path, inventory):
    logs = scan(*APP)
    with pytest.raises(fl.ArgumentError, match="aws inventory -o DIR"):
        logs.suggest_rules(inventory=tmp_path / "none")
    with pytest.raises(fl.ArgumentError, match="sg-other is not in the inventory"):
        logs.suggest_rules("sg-other", inventory=inventory)
    (inventory / "security-groups.json").write_text("{")
    with pytest.raises(fl.ArgumentError, match="security-groups.json.*write the inventory again"):
        logs.suggest_rules(inventory=inventory)
    (inventory / "security-groups.json").write_text('{"items": [{"GroupName": "x"}]}')
    with pytest.raises(fl.ArgumentError, match="not as AWS describes"):
        logs.suggest_rules(inventory=inventory)


# ---- Terraform, the AWS CLI, the command


def terraform_is_happy(text):
    """Whether it is HCL, laid out as `terraform fmt` does."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not here")
    run = subprocess.run(["terraform", "fmt", "-check", "-"], input=text.encode(), capture_output=True, timeout=60)
    assert run.returncode == 0, (run.stdout + run.stderr).decode()
    return True


def test_terraform_has_a_resource_a_rule(inventory):
    answer = scan(*APP, flow("fc00::9", "fc00::1:53", "ingress", protocol=17), flow("10.0.9.9", "10.0.0.1:0", "ingress", protocol=1, port=0),
                  flow("10.0.9.9", "10.0.0.1:0", "ingress", protocol=47, port=0)).suggest_rules("sg-app", inventory=inventory)  # fmt: skip
    text = answer.to_terraform()
    assert text.count('resource "aws_vpc_security_group_ingress_rule"') == 5
    assert """resource "aws_vpc_security_group_egress_rule" "sg_app_tcp_443_sg_mon" {
  security_group_id            = "sg-app"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = "sg-mon"
  description                  = "https, 1 peer seen until 1970-01-01 00:06:00Z"
}""" in text
    assert "terraform import aws_vpc_security_group_ingress_rule.sg_app_tcp_8080_sg_web sgr-web" in text
    assert "# not seen in use: sgr-old (ingress tcp/22 from 10.7.0.0/16)" in text and 'ip_protocol       = "47"' in text
    assert terraform_is_happy(text)


HOSTILE = 'eni-"${file(1)}%{x}$(reboot)\x1b[31m\'`'


def test_what_logs_hold_cannot_break_out_of_terraform_and_the_shell():
    answer = scan(flow("10.0.0.9", "10.0.0.1:443", "ingress", at=HOSTILE), flow("10.0.0.9", "10.0.0.2:443", "ingress")).suggest_rules()
    for text in (answer.to_terraform(), answer.to_cli(), str(answer)):
        assert "\x1b" not in text
    assert terraform_is_happy(answer.to_terraform())
    assert '\\"$${file(1)}%%{x}$(reboot)' in answer.to_terraform()
    run = subprocess.run(["sh", "-n"], input=answer.to_cli().encode(), capture_output=True)
    assert run.returncode == 0, run.stderr
    commands = [line for line in answer.to_cli().splitlines() if not line.startswith("#")]
    assert "reboot" not in "".join(line for line in commands)
    # Each target has a variable of its own.
    assert len({shlex.split(line)[4] for line in commands if line.startswith("aws ")}) == 2


def test_the_script_has_a_call_a_direction_and_leaves_out_what_is_there(inventory):
    text = scan(*APP).suggest_rules("sg-app", inventory=inventory).to_cli()
    calls = [shlex.split(line) for line in text.splitlines() if line.startswith("aws ")]
    assert [call[:5] for call in calls] == [["aws", "ec2", f"authorize-security-group-{way}", "--group-id", "sg-app"] for way in ("ingress", "egress")]
    assert json.loads(calls[0][6]) == [{"IpProtocol": "tcp", "FromPort": 9100, "ToPort": 9100,
                                        "IpRanges": [{"CidrIp": "10.0.9.9/32", "Description": "node-exporter, 1 peer seen until 1970-01-01 00:01:50Z"}]}]  # fmt: skip
    assert "# there already: sgr-web (ingress tcp/8080 from sg-web)" in text


def test_the_command_writes_what_its_options_say(command, noise, tmp_path):
    report = command("suggest-rules", noise)
    assert report.returncode == 0 and "ingress" in report.stdout and "Replayed: 3 of 3 accepted flows admitted" in report.stdout
    answer = json.loads(command("suggest-rules", "-o", "json", noise).stdout)
    assert answer == json.loads(json.dumps(fl.scan(noise).suggest_rules()))
    assert set(answer) == {"targets", "start", "end", "span", "records", "warnings", "options", "stats"}
    command("suggest-rules", "-o", tmp_path / "rules.tf", noise)
    assert (tmp_path / "rules.tf").read_text() == command("suggest-rules", "--as", "terraform", noise).stdout
    command("suggest-rules", "-o", tmp_path / "rules.sh", noise)
    assert (tmp_path / "rules.sh").read_text() == command("suggest-rules", "--as", "cli", noise).stdout
    assert terraform_is_happy((tmp_path / "rules.tf").read_text())
    wrong = command("suggest-rules", "--change", "open the door", noise)
    assert wrong.returncode == 2 and "is no rule" in wrong.stderr
    none = command("suggest-rules", "--where", "srcaddr = 192.0.2.1", noise)
    assert none.returncode == 0 and "none of 99 records matches --where" in none.stderr


def test_every_record_of_the_sample_is_admitted_or_rejected(samples):
    for path in samples:
        for target in fl.scan(path).suggest_rules().targets:
            replay = target["replay"]
            assert replay["accepted"]["flows"] == replay["accepted"]["admitted"] and replay["rejected"]["admitted"] == 0


def test_a_made_up_log_is_replayed_whole():
    answer = fl.scan(fl.generate(records=20000, seed=3)).suggest_rules()
    assert len(answer.targets) > 20
    for target in answer.targets:
        replay = target["replay"]
        assert replay["accepted"]["flows"] == replay["accepted"]["admitted"]
        assert replay["rejected"]["admitted"] == replay["rejected"]["by_budget"]
        for rules in (target["ingress"], target["egress"]):
            assert len([rule for rule in rules if rule["group"] or "." in rule["cidr"]]) <= 60
    assert list(itertools.islice((target["target"][:4] for target in answer.targets), 1)) == ["eni-"]


def test_rules_are_a_table_too(command, noise):  # CONTRACT V2
    rules = [rule for target in fl.scan(noise).suggest_rules().targets for rule in target["ingress"] + target["egress"]]
    lines = command("suggest-rules", "-o", "csv", noise).stdout.splitlines()
    assert lines[0].startswith("target,direction,protocol,service,cidr,") and len(lines) == len(rules) + 1
    rows = [json.loads(line) for line in command("suggest-rules", "-o", "ndjson", noise).stdout.splitlines()]
    assert [row["cidr"] for row in rows] == [rule["cidr"] for rule in rules] and rows[0]["target"] == "eni-0858304751c757b2e"


def test_records_without_a_time_match_a_filter_and_have_no_span(command, tmp_path):
    log = tmp_path / "log"
    log.write_text("interface-id srcaddr dstaddr srcport dstport protocol action\neni-a 10.0.0.9 10.0.0.1 40000 443 6 ACCEPT\n")
    ran = command("suggest-rules", "--where", "accepted", log)
    assert ran.returncode == 0 and ran.stderr == "" and "no input has start" in ran.stdout and "span 0 s" not in ran.stdout


def test_one_change_is_a_text():
    (target,) = scan(*APP).suggest_rules("10.0.0.1", changes="ingress tcp/22 from 10.0.0.0/8").targets
    assert [change["rule"] for change in target["changes"]] == ["ingress tcp/22 from 10.0.0.0/8"]


def test_a_target_is_an_address_as_the_language_has_them():
    log = scan(*APP)
    with pytest.raises(fl.ArgumentError, match=r"the prefix is 10\.0\.0\.0/24"):  # CONTRACT L4
        log.suggest_rules("10.0.0.1/24")
    assert log.suggest_rules("::ffff:10.0.0.1").targets[0]["records"] == log.suggest_rules("10.0.0.1").targets[0]["records"] > 0  # CONTRACT F7
    with pytest.raises(fl.ArgumentError, match="a zone id is no part"):
        log.suggest_rules("fe80::1%eth0")
    with pytest.raises(fl.ArgumentError, match="no input has srcport, dstport, protocol or action"):
        fl.scan(b"srcaddr dstaddr\n10.0.0.1 10.0.0.2\n").suggest_rules()


# ---- Which of two ports is the server's, without tcp-flags


OLD = "interface-id srcaddr dstaddr srcport dstport protocol start end action"


def asks(client, port, server, service, at="eni-a", action="ACCEPT"):
    """A request and its answer: lines of OLD."""
    there, back = f"{client} {server} {port} {service}", f"{server} {client} {service} {port}"
    return "".join(f"{at} {ends} 6 0 60 {action}\n" for ends in (there, back))


def of_old(*lines):
    """Its rules, where another peer makes the interface's own address known."""
    target = scan(asks("10.0.0.1", 50000, "192.0.2.7", 443), *lines, header=OLD).suggest_rules().targets[0]
    assert target["ingress"] + target["egress"] and target["unplaced"] == 0
    return target, [text for text in texts(target) if text != "egress tcp/443 to 192.0.2.7/32"]


def test_a_client_with_a_low_port_is_no_server():
    # A load balancer's, or a NAT gateway's: of 1433 and 8080, both of known services, the lower one looks like the server's.
    usual = [asks("10.0.0.1", port, "10.0.0.9", 8080) for port in (20001, 40002)]
    low = [asks("10.0.0.1", port, "10.0.0.9", 8080) for port in (1433, 3306)]
    target, rules = of_old(*usual, *low)
    assert rules == ["egress tcp/8080 to 10.0.0.9/32"] and target["replay"]["accepted"]["admitted_records"] == 10
    # Late packets of such a connection are of an accepted flow.
    late = "eni-a 10.0.0.9 10.0.0.1 8080 1433 6 100 160 REJECT\n"
    target, _ = of_old(*usual, *low, late)
    assert target["replay"]["rejected"]["flows"] == 0 and target["replay"]["rejected"]["also_accepted_records"] == 1
    # Another peer's one connection: more of them tell 8080.
    _, rules = of_old(*usual, asks("10.0.0.1", 1433, "10.0.0.8", 8080))
    assert rules == ["egress tcp/8080 to 10.0.0.8/31"]


def test_a_server_is_one_though_its_client_has_a_known_port():
    # Nothing else is at 8080: the lower port is the server's, as before.
    one = asks("10.0.0.9", 8080, "10.0.0.1", 1433)
    assert of_old(one)[1] == ["ingress tcp/1433 from 10.0.0.9/32"]
    # Others of the same peer tell that it is a client of 1433.
    others = [asks("10.0.0.9", port, "10.0.0.1", 1433) for port in (40001, 40002)]
    to_8080 = [asks("10.0.0.1", port, "10.0.0.7", 8080) for port in range(41000, 41009)]
    assert of_old(one, *others, *to_8080)[1] == ["ingress tcp/1433 from 10.0.0.9/32", "egress tcp/8080 to 10.0.0.7/32"]


def test_the_default_format_gives_the_rules_that_tcp_flags_give():
    made = {}
    for form in ("default", "v5"):
        log = fl.generate(scenario="quiet-week", days=1, hosts=41, seed=1, format=form)
        made[form] = {target["target"]: texts(target) for target in fl.scan(log).suggest_rules().targets}
    assert made["default"] == made["v5"] and sum(map(len, made["v5"].values())) > 500


def test_targets_have_the_names_of_the_inventory(inventory):
    log = scan(*APP)
    assert log.suggest_rules("app", inventory=inventory).targets == log.suggest_rules("sg-app", inventory=inventory).targets
    things = json.loads((inventory / "network-interfaces.json").read_text())
    things["items"][1]["TagSet"] = [{"Key": "Name", "Value": "app 2"}]
    (inventory / "network-interfaces.json").write_text(json.dumps(things))
    (target,) = log.suggest_rules("app 2", inventory=inventory).targets
    assert (target["kind"], target["groups"], texts(target)) == ("name", ["sg-app"], ["ingress tcp/8080 from sg-web"])
    with pytest.raises(fl.ArgumentError, match="no interface of that name; did you mean app_2?"):
        log.suggest_rules("app 3", inventory=inventory)
    with pytest.raises(fl.ArgumentError, match="names need an inventory"):
        log.suggest_rules("app")
