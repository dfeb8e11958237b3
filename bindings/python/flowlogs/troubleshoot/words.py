"""What a Verdict says in words: one sentence why, what cannot be seen, what to do next."""

from __future__ import annotations

from .._text import count, duration
from ..answers import service_of
from .combining import Decision
from .connections import begin, finish, is_rejected, lost
from .judging import IDLE, IDLE_LONG
from .rules import Things

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]

_COUNTERS = {
    "no-route": "no route in the route table of the transit gateway",
    "blackhole": "a blackhole route of the transit gateway",
    "mtu-exceeded": "packets beyond its MTU of 8500 bytes",
    "ttl-expired": "TTL expired: a routing loop",
}
_SIDES = {
    ("source", "egress"): "the source's outbound", ("source", "ingress"): "the client's inbound",
    ("destination", "ingress"): "the destination's inbound", ("destination", "egress"): "the server's outbound",
}  # fmt: skip
BLIND = (
    (("action",), "no action: what was rejected is not told from what was let through"),
    (("tcp_flags",), "no tcp-flags: refused (RST) connections look like answered ones, late packets like rejected requests"),
    (("flow_direction",), "no flow-direction: it is worked out from addresses"),
    (("pkt_srcaddr", "pkt_dstaddr"), "no pkt-srcaddr and pkt-dstaddr: what is behind NAT gateways, load balancers and transit gateways is not seen"),
    (("reject_reason",), "no reject-reason: blocks by block public access and encryption controls look like those of groups and ACLs"),
    (("start",), "no start and end: before and after cannot be told"),
)


def label(address: str, things: Things | None) -> str:
    name = things.name_of(address) if things is not None else None
    return f"{name} ({address})" if name else address


def blind_spots(known: set[str], is_transit: bool) -> list[str]:
    if is_transit:
        return ["transit gateways log no action: what groups and ACLs reject at either end is not seen"]
    return [text for fields, text in BLIND if not known.issuperset(fields)]


def why(made: Decision, at: dict[str, Any], who: str, whom: str, seen_destination: bool) -> str:
    """One sentence: numbers, then what they mean."""
    rows = [row for one in made.deciding for row in one.rows]
    attempts = count(len(made.outcomes), "attempt")
    where = f" at {at['interface']}" if at["interface"] else ""
    rejects = [row for row in rows if is_rejected(row)]
    number = f"{len(made.deciding)} of {attempts}" if len(made.deciding) != len(made.outcomes) else attempts
    if made.verdict == "working":
        passed = sum(row.get("packets") or 0 for row in rows)
        text = f"{number} of {who} to {whom}: packets were let through both ways" + (f" ({count(passed, 'packet')})" if passed else "")
        if not any(one.attempt.ups for one in made.deciding):
            text = f"{whom} sent {who} packets that were let through; what {who} sent is not in the logs: it began before them"
    elif made.verdict == "late-packets-only":
        text = f"{who} to {whom} works; all {count(len(rejects), 'rejected record')} came behind the end of a connection: harmless"
        if made.confidence == "possible":
            text = f"{who} to {whom} works; {count(len(rejects), 'rejected record')} came behind accepted ones of the same connection: harmless, as it seems"
    elif made.verdict == "request-rejected":
        gate = _SIDES.get((at["side"], at["direction"]), "the source's outbound or the destination's inbound")
        text = f"{number} of {who} to {whom} rejected{where} ({count(len(rejects), 'record')}): {gate} security group or network ACL"
    elif made.verdict == "reply-rejected":
        gate = {"destination": "the server's outbound", "source": "the client's inbound"}.get(str(at["side"]), "the server's outbound or the client's inbound")
        asked = f"the requests of {who} to {whom} were let through and" if any(one.attempt.ups for one in made.deciding) else (
            f"the requests of {who} to {whom} are not in the logs, and"
        )
        text = f"{asked} {count(len(rejects), 'record')} of replies rejected{where}: {gate} network ACL, for a security group lets replies pass"
    elif made.verdict == "no-reply":
        text = f"{number} of {who} to {whom} let through and not answered"
        if any(one.attempt.downs for one in made.deciding):
            text += f": the reply left{where}, and never came to the client's interface"
        elif at["side"] == "destination":
            text += f": the request came to the destination's interface{where}, and its host sent nothing back"
        elif at["side"] == "source" and seen_destination:
            text += f": the request left{where}, and never came to the destination's interface, which is logged"
        elif at["side"] == "transit-gateway":
            text += f": the last place that saw it is the transit gateway{where}"
        else:
            text += f": it was last seen{where}; the destination's interface has no record of it"
        if made.confidence == "possible" and "working" in made.alternatives and made.deciding[0].attempt.connection.protocol == 6:
            text += "; it carried data or was open before, so that answers may be missing in the logs only"
    elif made.verdict == "reset-by-peer":
        text = f"{number} of {who} to {whom} answered with RST alone: the host is reached, and nothing listens there, or it refuses"
    elif made.verdict == "rejected-bpa":
        text = f"{number} of {who} to {whom} rejected{where} by VPC block public access (reject-reason BPA)"
    elif made.verdict == "rejected-encryption":
        text = f"{number} of {who} to {whom} rejected{where} by encryption controls (reject-reason EC)"
    elif made.verdict == "dropped-at-transit-gateway":
        sums: dict[str, int] = {}
        for row in rows:
            for name, packets in lost(row).items():
                sums[name] = sums.get(name, 0) + packets
        told = ", ".join(f"{count(packets, 'packet')} by {_COUNTERS[name]}" for name, packets in sorted(sums.items(), key=lambda one: (-one[1], one[0])))
        text = f"{number} of {who} to {whom} lost {told}{where}"
    elif made.verdict == "idle-expired":
        silence = min(one.reason for one in made.deciding)
        limit = IDLE_LONG if silence >= IDLE_LONG else IDLE
        text = (
            f"{number} of {who} to {whom}: packets without SYN were rejected{where} behind {duration(silence)} of silence, with no FIN or RST "
            f"before: the connection was forgotten (tracking ends after {duration(limit)})"
        )
    else:
        text = (
            f"of {attempts} of {who} to {whom} {len(made.good)} worked and {len(made.bad)} failed ({', '.join(made.alternatives)}), "
            "by turns in time"
        )
    return text + made.note


def next_step(made: Decision, at: dict[str, Any], row: Row | None, whom: str, has_inventory: bool) -> str:
    interface = at["interface"] if str(at["interface"]).startswith("eni-") else "ENI"
    described = f"aws ec2 describe-network-interfaces --network-interface-ids {interface} --query"
    subnet = (row or {}).get("subnet_id") or f"$({described} 'NetworkInterfaces[0].SubnetId' --output text)"
    acl = f"aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}"
    groups = f"{described} 'NetworkInterfaces[0].Groups'"
    first = made.deciding[0].attempt.connection
    service = service_of(first.server_port, first.protocol)
    if made.verdict == "request-rejected":
        return f"see whether its groups allow {service or 'it'} ({groups}), then the ACL of its subnet ({acl})" + (
            "" if has_inventory else "; --inventory DIR names the rule"
        )
    if made.verdict == "reply-rejected":
        way = "inbound at the client" if at["side"] == "source" else "outbound at the server"
        return f"let the ACL pass replies {way}: TCP and UDP to the client's ephemeral ports 1024-65535, or ICMP ({acl})"
    if made.verdict == "no-reply":
        if at["side"] == "destination" and not any(one.attempt.downs for one in made.deciding):
            return f"on {whom}: is anything listening (ss -ltn), does its own firewall drop it, does its route lead back"
        return "look at the routes between the two (route tables, peering, transit gateway), and read the flow logs of the other end too"
    return {
        "working": "nothing to do on the network; look at the application",
        "late-packets-only": "nothing to do; leave such records out of alarms",
        "reset-by-peer": f"on {whom}: start what should listen there (ss -ltn), or see why it or a load balancer refuses",
        "rejected-bpa": "make an exclusion for the VPC or the subnet (aws ec2 create-vpc-block-public-access-exclusion), or keep it blocked",
        "rejected-encryption": "use resources that encrypt (Nitro), or an exclusion of the VPC's encryption controls",
        "dropped-at-transit-gateway": _transit_step(made),
        "idle-expired": "send keep-alives more often than every 350 s (net.ipv4.tcp_keepalive_time), or lengthen the tracking timeout "
        "(aws ec2 modify-network-interface-attribute --connection-tracking-specification TcpEstablishedTimeout=...)",
        "intermittent": "compare what differs between those that work and those that fail: client port, time, zone, target behind a load balancer",
    }.get(made.verdict, "")


def _transit_step(made: Decision) -> str:
    counters = {name for one in made.deciding if isinstance(one.reason, dict) for name in one.reason}
    steps = []
    if counters & {"no-route", "blackhole"}:
        steps.append("search the route table of the attachment (aws ec2 search-transit-gateway-routes), and add or mend the route")
    if "mtu-exceeded" in counters:
        steps.append("send smaller packets (MTU 8500 at most; let ICMP 'fragmentation needed' pass)")
    if "ttl-expired" in counters:
        steps.append("look for a loop between route tables")
    return "; ".join(steps)


def note_of_newest(made: Decision, last: int | None) -> str | None:
    """Where an answer may still be on its way."""
    if made.verdict != "no-reply" or last is None:
        return None
    newest = max((finish(row) for one in made.deciding for row in one.attempt.ups), default=0)
    if newest >= last - 60 and any(begin(row) for one in made.deciding for row in one.attempt.ups):
        return "the last requests are of the newest minute of the logs: their replies may come in records that are not there yet"
    return None
