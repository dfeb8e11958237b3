"""What stands in the way of a connection by an inventory: the legs of its packets, the rule that stops them, what mends it."""

from __future__ import annotations

from .connections import Connection
from .rules import Things

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_EPHEMERAL = (1024, 65535)


class Gates:
    """rules: all that were evaluated, in the order of the packets' way. denying: those that stop them. fix: a command."""

    def __init__(self, rules: list[dict[str, Any]], fix: str) -> None:
        self.rules = rules
        self.denying = [rule for rule in rules if rule["allows"] is False]
        self.fix = fix

    @property
    def allows_all(self) -> bool:
        return bool(self.rules) and all(rule["allows"] for rule in self.rules)


def gates_of(things: Things, connection: Connection, verdict: str, side: str | None) -> Gates:
    """The legs that the verdict is about: a rejected request's at the side that rejected it, all of them for no reply."""
    protocol = connection.protocol if connection.protocol is not None else 6
    legs = []
    ends = (("source", connection.client, connection.server), ("destination", connection.server, connection.client))
    for name, own, remote in ends:
        interface = things.interface_of(own)
        if interface is None or (side in ("source", "destination") and side != name and verdict.endswith("-rejected")):
            continue
        request_port = connection.server_port
        for reply in (False, True):
            if verdict == "request-rejected" and reply or verdict == "reply-rejected" and not reply:
                continue
            inbound = (name == "source") == reply
            port = (connection.client_port or None) if reply else request_port
            for rule in things.leg(interface, remote, protocol, port, inbound, reply):
                legs.append({"side": name, "of": "reply" if reply else "request", **rule, "_port": port, "_remote": remote})
        if not verdict.endswith("-rejected"):
            route = things.route(interface, remote)
            if route is not None:
                legs.append({"side": name, "of": "request" if name == "source" else "reply", **route, "_port": None, "_remote": remote})
    legs.sort(key=lambda leg: (leg["of"] == "reply", (leg["side"] == "destination") != (leg["of"] == "reply"), leg["kind"] != "route"))
    fix = next((_fix(things, leg, protocol) for leg in legs if leg["allows"] is False), "")
    return Gates([{key: value for key, value in leg.items() if not key.startswith("_")} for leg in legs], fix)


def _fix(things: Things, leg: dict[str, Any], protocol: int) -> str:
    remote, port = leg["_remote"], leg["_port"]
    version, bits = (6, 128) if ":" in remote else (4, 32)
    word = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}.get(protocol, str(protocol))
    if leg["kind"] == "route":
        verb = "replace-route" if "blackhole" in leg["rule"] else "create-route"
        block = f"--destination-{'ipv6-' if version == 6 else ''}cidr-block {leg.get('block') or f'{remote}/{bits}'}"
        return f"aws ec2 {verb} --route-table-id {leg['id']} {block} ..."
    if leg["kind"] == "security-group":
        group = leg["id"].partition(",")[0]
        ports = f",FromPort={port},ToPort={port}" if protocol in (6, 17) and port is not None else ",FromPort=-1,ToPort=-1" if protocol in (1, 58) else ""
        ranges = f"Ipv6Ranges=[{{CidrIpv6={remote}/{bits}}}]" if version == 6 else f"IpRanges=[{{CidrIp={remote}/{bits}}}]"
        return (
            f"aws ec2 authorize-security-group-{leg['direction']} --group-id {group} "
            f"--ip-permissions 'IpProtocol={word}{ports},{ranges}'"
        )
    egress = leg["direction"] == "egress"
    number = things.free_number(leg["id"], egress)
    if leg["of"] == "reply":
        ports = f" --port-range From={_EPHEMERAL[0]},To={_EPHEMERAL[1]}"
    else:
        ports = f" --port-range From={port},To={port}"
    if protocol in (1, 58):
        ports = " --icmp-type-code Type=-1,Code=-1"
    elif protocol not in (6, 17):
        ports = ""
    block = f"--ipv6-cidr-block {remote}/{bits}" if version == 6 else f"--cidr-block {remote}/{bits}"
    protocol_word = {"icmp": "1", "icmpv6": "58", "tcp": "6", "udp": "17"}.get(word, word)
    return (
        f"aws ec2 create-network-acl-entry --network-acl-id {leg['id']} --{'egress' if egress else 'ingress'} --rule-number {number} "
        f"--protocol {protocol_word}{ports} {block} --rule-action allow"
    )


def spoken(gates: Gates, verdict: str) -> str:
    """What the inventory adds to `why`."""
    if gates.denying:
        told = [f"{_KINDS[rule['kind']]} {rule['id']} ({rule['rule']})" for rule in gates.denying[:3]]
        return "; by the inventory: " + ", and ".join(told)
    if verdict.endswith("-rejected") and gates.allows_all:
        return "; the inventory's groups and ACLs allow it: they were changed since, or another one rejects"
    return ""


_KINDS = {"security-group": "the security group", "network-acl": "the network ACL", "route": "the route table"}
