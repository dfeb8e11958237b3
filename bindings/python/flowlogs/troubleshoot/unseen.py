"""Why there is no record between two ends: the reasons of `not-seen` (CONTRACT I2), each from what the logs do show."""

from __future__ import annotations

import ipaddress

from .. import _core
from .._text import age, count
from .ends import End
from .rules import Things

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REASONS = ("never-logged", "no-flow-log", "skipdata", "one-action-log", "not-yet-delivered", "other-address", "no-traffic")
LAG = 900  # seconds in which S3 (10 min) and CloudWatch (5 min) usually deliver, with the interval of aggregation
_ENOUGH = 10  # records of one action alone, for it to be the log's own choice
# AWS never logs what goes to these.
_NEVER = (
    ("169.254.169.254/32", "the instance metadata service"),
    ("fd00:ec2::254/128", "the instance metadata service"),
    ("169.254.169.123/32", "the Amazon Time Sync Service"),
    ("fd00:ec2::123/128", "the Amazon Time Sync Service"),
    ("169.254.169.253/32", "Amazon's DNS server"),
    ("fd00:ec2::253/128", "Amazon's DNS server"),
    ("169.254.169.250/31", "Amazon's Windows licence activation"),
    ("169.254.0.0/16", "a link-local service of AWS"),
    ("255.255.255.255/32", "broadcast (DHCP)"),
    ("0.0.0.0/32", "no host (DHCP)"),
)


class Seen:
    """What the logs hold besides records between the two.

    records, first, last: of traffic; lines: with NODATA and SKIPDATA; read: the same, before filters and times.
    actions: {"ACCEPT": n}, None without the field. skipped: rows of SKIPDATA by interface.
    own: {"from": rows, "to": rows}: the interfaces whose own address the end is. any: {"from": n, "to": n}: records with it
    on either side. unsure: the same of records whose own address is not known. others: what else was between the two.
    elsewhere: whom `from` asked for that port instead. by: who asked `to`. fronts: own addresses of interfaces that are no
    instance's (NAT gateways, load balancers, endpoints), where a field tells.
    """

    def __init__(self) -> None:
        self.records = self.lines = self.read = 0
        self.first: int | None = None
        self.last: int | None = None
        self.actions: dict[str, int] | None = None
        self.skipped: list[dict[str, Any]] = []
        self.own: dict[str, list[dict[str, Any]]] = {"from": [], "to": []}
        self.any = {"from": 0, "to": 0}
        self.unsure = {"from": 0, "to": 0}
        self.others: list[dict[str, Any]] = []
        self.elsewhere: list[dict[str, Any]] = []
        self.by: list[dict[str, Any]] = []
        self.fronts: set[str] = set()
        self.is_transit = False

    def one_action(self) -> str | None:
        """The only action in all records, if there is only one."""
        found = [action for action, number in (self.actions or {}).items() if number]
        return found[0] if len(found) == 1 else None

    def is_logged(self, end: str) -> bool:
        return bool(self.own[end] or self.unsure[end])


class Unseen:
    def __init__(self, reason: str, confidence: str, why: str, next_step: str, *alternatives: str) -> None:
        self.reason, self.confidence, self.why, self.next_step = reason, confidence, why, next_step
        self.alternatives = [f"not-seen: {one}" for one in alternatives]


def unseen(source: End, target: End, protocol: int | None, seen: Seen, things: Things | None, now: float) -> Unseen:
    between = f"between {source.text} and {target.text}" + (f" port {target.port}" if target.port else "")
    never = _never(source, target, protocol, things)
    if never is not None:
        what, confidence = never
        return Unseen(
            "never-logged", confidence, f"no record {between}: AWS never logs traffic with {what}",
            "look on the host itself (tcpdump), for flow logs cannot tell", *(() if confidence == "certain" else ("no-traffic",)),
        )  # fmt: skip
    if seen.skipped and not seen.records:
        found = _skipped(seen, between)
        if found is not None:
            return found
    if not seen.is_logged("from") and not seen.is_logged("to"):
        found = _other_address(source, target, seen, things, between) or _not_logged(source, target, seen, things, between)
        if found is not None:
            return found
    found = _skipped(seen, between) or _one_action(source, target, seen, things, between)
    if found is not None:
        return found
    if seen.last is not None and now - seen.last < LAG:
        late = age(max(0, int(now - seen.last)))
        return Unseen(
            "not-yet-delivered", "possible",
            f"no record {between} yet: the newest of {count(seen.records, 'record')} is {late} old, and CloudWatch lags about 5 min, S3 10 min",
            "ask again in 15 minutes", "no-traffic",
        )  # fmt: skip
    found = _other_address(source, target, seen, things, between)
    if found is not None:
        return found
    logged = [name for name, end in (("from", source), ("to", target)) if seen.is_logged(name) and (end.networks or end.idle)]
    who = source if "from" in logged else target
    total = sum(row["records"] for row in seen.own["from" if who is source else "to"]) or seen.any["from" if who is source else "to"]
    did = "sent nothing" if who is source else "got nothing"
    also = ""
    if seen.others:
        row = seen.others[0]
        also = f"; what there is between the two is {row['service']} ({count(row['records'], 'record')})"
    return Unseen(
        "no-traffic", "likely" if "from" in logged else "possible",
        f"{who.text} is logged ({count(total, 'record')}) and {did} {'to ' + target.text if who is source else 'from ' + source.text}"
        + (f" on port {target.port}" if target.port else "") + also,
        "see whether the client tries at all: its name resolution, its configuration, its own firewall (which stops packets before the interface)",
        *(("one-action-log",) if seen.one_action() else ()), *(("other-address",) if seen.elsewhere or seen.by else ()), *(() if "from" in logged else ("no-flow-log",)),
    )  # fmt: skip


def _single(end: End) -> str | None:
    """Its address, if it is one."""
    one = end.networks[0] if end.networks else None
    return str(one.network_address) if one is not None and one.prefixlen == one.max_prefixlen else None


def _never(source: End, target: End, protocol: int | None, things: Things | None) -> tuple[str, str] | None:
    for end in (target, source):
        for network in end.networks:
            for text, what in _NEVER:
                block = ipaddress.ip_network(text)
                if network.version == block.version and network.subnet_of(block):  # type: ignore[arg-type]
                    return what, "certain"
        address = _single(end)
        reserved = things.reserved(address) if things is not None and address else None
        if reserved:
            return reserved, "certain"
    address = _single(target)
    if target.port in (67, 68) and protocol in (17, None):
        return "DHCP", "likely"
    if address and target.port == 53 and address.endswith(".2") and ipaddress.ip_address(address).is_private:
        return "Amazon's DNS server, which is a VPC's network plus two", "likely"
    return None


def _not_logged(source: End, target: End, seen: Seen, things: Things | None, between: str) -> Unseen | None:
    enable = "switch flow logs on for both (flowlogs aws enable), and read those of both ends"
    for end in (source, target) if things is not None else ():
        address = _single(end)
        logs = things.logging_of(address) if things is not None and address else None
        if logs == []:
            why = f"no record {between}: the inventory has no flow log of {end.text}, of its subnet or its VPC"
            return Unseen("no-flow-log", "certain", why, enable)
    if seen.lines and not seen.records:
        why = f"no record {between}: there is nothing but {count(seen.lines, 'NODATA record')}: what is logged had no traffic"
        return Unseen("no-traffic", "possible", why, "see whether the client tries at all, and whether these are the logs of either", "no-flow-log")
    if seen.read and not seen.records:
        why = f"no record {between}: none of {count(seen.read, 'record')} of the input is of the time and of what else was asked for"
        return Unseen("no-flow-log", "possible", why, "ask for another time, or without filters", "not-yet-delivered", "no-traffic")
    if not seen.records:
        why = f"no record {between}: the input has no records at all"
        return Unseen("no-flow-log", "likely", why, "see what delivers them: flowlogs aws status", "not-yet-delivered")
    if seen.is_transit and (seen.any["from"] or seen.any["to"]):
        return None
    known = seen.any["from"] + seen.any["to"]
    what = f"; they are met only as others' peers ({count(known, 'record')})" if known else ""
    return Unseen(
        "no-flow-log", "likely", f"no record {between}: none of {count(seen.records, 'record')} is of an interface of either{what}",
        enable, "other-address",
    )  # fmt: skip


def _skipped(seen: Seen, between: str) -> Unseen | None:
    ours = {row.get("interface_id") for end in ("from", "to") for row in seen.own[end]} - {None}
    rows = [row for row in seen.skipped if row.get("interface_id") in ours]
    if not rows and (seen.unsure["from"] or seen.unsure["to"] or not ours):
        rows = seen.skipped
    if not rows:
        return None
    number = sum(row["records"] for row in rows)
    where = ", ".join(sorted(str(row.get("interface_id")) for row in rows)[:3])
    return Unseen(
        "skipdata", "possible", f"no record {between}, and AWS lost some: {count(number, 'SKIPDATA record')} at {where}",
        "ask for another time; a shorter interval of aggregation (60 s) makes fewer flows a record", "no-traffic",
    )  # fmt: skip


def _one_action(source: End, target: End, seen: Seen, things: Things | None, between: str) -> Unseen | None:
    kinds: set[str] = set()
    for end in (source, target) if things is not None else ():
        address = _single(end)
        logs = (things.logging_of(address) if things is not None and address else None) or []
        kinds |= {str(log.get("TrafficType")) for log in logs}
    if len(kinds) == 1 and kinds & {"ACCEPT", "REJECT"}:
        (kind,), confidence = kinds, "certain"
    else:
        one = seen.one_action()
        if one is None or seen.actions is None or (one == "ACCEPT" and seen.actions[one] < _ENOUGH):
            return None
        kind, confidence = one, "likely" if seen.actions[one] >= _ENOUGH else "possible"
    other, means = ("accepted", "it was let through") if kind == "REJECT" else ("rejected", "it was rejected")
    number = count((seen.actions or {}).get(kind, 0), "record")
    return Unseen(
        "one-action-log", confidence,
        f"no record {between}, and the logs hold {kind} alone ({number}): {other} traffic is not in them, so {means}, or there was none",
        "make a flow log of all traffic (flowlogs aws enable --traffic all)", "no-traffic",
    )  # fmt: skip


def _other_address(source: End, target: End, seen: Seen, things: Things | None, between: str) -> Unseen | None:
    """It is in the records by another address: a public one was asked for and a private one is logged, or something stands
    between (a load balancer, an endpoint, a NAT gateway)."""
    step = "ask for that address; a log with pkt-srcaddr and pkt-dstaddr shows both ends on either side of it"
    if things is not None and seen.is_logged("from"):
        one, other = _single(source), _single(target)
        interface = things.interface_of(one) if one else None
        route = things.route(interface, other) if interface is not None and other else None
        through = str((route or {}).get("target", ""))
        if through.startswith("nat-") and not seen.is_logged("to") and seen.by:
            return Unseen(
                "other-address", "likely", f"no record {between}: the route of {source.text} leads through {through}, whose address {target.text} sees "
                f"({_met(seen.by)})", step, "no-traffic",
            )  # fmt: skip
    asked = [row for row in seen.elsewhere if row["address"] in seen.fronts or (_is_public(target) and not _is_public_address(row["address"]))]
    if asked and not seen.any["to"]:
        return Unseen(
            "other-address", "possible",
            f"no record {between}: {target.text} is in no record at all, and {source.text} asked {_met(asked)} on that port: records show an "
            "interface's private address, and that of a load balancer or an endpoint in front", step, "no-traffic",
        )  # fmt: skip
    came = [row for row in seen.by if row["address"] in seen.fronts or _is_public(source) != _is_public_address(row["address"])]
    if came and not seen.any["from"]:
        return Unseen(
            "other-address", "possible",
            f"no record {between}: {source.text} is in no record at all, and {target.text} was asked by {_met(came)}: behind a NAT gateway, a load "
            "balancer or a transit gateway a client has another address", step, "no-traffic",
        )  # fmt: skip
    return None


def _met(rows: list[dict[str, Any]]) -> str:
    return ", ".join(f"{row['address']} ({count(row['records'], 'record')})" for row in rows)


def _is_public_address(address: str) -> bool:
    return _core._scope(address) == "public"


def _is_public(end: End) -> bool:
    address = _single(end)
    return address is not None and _is_public_address(address)
