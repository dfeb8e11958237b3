"""Detections: every kind on a small log made by hand, with one beside it in which it must not be found."""

from __future__ import annotations

import itertools
import json
import pathlib
import random
import shlex

import pytest

import flowlogs as fl

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "data" / "internet-noise-v2.log"
HOUR, DAY = 3600, 86400
T0 = 1_788_220_800  # 2026-09-01T00:00:00Z
HEADER = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
KEYS = ("id kind severity direction outcome actor targets interface technique first_seen last_seen records score evidence baseline "
        "why rerun next_step").split()  # fmt: skip
_ports = itertools.count(40000)


@pytest.fixture(autouse=True)
def _same_ports():
    """A test has the same ports of clients, whatever ran before it."""
    global _ports
    _ports = itertools.count(40000)


def line(src, dst, sport=None, dport=443, proto=6, packets=10, size=1000, t=0, lasts=10, action="ACCEPT", own=None):
    """A record of the own side's interface: that of the private address, else of the source."""
    own = own or (src if src.startswith(("10.", "fd")) else dst)
    if sport is None:
        sport = 33000 + next(_ports) % 20000
    return f"2 123456789012 eni-{own.replace(':', '-')} {src} {dst} {sport} {dport} {proto} {packets} {size} {T0 + t} {T0 + t + lasts} {action} OK"


def talk(client, server, dport=443, up=1000, down=5000, packets=10, t=0, lasts=10, proto=6, sport=None, both=True):
    """Both directions of one connection, at the interface of each end that is inside."""
    sport = sport or 33000 + next(_ports) % 20000
    lines = []
    for own in dict.fromkeys((client, server)):
        if own.startswith(("10.", "fd")):
            lines.append(line(client, server, sport, dport, proto, packets, up, t, lasts, own=own))
            if both:
                lines.append(line(server, client, dport, sport, proto, packets, down, t, lasts, own=own))
    return lines


def nodata(own, t):
    return f"2 123456789012 eni-{own} - - - - - - - {T0 + t} {T0 + t + 59} - NODATA"


def log(*parts):
    lines = []
    for part in parts:
        lines += [part] if isinstance(part, str) else list(part)
    return "\n".join([HEADER, *lines, ""]).encode()


def detect(*parts, **options):
    return fl.scan(log(*parts)).detect(**options)


def kinds(answer):
    return [finding["kind"] for finding in answer.findings]


def one(answer, kind):
    """The only finding of the kind; there is no other kind."""
    assert kinds(answer) == [kind], answer
    return answer.findings[0]


# ---- The sample ------------------------------------------------------------------------------------------------------


def test_the_sample_of_noise_gives_one_finding_and_one_line():
    answer = fl.scan(SAMPLE).detect()
    finding = one(answer, "port-scan")
    assert finding["actor"] == "217.12.208.8" and finding["targets"] == ["10.0.0.138"]
    assert finding["evidence"]["ports"] == 47 and finding["evidence"]["seconds"] < 60
    assert (finding["severity"], finding["outcome"], finding["direction"]) == ("low", "rejected", "inbound")
    assert finding["interface"] == "eni-07e5d76940fbaa5c6" and finding["technique"] == "T1046"
    assert "47 ports" in finding["why"] and "none was answered" in finding["why"]
    assert answer.background["text"].startswith("background noise of the internet: ") and answer.background["records"] == 20
    assert list(answer) == ["findings", "background", "suppressed", "stats"]
    assert list(finding) == KEYS


# ---- Scans -----------------------------------------------------------------------------------------------------------

SCANNER, HOST = "203.0.113.9", "10.0.1.5"


def scan_ports(ports, actor=SCANNER, host=HOST, action="REJECT", t=0):
    return [line(actor, host, 50000, port, packets=1, size=40, t=t, lasts=1, action=action) for port in ports]


@pytest.mark.parametrize(("actor", "host"), [(SCANNER, HOST), ("2001:db8::9", "fd00::5"), ("10.0.9.9", HOST)])
def test_many_ports_of_a_host_are_a_port_scan(actor, host):
    answer = detect(scan_ports(range(1, 31), actor, host))
    finding = one(answer, "port-scan")
    assert (finding["actor"], finding["targets"], finding["evidence"]["ports"]) == (actor, [host], 30)
    assert finding["direction"] == ("internal" if actor.startswith("10.") else "inbound")


def test_few_ports_of_a_host_are_no_scan():
    assert kinds(detect(scan_ports(range(1, 11)))) == []


def test_accepted_and_unanswered_probes_are_a_scan():
    assert one(detect(scan_ports(range(1, 31), action="ACCEPT")), "port-scan")["outcome"] == "unanswered"


def test_replies_of_a_server_to_many_client_ports_are_no_scan():
    replies = [line("198.51.100.7", HOST, 443, port, t=port) for port in range(40000, 40100)]
    assert kinds(detect(replies)) == []


def test_late_replies_that_are_rejected_are_no_scan():
    late = [talk(HOST, "198.51.100.7", 8443, sport=port) for port in range(20000, 20060)]
    late += [line("198.51.100.7", HOST, 8443, port, packets=1, size=40, t=90, action="REJECT") for port in range(20000, 20060)]
    assert kinds(detect(*late)) == []


@pytest.mark.parametrize(("actor", "net"), [(SCANNER, "10.0.1."), ("2001:db8::9", "fd00::")])
def test_one_service_of_many_hosts_is_a_host_sweep(actor, net):
    answer = detect([line(actor, f"{net}{i}", 50000, 22, packets=1, size=40, action="REJECT") for i in range(1, 31)])
    finding = one(answer, "host-sweep")
    assert finding["evidence"]["hosts"] == 30 and finding["actor"] == actor and finding["severity"] == "low"


def test_a_service_of_few_hosts_is_no_sweep():
    assert kinds(detect([line(SCANNER, f"10.0.1.{i}", 50000, 22, packets=1, size=40, action="REJECT") for i in range(1, 9)])) == []


def test_a_monitor_whose_hosts_answer_is_no_sweep():
    assert kinds(detect(*[talk("10.0.0.2", f"10.0.1.{i}", 9100) for i in range(1, 60)])) == []


def test_a_scanner_that_gets_data_is_an_answered_probe():
    answer = detect(scan_ports(range(1, 31)), talk(SCANNER, HOST, 8080, down=90000, t=60))
    assert sorted(kinds(answer)) == ["answered-probe", "port-scan"]
    assert answer.findings[0]["evidence"]["bytes_to_scanner"] == 90000
    assert next(f for f in answer.findings if f["kind"] == "port-scan")["severity"] == "medium"


def test_a_scanner_that_is_called_back_is_severe():
    answer = detect(scan_ports(range(1, 31)), talk(HOST, SCANNER, 4444, t=120))
    finding = next(f for f in answer.findings if f["kind"] == "answered-probe")
    assert finding["severity"] == "high" and finding["evidence"]["called_back"] == 1


def test_a_client_that_gets_data_and_does_not_scan_is_no_answered_probe():
    assert kinds(detect(talk(SCANNER, HOST, 8080, down=90000), scan_ports([81, 82]))) == []


# ---- Brute force -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("client", "server", "port"), [("10.0.0.9", HOST, 22), ("fd00::9", "fd00::5", 3389), ("10.0.0.9", HOST, 5432)])
def test_many_short_sessions_to_a_login_port_are_brute_force(client, server, port):
    answer = detect(*[talk(client, server, port, up=1800, down=2400, packets=14, t=i * 20) for i in range(60)])
    finding = one(answer, "brute-force")
    assert finding["actor"] == client and finding["targets"] == [server]
    assert 45 <= finding["evidence"]["sessions"] <= 75  # about: a bit a port


def test_some_long_sessions_are_no_brute_force():
    assert kinds(detect(*[talk("10.0.0.9", HOST, 22, up=10**6, down=10**6, packets=2000, t=i * 100) for i in range(30)])) == []


def test_few_sessions_are_no_brute_force():
    assert kinds(detect(*[talk("10.0.0.9", HOST, 22, up=1800, down=2400, packets=14, t=i * 100) for i in range(8)])) == []


def test_an_application_that_asks_its_database_all_day_is_no_brute_force():
    parts = [talk("10.0.0.9", HOST, 5432, up=1800, down=2400, packets=14, t=h * HOUR + i * 60) for h in range(12) for i in range(30)]
    assert kinds(detect(*parts)) == []


# ---- Reach -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("client", "server"), [("198.51.100.7", HOST), ("2001:db8::7", "fd00::5")])
def test_an_admin_port_that_answers_the_internet_is_exposed(client, server):
    finding = one(detect(talk(client, server, 22, down=9000)), "exposed-admin-port")
    assert (finding["actor"], finding["targets"], finding["severity"]) == (server, [client], "high")


def test_an_admin_port_that_lets_in_and_does_not_answer_is_not_exposed():
    assert kinds(detect(line("198.51.100.7", HOST, 51382, 3389, packets=1, size=52))) == []


def test_a_web_server_and_an_internal_login_are_not_exposed():
    assert kinds(detect(talk("198.51.100.7", HOST, 443), talk("10.0.0.2", HOST, 22))) == []


def test_a_host_that_logs_in_to_many_is_lateral_movement():
    answer = detect(*[talk("10.0.0.9", f"10.0.1.{i}", 445, up=9000, down=9000, packets=30, t=i * 60) for i in range(1, 9)])
    finding = one(answer, "lateral-movement")
    assert finding["actor"] == "10.0.0.9" and finding["evidence"]["hosts"] == 8 and finding["direction"] == "internal"


def test_a_bastion_that_logs_in_to_many_every_hour_is_no_lateral_movement():
    parts = [talk("10.0.0.9", f"10.0.1.{i}", 22, up=9000, down=9000, packets=30, t=h * HOUR + i) for h in range(14) for i in range(1, 9)]
    assert kinds(detect(*parts)) == []


def test_rejected_attempts_to_get_out_are_blocked_egress():
    parts = [line(HOST, "198.51.100.7", dport=6667, packets=1, size=60, t=i * 60, action="REJECT") for i in range(20)]
    finding = one(detect(*parts), "blocked-egress")
    assert finding["evidence"]["rejected"] == 20 and finding["direction"] == "outbound"


def test_late_packets_of_connections_that_worked_are_no_blocked_egress():
    parts = [talk(HOST, "198.51.100.7", 443, sport=40000 + i) for i in range(20)]
    parts += [line(HOST, "198.51.100.7", 40000 + i, 443, packets=1, size=40, t=90, action="REJECT") for i in range(20)]
    assert kinds(detect(*parts)) == []


def test_an_address_of_a_list_is_found_and_others_are_not():
    parts = [talk(HOST, "198.51.100.7"), talk("10.0.1.6", "198.51.101.7")]
    assert kinds(detect(*parts)) == []
    finding = one(detect(*parts, lists={"drop": ["198.51.100.0/24", "2001:db8:1::/48"]}), "listed-address")
    assert finding["actor"] == HOST and finding["targets"] == ["198.51.100.7"] and finding["evidence"]["list"] == "drop"


def test_a_list_is_spamhaus_drop_or_any_file_of_prefixes(tmp_path):
    drop = tmp_path / "drop.json"
    drop.write_text('{"cidr":"198.51.100.0/24","sblid":"SBL1","rir":"ripencc"}\n{"type":"metadata","records":1}\n')
    text = tmp_path / "list.txt"
    text.write_text("; a comment\n# another\n198.51.101.0/24 ; SBL2\n")
    answer = detect(talk(HOST, "198.51.100.7"), talk("10.0.1.6", "198.51.101.7"), lists={"drop": drop, "mine": str(text)})
    assert sorted(f["evidence"]["list"] for f in answer.findings) == ["drop", "mine"]


def test_dns_to_an_outside_resolver_is_a_bypass():
    parts = [talk(HOST, "198.51.100.53", 53, up=70, down=200, packets=1, proto=17, t=i * 30) for i in range(5)]
    assert one(detect(*parts), "dns-bypass")["evidence"]["requests"] == 5
    assert kinds(detect(*parts, resolvers=["198.51.100.53"])) == []


def test_the_networks_own_resolver_may_ask_outside():
    parts = [talk(HOST, "198.51.100.53", 53, up=70, down=200, packets=1, proto=17, t=i * 30) for i in range(5)]
    assert kinds(detect(*parts, talk("10.0.1.9", HOST, 53, up=70, down=200, packets=1, proto=17))) == []


def test_a_protocol_that_nobody_speaks_is_unusual():
    odd = line(HOST, "198.51.100.7", 0, 0, proto=47, packets=100, size=90000)
    finding = one(detect(odd), "unusual-protocol")
    assert finding["evidence"]["protocol"] == 47 and finding["direction"] == "outbound"
    past = detect(odd).baseline()
    assert kinds(detect(odd, baseline=past)) == []


def test_ping_and_multicast_are_not_unusual():
    assert kinds(detect(line(HOST, "198.51.100.7", 0, 0, proto=1), line(HOST, "224.0.0.1", 0, 0, proto=2))) == []


POLICY = """
zone web 10.0.1.0/24
zone db 10.0.2.0/24   # the databases
allow outside -> web tcp/443
allow web -> db tcp/5432,tcp/6000-6010
allow db -> outside icmp
"""


def test_what_no_edge_of_the_policy_allows_is_a_violation(tmp_path):
    path = tmp_path / "policy.txt"
    path.write_text(POLICY)
    answer = detect(talk("198.51.100.7", HOST), talk(HOST, "10.0.2.9", 5432), talk(HOST, "10.0.2.9", 6005),
                    talk("10.0.2.9", HOST, 8080), talk("10.0.1.8", HOST, 9000), policy=path)  # fmt: skip
    finding = one(answer, "policy-violation")
    assert (finding["actor"], finding["targets"]) == ("10.0.2.9", [HOST])
    assert [use["edge"] for use in answer.policy["used"]] == ["outside -> web tcp/443", "web -> db tcp/5432", "web -> db tcp/6000-6010"]
    assert answer.policy["never_used"] == ["db -> outside icmp"]
    assert answer.policy["violations"] == 1 and answer.policy["violating_records"] == 1


def test_a_policy_tells_a_client_and_zone_once_with_its_services(tmp_path):
    path = tmp_path / "policy.txt"
    path.write_text(POLICY)
    finding = one(detect(*[talk("10.0.2.9", HOST, port) for port in (9901, 9902, 9902)], policy=path), "policy-violation")
    assert finding["evidence"]["services"] == ["tcp/9902", "tcp/9901"]


def test_a_few_flows_the_other_way_round_are_answers(tmp_path):
    # The client's port happens to be a known service now and then: without flags it looks like the server's.
    path = tmp_path / "policy.txt"
    path.write_text("zone balancer 10.0.0.9\nzone app 10.0.1.0/24\nallow balancer -> app tcp/8080\n")
    many = [talk("10.0.0.9", "10.0.1.5", 8080, t=i) for i in range(40)]
    assert kinds(detect(*many, talk("10.0.0.9", "10.0.1.5", 8080, sport=5432), policy=path)) == []
    assert kinds(detect(talk("10.0.1.5", "10.0.0.9", 5432), policy=path)) == ["policy-violation"]


def test_zones_are_what_an_inventory_knows_by_group_and_tag(tmp_path):
    inventory = pathlib.Path(__file__).parent / "inventory"
    zones = {"web": ["@sg-0a1b2c3d4e5f60701"], "spare": ["tag:Name=spare (old)"]}
    policy = {"zones": zones, "allow": ["web -> spare tcp/443"]}
    allowed, other = talk("10.0.0.138", "10.0.0.164"), talk("10.0.0.164", "10.0.0.236")
    assert kinds(detect(allowed, policy=policy, inventory=inventory)) == []
    finding = one(detect(allowed, other, policy=policy, inventory=inventory), "policy-violation")
    assert (finding["actor"], finding["evidence"]["from"], finding["evidence"]["to"]) == ("10.0.0.164", "spare", "web")
    for value, told in (("@sg-nosuch", "knows no address by @sg-nosuch"), ("tag:Name=nosuch", "knows no address by tag:Name=nosuch")):
        with pytest.raises(fl.ArgumentError, match=told):
            detect(allowed, policy={"zones": {"web": [value]}}, inventory=inventory)
    with pytest.raises(fl.ArgumentError, match="give one"):
        detect(allowed, policy=policy)


@pytest.mark.parametrize("text", ["zone web", "allow web -> db tcp/1", "zone a 10.0.0.0/8\nallow a -> b any", "zone a 10.0.0.0/8\nallow a -> * x/1",
                                  "zone a 10.0.0.1/8\nallow a -> * any", "{}"])  # fmt: skip
def test_a_wrong_policy_is_an_error_that_names_the_place(tmp_path, text):
    path = tmp_path / "policy.txt"
    path.write_text(text)
    with pytest.raises(fl.Error):
        detect(talk(HOST, "198.51.100.7"), policy=path)


@pytest.mark.parametrize(("text", "told"), [
    ("zone web 10.0.0.7/16", "zone web: 10.0.0.7/16 has host bits set; the prefix is 10.0.0.0/16"),
    ("zone web foo", "zone web: 'foo' is no address or prefix"),
    ("zone outside 10.0.0.0/8", "no zone can be called 'outside'"),
    ("zone a 10.0.0.0/8\nzone b 10.0.0.0/8", "10.0.0.0/8 is in two zones, a and b"),
    ("zone a 10.0.0.0/8\nallow outside a tcp/1", "policy.txt:2: neither"),
    ('{"zones": {"a": ["10.0.0.0/8"]}', "it is not JSON"),
    ('{"zones": ["10.0.0.0/8"]}', "it has no zones"),
    ('["zones"]', "it has no zones"),
    ('{"zones": {"a": [5]}}', "zone a: it is a list of prefixes"),
    ('{"zones": {"a": ["10.0.0.0/8"]}, "alow": []}', "it has alow; there are zones and allow"),
    ('{"zones": {"a": ["10.0.0.0/8"]}, "allow": [{"from": "a"}]}', "allow: it is a list of texts"),
])  # fmt: skip
def test_what_is_wrong_with_a_policy_is_told_with_the_file_and_the_value(command, noise, tmp_path, text, told):
    path = tmp_path / "policy.txt"
    path.write_text(text)
    ran = command("detect", "--policy", path, noise)
    assert ran.returncode == 2 and ran.stdout == ""
    assert ran.stderr.startswith(f"flowlogs: policy: {path}") and told in ran.stderr


def test_an_edge_may_be_written_without_blanks_and_one_may_be_a_text(tmp_path):
    allowed = talk(HOST, "198.51.100.7")
    path = tmp_path / "policy.txt"
    path.write_text(f"zone web {HOST}\nallow web->outside tcp/443\n")
    for policy in (path, {"zones": {"web": HOST}, "allow": "web -> outside tcp/443"}, {"zones": {"web": f"::ffff:{HOST}"}, "allow": "web->outside tcp/443"}):
        answer = fl.scan(log(allowed)).detect(policy=policy)
        assert answer.policy["violations"] == 0 and len(answer.policy["used"]) == 1


# ---- Volume ----------------------------------------------------------------------------------------------------------


def quiet(hosts=3, hours=30, since=0):
    """Each hour of each host some traffic to some outside party, at any time and of any size."""
    rng = random.Random(hosts)
    return [talk(f"10.0.1.{h}", f"198.51.100.{rng.randrange(9)}", up=rng.randrange(20_000, 50_000), down=200_000,
                 t=(since + i) * HOUR + rng.randrange(3000))
            for h in range(1, hosts + 1) for i in range(hours)]  # fmt: skip


def leak(t, size=10**9):
    return talk("10.0.1.1", "192.0.2.66", packets=10**6, up=size, down=10**7, t=t, lasts=300)


def test_a_new_address_of_a_known_interface_has_the_past_of_the_interface():
    past = detect(*quiet()).baseline()
    out = line("fd00::9", "2001:db8::66", packets=10**6, size=10**9, t=40 * HOUR, lasts=300, own="10.0.1.1")
    back = line("2001:db8::66", "fd00::9", 443, 40000, packets=10**6, size=10**7, t=40 * HOUR, lasts=300, own="10.0.1.1")
    found = detect(out, back, *quiet(hours=3, since=39), baseline=past).findings
    assert [f["actor"] for f in found if f["kind"] == "exfiltration"] == ["fd00::9"]
    elsewhere = [text.replace("eni-10.0.1.1 fd00::9", "eni-new fd00::9").replace("eni-10.0.1.1 2001", "eni-new 2001") for text in (out, back)]
    assert "exfiltration" not in kinds(detect(*elsewhere, *quiet(hours=3, since=39), baseline=past))


def test_far_more_out_than_ever_is_exfiltration_against_a_baseline():
    past = detect(*quiet()).baseline()
    finding = one(detect(leak(40 * HOUR), *quiet(hours=3, since=39), baseline=past), "exfiltration")
    assert finding["actor"] == "10.0.1.1" and finding["targets"] == ["192.0.2.66"] and finding["severity"] == "high"
    assert finding["evidence"]["bytes_out"] == 10**9 and finding["baseline"] == "given"
    assert kinds(detect(*quiet(hours=3, since=39), baseline=past)) == []


def test_without_a_past_nothing_is_said_of_volume():
    assert kinds(detect(leak(2 * HOUR), *quiet(hours=3))) == []


def test_the_first_day_of_the_logs_is_a_past():
    answer = detect(leak(40 * HOUR), *quiet(hours=45))
    assert one(answer, "exfiltration")["baseline"] == "earlier days of these logs"


def test_a_host_with_as_much_before_leaks_nothing():
    usual = [talk("10.0.1.1", "198.51.100.1", packets=10**6, up=8 * 10**8, down=10**7, t=i * HOUR, lasts=300) for i in (0, 2, 16, 20, 44)]
    assert kinds(detect(leak(40 * HOUR), *usual, *quiet(hours=45))) == []


def test_far_more_than_at_the_same_hour_of_earlier_days_is_a_spike():
    burst = [talk("10.0.1.1", "10.0.1.2", 9000, up=10**9, down=10**6, t=80 * HOUR)]
    answer = detect(*quiet(hours=90), *burst)
    assert set(kinds(answer)) == {"traffic-spike"} and {f["actor"] for f in answer.findings} == {"10.0.1.1", "10.0.1.2"}
    records = [text.split() for text in log(*quiet(hours=90), *burst).decode().splitlines()[1:]]
    in_the_hour = [r for r in records if "10.0.1.1" in r[3:5] and 80 * HOUR <= int(r[10]) - T0 < 81 * HOUR]
    each_once = [r for r in in_the_hour if r[2] == f"eni-{r[3]}" or not r[3].startswith("10.")]
    assert next(f for f in answer.findings if f["actor"] == "10.0.1.1")["records"] == len(each_once) > 2


def test_what_happens_at_the_same_hour_each_day_is_no_spike():
    daily = [talk("10.0.1.1", "10.0.1.2", 9000, up=10**9, down=10**6, t=day * DAY + 8 * HOUR) for day in range(4)]
    # The first day has no past, and is none of the findings.
    assert kinds(detect(*quiet(hours=90), *daily)) == []


def test_a_host_that_did_not_talk_before_is_a_new_talker():
    past = detect(*quiet()).baseline()
    answer = detect(*quiet(hours=3, since=40), talk("10.0.1.77", "10.0.1.1", 8080, t=41 * HOUR), baseline=past)
    assert one(answer, "new-talker")["actor"] == "10.0.1.77" and one(answer, "new-talker")["records"] == 2
    knocked = line("10.0.1.1", "10.0.1.78", dport=8080, packets=1, size=60, t=41 * HOUR)
    assert kinds(detect(*quiet(hours=3, since=40), knocked, baseline=past)) == []  # it has sent nothing
    assert kinds(detect(*quiet(hours=3, since=40), baseline=past)) == []


@pytest.mark.parametrize("victim", [HOST, "fd00::5"])
def test_a_flood_of_packets_that_nothing_comes_of_is_denial_of_service(victim):
    net = "192.0.2." if ":" not in victim else "2001:db8::"
    flood = [line(f"{net}{i % 200 + 1}", victim, dport=80, packets=500, size=20000, t=i % 60) for i in range(600)]
    finding = one(detect(*flood), "denial-of-service")
    assert finding["targets"] == [victim] and finding["evidence"]["packets"] == 300_000 and finding["evidence"]["sources"] == 200


@pytest.mark.parametrize("action", ["ACCEPT", "REJECT"])
def test_what_reflectors_send_is_denial_of_service_also_if_it_is_rejected(action):
    flood = [line(f"192.0.{i // 200}.{i % 200 + 1}", HOST, 11211, 50000 + i % 999, 17, 400, 400_000, i % 600, 2, action)
             for i in range(600)]  # fmt: skip
    finding = one(detect(*flood), "denial-of-service")
    assert finding["targets"] == [HOST] and finding["evidence"]["packets"] == 240_000
    asked = [talk(HOST, f"192.0.{i // 200}.{i % 200 + 1}", 11211, packets=400, t=i % 600, proto=17) for i in range(600)]
    assert "denial-of-service" not in kinds(detect(*asked))


def test_a_transfer_that_is_seldom_acknowledged_is_no_denial_of_service():
    up = line("10.0.1.9", HOST, 40000, 9000, packets=10**6, size=9 * 10**9, lasts=600)
    down = line(HOST, "10.0.1.9", 9000, 40000, packets=20_000, size=10**6, lasts=600)
    assert kinds(detect(up, down)) == []


def test_much_traffic_that_is_answered_is_no_denial_of_service():
    assert kinds(detect(*[talk(f"192.0.2.{i % 200 + 1}", HOST, 443, up=40000, down=900_000, packets=500, t=i % 60) for i in range(600)])) == []


# ---- Times -----------------------------------------------------------------------------------------------------------


def other_hosts(n=12):
    return [talk(f"10.0.3.{h}", f"198.51.{h}.{i}", t=i * 50 + h) for h in range(1, n) for i in range(1, 6)]


@pytest.mark.parametrize(("host", "party"), [(HOST, "192.0.2.66"), ("fd00::5", "2001:db8::66")])
def test_regular_small_contacts_are_a_beacon(host, party):
    rng = random.Random(1)
    beats = [talk(host, party, up=600, down=400, packets=5, t=i * 300 + rng.randrange(20), lasts=2) for i in range(30)]
    finding = one(detect(*beats, *other_hosts()), "beaconing")
    assert finding["actor"] == host and 290 <= finding["evidence"]["period_seconds"] <= 310
    assert finding["evidence"]["contacts"] == 30


def test_contacts_at_any_time_are_no_beacon():
    rng = random.Random(2)
    assert kinds(detect(*[talk(HOST, "192.0.2.66", up=600, t=rng.randrange(9000)) for i in range(30)], *other_hosts())) == []


def test_a_party_that_a_quarter_of_the_hosts_contact_is_no_beacon():
    beats = [talk(f"10.0.1.{h}", "192.0.2.66", up=600, t=i * 300 + h, lasts=2) for i in range(30) for h in range(1, 6)]
    assert kinds(detect(*beats, *other_hosts())) == []


def test_time_servers_are_no_beacon():
    assert kinds(detect(*[talk(HOST, "192.0.2.123", 123, up=76, down=76, packets=1, proto=17, t=i * 300) for i in range(30)])) == []


def test_a_connection_of_many_hours_is_long():
    parts = [talk(HOST, "192.0.2.66", 443, sport=51515, t=i * 60, lasts=58) for i in range(9 * 60)]
    finding = one(detect(*parts), "long-connection")
    assert finding["actor"] == HOST and finding["evidence"]["client_port"] == 51515 and finding["evidence"]["seconds"] > 8 * HOUR


def test_many_short_connections_are_not_long():
    parts = [talk(HOST, "192.0.2.66", 443, t=i * 60 + i * i % 37, lasts=20, up=10**6) for i in range(9 * 60)]
    assert kinds(detect(*parts)) == []


def test_an_interface_that_falls_silent_and_comes_back_is_a_gap():
    steady = [nodata("a", t) for t in range(0, 12 * HOUR, 60)]
    broken = [nodata("b", t) for t in range(0, 12 * HOUR, 60) if not 5 * HOUR <= t < 7 * HOUR]
    finding = one(detect(*steady, *broken, talk(HOST, "198.51.100.7")), "logging-gap")
    assert finding["actor"] == "eni-b" and finding["evidence"]["minutes"] == 120


def test_an_interface_that_ends_or_is_often_silent_has_no_gap():
    ended = [nodata("a", t) for t in range(0, 3 * HOUR, 60)]
    rare = [nodata("b", t) for t in range(0, 12 * HOUR, 2 * HOUR)]
    assert kinds(detect(*ended, *rare, talk(HOST, "198.51.100.7", t=12 * HOUR))) == []


def test_skipped_flows_are_data_loss_and_nodata_is_not():
    skipped = nodata("a", 60).replace("NODATA", "SKIPDATA")
    finding = one(detect(nodata("a", 0), skipped, talk(HOST, "198.51.100.7")), "data-loss")
    assert (finding["actor"], finding["records"]) == ("eni-a", 1)
    assert kinds(detect(nodata("a", 0), talk(HOST, "198.51.100.7"))) == []


# ---- One answer, whatever the order ----------------------------------------------------------------------------------


def everything():
    parts = [scan_ports(range(1, 31)), talk(SCANNER, HOST, 8080, down=90000, t=60)]
    parts += [[line("2001:db8::9", f"fd00::{i}", 50000, 22, packets=1, size=40, action="REJECT") for i in range(1, 31)]]
    parts += [talk("10.0.0.9", HOST, 22, up=1800, down=2400, packets=14, t=i * 20) for i in range(60)]
    parts += [talk("10.0.1.7", "192.0.2.66", up=600, down=400, packets=5, t=i * 300, lasts=2) for i in range(30)]
    parts += [talk("198.51.100.7", HOST, 3389), nodata("a", 60).replace("NODATA", "SKIPDATA"), *other_hosts(), *quiet(hours=45)]
    parts += [leak(40 * HOUR)]
    parts += [line(f"203.0.114.{i}", HOST, dport=i * 7, packets=1, size=40, action="REJECT") for i in range(1, 200)]
    return log(*parts).decode().splitlines()[1:]


def told(answer):
    findings = [{k: v for k, v in finding.items() if k != "rerun"} for finding in answer.findings]
    return json.dumps([findings, answer.background], sort_keys=True)


def test_order_files_and_threads_do_not_matter():
    lines = everything()
    text = lambda some: "\n".join([HEADER, *some, ""]).encode()  # noqa: E731
    expected = fl.scan(text(lines), threads=1).detect()
    assert len(set(kinds(expected))) >= 7
    for seed in range(3):
        shuffled = random.Random(seed).sample(lines, len(lines))
        assert told(fl.scan(text(shuffled), threads=7).detect()) == told(expected)
        parts = [text(shuffled[i::5]) for i in range(5)]
        assert told(fl.scan(parts, threads=[1, 2, 7][seed], block_bytes=4096).detect()) == told(expected)


def test_a_small_table_of_flows_leaves_out_the_same_whatever_the_order():
    lines = everything() + [row for i in range(3000) for row in talk(f"198.{18 + i % 2}.{i // 200}.{i % 200}", HOST)]
    text = lambda some: "\n".join([HEADER, *some, ""]).encode()  # noqa: E731
    answers = []
    for seed in range(3):
        shuffled = random.Random(seed).sample(lines, len(lines))
        query = fl.scan(text(shuffled), threads=[1, 2, 7][seed])
        from flowlogs import detect as module

        answers.append(module.detect(query, max_flows=1000, max_contacts=64))
    assert answers[0].background["share_of_flows"] < 1 and answers[0].background["share_of_contacts"] < 1
    assert told(answers[0]) == told(answers[1]) == told(answers[2])
    assert "port-scan" in kinds(answers[0])  # who was rejected often is always looked at


def test_identical_inputs_give_identical_ids():
    assert [f["id"] for f in fl.scan(SAMPLE).detect().findings] == [f["id"] for f in fl.scan(SAMPLE).detect().findings]


# ---- The command -----------------------------------------------------------------------------------------------------


def test_findings_are_exit_code_1_and_fail_on_decides(command, noise):  # CONTRACT V5
    assert command("detect", noise).returncode == 1
    assert command("detect", "--fail-on", "medium", noise).returncode == 0
    assert command("detect", "--fail-on", "never", noise).returncode == 0
    assert command("detect", "--kind", "brute-force", noise).returncode == 0
    assert command("detect", "--kind", "brute", noise).returncode == 2
    assert command("detect", "--threshold", "port-scan.ports=x", noise).returncode == 2


def test_nothing_that_matches_is_told_with_where_it_is(command, noise, tmp_path):  # CONTRACT L11
    ran = command("detect", "--where", "srcaddr = 9.9.9.9", noise)
    assert ran.returncode == 0 and "none of 99 records matches --where; 9.9.9.9 occurs in no address field" in ran.stderr
    ran = command("detect", "--until", "2020-01-01", noise)
    assert ran.returncode == 0 and "none of 99 records is in the window" in ran.stderr
    (tmp_path / "log").write_text(HEADER + "\n" + nodata("10.0.1.5", 0) + "\n")
    assert command("detect", "--where", "log-status = NODATA", tmp_path / "log").stderr == ""


def test_every_output_tells_the_finding(command, noise):  # CONTRACT V6
    made = json.loads(command("detect", "-o", "json", noise).stdout)
    assert list(made) == ["findings", "background", "suppressed", "stats"] and list(made["findings"][0]) == KEYS
    assert json.loads(command("detect", "-o", "ndjson", noise).stdout) == made["findings"][0]
    table = command("detect", "-o", "table", noise).stdout
    assert "port-scan" in table and "47 ports" in table and "background noise" in table
    assert command("detect", "-o", "tsv", noise).stdout.splitlines()[1].split("\t")[5] == "217.12.208.8"


def test_logs_without_a_time_cannot_be_judged(command, tmp_path):  # CONTRACT F5: what is missing is not 1970
    path = tmp_path / "log"
    lines = [f"eni-a {SCANNER} {HOST} 50000 {port} 6 1 40 REJECT\n" for port in range(50)]
    path.write_text("interface-id srcaddr dstaddr srcport dstport protocol packets bytes action\n" + "".join(lines))
    ran = command("detect", path)
    assert ran.returncode == 2 and "detect: no input has start" in ran.stderr


def test_logs_without_action_are_judged():
    header = "tgw-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end"
    lines = [f"tgw-attach-1 {SCANNER} {HOST} 50000 {port} 6 1 40 {T0} {T0 + 1}\n" for port in range(50)]
    (finding,) = fl.scan((header + "\n" + "".join(lines)).encode()).detect().findings
    assert (finding["kind"], finding["outcome"]) == ("port-scan", "unanswered")


def test_rerun_shows_the_evidence(command, tmp_path):  # CONTRACT I1
    path = tmp_path / "a log.log"
    path.write_text("\n".join([HEADER, *everything(), ""]))
    made = json.loads(command("detect", "-o", "json", path).stdout)
    assert len(made["findings"]) >= 7
    for finding in made["findings"]:
        words = shlex.split(finding["rerun"])
        assert words[0] == "flowlogs"
        ran = command(*words[1:], "-o", "json")
        assert ran.returncode == 0, (finding["rerun"], ran.stderr)
        rows = json.loads(ran.stdout)
        assert rows, finding["rerun"]
        evidence = finding["evidence"]
        if finding["kind"] == "port-scan":
            assert rows[0]["ports"] >= evidence["ports"]
        if finding["kind"] == "exfiltration":
            assert rows[0]["bytes"] == evidence["bytes_out"]
        if finding["kind"] == "beaconing":
            assert rows[0]["contacts"] == evidence["contacts"]
        if finding["kind"] == "data-loss":
            assert rows[0]["records"] == evidence["skipdata"]


def test_suppressed_findings_are_counted(command, noise, tmp_path):
    rules = tmp_path / "rules.json"
    rule = {"match": {"kind": "port-scan", "actor": "217.12.208.0/24"}, "reason": "known", "expires": "2099-01-01"}
    rules.write_text(json.dumps([rule]))
    ran = command("detect", "--suppress", rules, "-o", "json", noise)
    assert ran.returncode == 0
    made = json.loads(ran.stdout)
    assert (made["findings"], made["suppressed"]) == ([], 1)
    for change in ({"match": {"actor": "217.12.209.0/24"}}, {"expires": "2020-01-01"}, {"match": {"kind": "port-scan", "target": "10.9.9.9"}}):
        rules.write_text(json.dumps([{**rule, **change}]))
        assert command("detect", "--suppress", rules, noise).returncode == 1
    for wrong in ({"reason": ""}, {"match": {}}, {"match": {"who": "x"}}, {"expires": "soon"}):
        rules.write_text(json.dumps([{**rule, **wrong}]))
        assert command("detect", "--suppress", rules, noise).returncode == 2


@pytest.mark.parametrize(("change", "told"), [
    ({"match": {"kind": "portscan"}}, "rule 1: kind: there is no 'portscan'; there are port-scan, "),
    ({"match": {"severity": "LOW"}}, "rule 1: severity: there is no 'LOW'; there are low, medium, high"),
    ({"match": {"kind": []}}, "rule 1: kind: it is a text, or a list of texts"),
    ({"match": {"actor": None}}, "rule 1: actor: it is a text, or a list of texts"),
    ({"match": {"actor": "217.12.208"}}, "rule 1: actor: '217.12.208' is no address or prefix"),
    ({"match": {"actor": "217.12.208.8/24"}}, "rule 1: actor: 217.12.208.8/24 has host bits set; the prefix is 217.12.208.0/24"),
    ({"expires": "1h"}, "\"expires\": '1h' is no time"),
    ({"expires": "now"}, "\"expires\": 'now' is no time"),
    ({"expires": True}, '"expires": True is no time'),
])  # fmt: skip
def test_a_rule_that_could_never_match_is_an_error(command, noise, tmp_path, change, told):
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([{"match": {"kind": "port-scan"}, "reason": "known", "expires": "2099-01-01", **change}]))
    ran = command("detect", "--suppress", rules, noise)
    assert ran.returncode == 2 and told in ran.stderr


def test_one_rule_needs_no_list(noise):
    rule = {"match": {"actor": "::ffff:217.12.208.8", "kind": ["port-scan", "host-sweep"]}, "reason": "known", "expires": 4_070_908_800}
    assert fl.scan(str(noise)).detect(suppress=rule).suppressed == 1


@pytest.mark.parametrize("option", ["--policy", "--suppress", "--baseline"])
def test_a_file_that_is_not_there_is_told_once(command, noise, option):
    ran = command("detect", option, "no-such-file", noise)
    assert ran.returncode == 2 and ran.stderr == f"flowlogs: {option[2:]}: no-such-file: No such file or directory\n"


def test_a_baseline_is_saved_and_loaded(command, noise, tmp_path):
    path = tmp_path / "base.json"
    assert command("detect", "--save-baseline", path, noise).returncode == 1
    assert json.loads(path.read_text())["flowlogs_baseline"] == 1
    assert command("detect", "--baseline", path, noise).returncode == 1
    path.write_text("{}")
    ran = command("detect", "--baseline", path, noise)
    assert ran.returncode == 2 and "no baseline" in ran.stderr


@pytest.mark.parametrize(("change", "told"), [
    ({"flowlogs_baseline": 2}, "it is of version 2, and this flowlogs reads version 1; write it anew"),
    ({"start": "a"}, "start: not as"),
    ({"hosts": []}, "hosts: not as"),
    ({"hosts": {"10.0.0.1": 5}}, "hosts: not as"),
    ({"hosts": {"10.0.0.1": {"hours": 1, "max_out_bytes": "x", "by_hour": {}}}}, "hosts: not as"),
    ({"hosts": {"10.0.0.1": {"hours": 1, "max_out_bytes": 1, "by_hour": {"24": 1}}}}, "hosts: not as"),
    ({"admin_pairs": [5], "interfaces": {"eni-1": -1}}, "interfaces, admin_pairs: not as"),
])  # fmt: skip
def test_a_baseline_of_another_shape_is_an_error(noise, change, told):
    logs = fl.scan(str(noise))
    baseline = logs.detect().baseline()
    assert logs.detect(baseline=baseline).findings[0]["kind"] == "port-scan"
    with pytest.raises(fl.ArgumentError, match=told):
        logs.detect(baseline={**baseline, **change})


def test_a_set_of_the_command_is_a_list(command, noise, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text("209.141.51.0/24\n")
    made = json.loads(command("detect", "--set", f"bad={path}", "-o", "json", noise).stdout)
    assert [(f["kind"], f["actor"]) for f in made["findings"]] == [("listed-address", "209.141.51.176"), ("port-scan", "217.12.208.8")]


def test_a_set_may_hold_what_is_no_address(command, noise, tmp_path):
    accounts = tmp_path / "accounts.txt"
    accounts.write_text("216782312663\n443\nbad\n")
    ran = command("detect", "--set", f"ours={accounts}", "--where", "account-id in @ours", noise)
    assert ran.returncode == 1 and "port-scan" in ran.stdout and "listed-address" not in ran.stdout and ran.stderr == ""
    accounts.write_text("217.12.208.8\nexample.com\n")
    ran = command("detect", "--set", f"bad={accounts}", noise)
    assert ran.returncode == 1 and "listed-address" in ran.stdout
    assert ran.stderr == "flowlogs: set bad: no address or prefix, and not looked for: 1 value of 2, as 'example.com'\n"
    accounts.write_text('217.12.208.8/24\n{"cidr": 5}\n')
    ran = command("detect", "--set", f"bad={accounts}", noise)
    assert ran.returncode == 2 and "list bad: 217.12.208.8/24 has host bits set; the prefix is 217.12.208.0/24" in ran.stderr


@pytest.mark.parametrize(("options", "told"), [
    ({"resolvers": "8.8.8.8/8"}, "resolvers: 8.8.8.8/8 has host bits set; the prefix is 8.0.0.0/8"),
    ({"resolvers": ["dns.google"]}, "resolvers: 'dns.google' is no address or prefix"),
    ({"lists": {"bad": [5]}}, "list bad: 5 is no address or prefix"),
    ({"lists": {"bad": ["10.0.0.0/33"]}}, "list bad: '10.0.0.0/33' is no address or prefix"),
    ({"thresholds": {"port-scan.ports": "30"}}, "threshold port-scan.ports: '30' is no number"),
])  # fmt: skip
def test_a_wrong_value_is_an_error_that_names_it(noise, options, told):
    with pytest.raises(fl.ArgumentError, match=told):
        fl.scan(str(noise)).detect(**options)


@pytest.mark.parametrize("most", [0, -1, "x", 1.5])
def test_a_wrong_limit_is_an_error_that_names_it(noise, most):
    for name in ("max_flows", "max_contacts"):
        with pytest.raises(fl.ArgumentError, match=f"detect: {name}: .* is no number from 1"):
            fl.detect.detect(fl.scan(str(noise)), **{name: most})


def test_rerun_has_all_that_the_source_needs(command, noise, tmp_path):
    (tmp_path / "-x.log").write_bytes(noise.read_bytes())
    given = ["--profile", "audit", "--region", "eu-west-1", "--role-arn", "arn:x", "--endpoint-url", "http://x", "--limit-inflate-ratio", "2k"]
    made = json.loads(command("detect", "-o", "json", *given, "--", "-x.log", cwd=tmp_path).stdout)
    words = shlex.split(made["findings"][0]["rerun"])
    assert " ".join(given[:-1]) in " ".join(words) and words[-4:] == ["--limit-inflate-ratio", "2000", "--", "-x.log"]
    assert json.loads(command(*words[1:-2], "-o", "json", *words[-2:], cwd=tmp_path).stdout)[0]["ports"] == 47


def test_rerun_has_the_filters_of_the_query(command, noise, tmp_path):
    query = fl.scan(SAMPLE).filter("srcaddr = 217.12.208.8").filter("rejected or dstport is null")
    finding = query.detect().findings[0]
    words = shlex.split(finding["rerun"])
    assert [words[i + 1] for i, word in enumerate(words) if word == "--where"][1:] == ["srcaddr = 217.12.208.8", "rejected or dstport is null"]
    ran = command(*words[1:], "-o", "json")
    assert json.loads(ran.stdout)[0]["records"] == finding["records"], ran.stderr


def test_rerun_has_the_format_that_the_input_does_not_tell(command, noise, tmp_path):
    names = "interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"
    path = tmp_path / "log"
    lines = [" ".join(line.split()[2:13]) + "\n" for line in noise.read_text().splitlines()[1:]]
    path.write_text("".join(lines))
    words = shlex.split(fl.scan(path, format=names).detect().findings[0]["rerun"])
    assert words[-3:] == ["--format", names, str(path)]
    assert json.loads(command(*words[1:], "-o", "json").stdout)[0]["ports"] == 47
    path.write_text(names + "\n" + "".join(lines))
    assert "--format" not in fl.scan(path).detect().findings[0]["rerun"]
    path.write_text("".join(noise.read_text().splitlines(keepends=True)[1:]))
    assert "--format" not in fl.scan(path).detect().findings[0]["rerun"]


def test_rerun_of_bytes_reads_them_from_standard_input(noise):
    assert fl.scan(noise.read_bytes()).detect().findings[0]["rerun"].endswith("last=max(end)' -")


def test_docs_list_every_threshold_and_kind():
    text = (ROOT / "docs" / "detect.md").read_text(encoding="utf-8")
    for name, value, meaning in fl._core._thresholds():
        assert f"| `{name}` | {value:g} | {meaning} |" in text
    for kind in fl._core._kinds():
        assert f"`{kind}`" in text
