"""Security groups, network ACLs and routes of an inventory, evaluated for one leg of a connection: which rule decides.

An inventory (`flowlogs aws inventory -o DIR`) is of one moment; where it and the records disagree, the rules have changed.
"""

from __future__ import annotations

import ipaddress

from .. import _core, inventory
from ..inventory import addresses_of, blocks_of, read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..inventory import Known

_FILES = ("network-interfaces", "subnets", "vpcs", "security-groups", "network-acls", "route-tables", "flow-logs")
_TARGETS = ("GatewayId", "NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "NetworkInterfaceId", "InstanceId",
            "EgressOnlyInternetGatewayId", "LocalGatewayId", "CarrierGatewayId", "CoreNetworkArn")  # fmt: skip


class Things:
    """What an inventory knows of rules, by id and by address. Raises ArgumentError if a file cannot be read."""

    def __init__(self, known: inventory.Inventory) -> None:
        self.known = known
        self._items: dict[str, list[dict[str, Any]]] = {name: [] for name in _FILES}
        self.missing: set[str] = set()  # what could not be listed when it was written
        for directory in known.directories:
            files = read_file(directory, "manifest", "write it again").get("files", {})
            for name in _FILES:
                if name in files:
                    self._items[name] += read_file(directory, name, "write the inventory again").get("items", [])
                else:
                    self.missing.add(name)
        self.interfaces = {item["NetworkInterfaceId"]: item for item in self._items["network-interfaces"]}
        self.groups = {item["GroupId"]: item for item in self._items["security-groups"]}
        self._by_address: dict[str, dict[str, Any]] = {}
        for interface in self.interfaces.values():
            for address in addresses_of(interface):
                self._by_address.setdefault(address, interface)

    # ---- Names and addresses ----

    def also(self, address: str) -> list[str]:
        """The private address behind a public one (and no more: other addresses are other ends)."""
        interface = self._by_address.get(address)
        for one in (interface or {}).get("PrivateIpAddresses", []):
            if address in ((one.get("Association") or {}).get("PublicIp"), (one.get("Association") or {}).get("CarrierIp")):
                return [one["PrivateIpAddress"]]
        return []

    def own_of(self, interface_id: str | None) -> set[str]:
        return set(addresses_of(self.interfaces.get(interface_id or "", {})))

    def name_of(self, address: str) -> str | None:
        interface = self._by_address.get(address)
        return None if interface is None else self.known.names.get(interface["NetworkInterfaceId"])

    def interface_of(self, address: str) -> dict[str, Any] | None:
        return self._by_address.get(address)

    # ---- Flow logs ----

    def logging_of(self, address: str) -> list[dict[str, Any]] | None:
        """The flow logs that see the address's interface: [] for none; None if the inventory does not tell."""
        interface = self._by_address.get(address)
        if interface is None or "flow-logs" in self.missing:
            return None
        ids = {interface["NetworkInterfaceId"], interface.get("SubnetId"), interface.get("VpcId")}
        return [log for log in self._items["flow-logs"] if log.get("ResourceId") in ids and log.get("FlowLogStatus", "ACTIVE") == "ACTIVE"]

    def reserved(self, address: str) -> str | None:
        """What AWS keeps the address for: the VPC's router or its DNS server."""
        one = ipaddress.ip_address(address)
        for vpc in self._items["vpcs"]:
            for block in blocks_of(vpc):
                if int(one) == int(ipaddress.ip_network(block).network_address) + 2:
                    return "Amazon's DNS server of the VPC"
        for subnet in self._items["subnets"]:
            for block in blocks_of(subnet):
                if int(one) == int(ipaddress.ip_network(block).network_address) + 1:
                    return "the router of the subnet"
        return None

    # ---- Rules ----

    def leg(self, interface: dict[str, Any], remote: str, protocol: int, port: int | None, inbound: bool, reply: bool) -> list[dict[str, Any]]:
        """What decides on packets at an interface: its groups (not of a reply: they are stateful), the ACL of its subnet.

        port: where the packets go to. Each is {"kind", "id", "direction", "allows": bool or None, "rule": text}.
        """
        found = [] if reply else [self._groups(interface, remote, protocol, port, inbound)]
        acl = self._acl(interface, remote, protocol, port, inbound)
        return [one for one in (*found, acl) if one is not None]

    def _groups(self, interface: dict[str, Any], remote: str, protocol: int, port: int | None, inbound: bool) -> dict[str, Any] | None:
        ids = [group["GroupId"] for group in interface.get("Groups", [])]
        if not ids or "security-groups" in self.missing or not all(id in self.groups for id in ids):
            return None
        peers = {group["GroupId"] for group in (self._by_address.get(remote) or {}).get("Groups", [])}
        made: dict[str, Any] = {"kind": "security-group", "id": ", ".join(ids), "direction": "ingress" if inbound else "egress"}
        unknown = None
        for id in ids:
            for rule in self.groups[id].get("IpPermissions" if inbound else "IpPermissionsEgress", []):
                if not _covers(rule, protocol, port):
                    continue
                text = _service_text(rule)
                for block in (*[r["CidrIp"] for r in rule.get("IpRanges", [])], *[r["CidrIpv6"] for r in rule.get("Ipv6Ranges", [])]):
                    if _within(remote, block):
                        return {**made, "id": id, "allows": True, "rule": f"{text} {'from' if inbound else 'to'} {block}"}
                for pair in rule.get("UserIdGroupPairs", []):
                    if pair.get("GroupId") in peers:
                        return {**made, "id": id, "allows": True, "rule": f"{text} {'from' if inbound else 'to'} {pair['GroupId']}"}
                if rule.get("PrefixListIds"):
                    unknown = f"{text} of the prefix list {rule['PrefixListIds'][0].get('PrefixListId')}, whose entries are not known"
        if unknown:
            return {**made, "allows": None, "rule": unknown}
        whom = f"{_wanted(protocol, port)} {'from' if inbound else 'to'} {remote}"
        return {**made, "allows": False, "rule": f"no {'inbound' if inbound else 'outbound'} rule allows {whom}"}

    def _acl(self, interface: dict[str, Any], remote: str, protocol: int, port: int | None, inbound: bool) -> dict[str, Any] | None:
        acls = self._items["network-acls"]
        subnet, vpc = interface.get("SubnetId"), interface.get("VpcId")
        acl = next((acl for acl in acls if any(a.get("SubnetId") == subnet for a in acl.get("Associations", []))), None)
        acl = acl or next((acl for acl in acls if acl.get("IsDefault") and acl.get("VpcId") == vpc), None)
        if acl is None or subnet is None:
            return None
        made: dict[str, Any] = {"kind": "network-acl", "id": acl["NetworkAclId"], "direction": "ingress" if inbound else "egress"}
        entries = sorted((entry for entry in acl.get("Entries", []) if bool(entry.get("Egress")) != inbound), key=lambda entry: entry["RuleNumber"])
        for entry in entries:
            block = entry.get("CidrBlock") or entry.get("Ipv6CidrBlock") or ""
            if not block or not _within(remote, block) or not _entry_covers(entry, protocol, port):
                continue
            number = "*" if entry["RuleNumber"] >= 32767 else entry["RuleNumber"]
            action = str(entry["RuleAction"]).lower()
            text = f"rule {number}: {action} {_entry_text(entry)} {'from' if inbound else 'to'} {block}"
            if number == "*" and action == "deny":
                way, whom = ("inbound", "from") if inbound else ("outbound", "to")
                text = f"no {way} rule allows {_wanted(protocol, port)} {whom} {remote}, so rule * denies it"
            return {**made, "allows": action == "allow", "rule": text, "default": number == "*"}
        return {**made, "allows": False, "rule": "no rule matches, and what no rule allows is denied", "default": True}

    def free_number(self, acl_id: str, egress: bool) -> int:
        """A rule number before the first of the ACL that denies."""
        for acl in self._items["network-acls"]:
            if acl["NetworkAclId"] == acl_id:
                used = {e["RuleNumber"] for e in acl.get("Entries", []) if bool(e.get("Egress")) == egress}
                denies = [e["RuleNumber"] for e in acl.get("Entries", []) if bool(e.get("Egress")) == egress and e["RuleAction"] == "deny"]
                for number in (*range(min(denies, default=32767) - 1, 0, -1), *range(1, 32767)):
                    if number % 10 == 0 and number not in used or (number < 10 and number not in used):
                        return int(number)
        return 100

    def route(self, interface: dict[str, Any], remote: str) -> dict[str, Any] | None:
        """The route of the interface's subnet to an address: {"kind": "route", "id", "allows", "rule"}; None if not known."""
        tables = self._items["route-tables"]
        subnet, vpc = interface.get("SubnetId"), interface.get("VpcId")
        table = next((t for t in tables if any(a.get("SubnetId") == subnet for a in t.get("Associations", []))), None)
        table = table or next((t for t in tables if t.get("VpcId") == vpc and any(a.get("Main") for a in t.get("Associations", []))), None)
        if table is None or subnet is None:
            return None
        made: dict[str, Any] = {"kind": "route", "id": table["RouteTableId"]}
        best: tuple[int, dict[str, Any], str] | None = None
        lists = False
        for route in table.get("Routes", []):
            block = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")
            lists = lists or bool(route.get("DestinationPrefixListId"))
            if block and _within(remote, block):
                length = int(block.partition("/")[2])
                if best is None or length > best[0]:
                    best = length, route, block
        if best is None:
            return {**made, "allows": None if lists else False, "rule": f"no route to {remote}"}
        target = next((best[1][key] for key in _TARGETS if best[1].get(key)), "?")
        if best[1].get("State") == "blackhole":
            return {**made, "allows": False, "block": best[2], "rule": f"{best[2]} -> {target} is a blackhole: its target is gone"}
        return {**made, "allows": True, "rule": f"{best[2]} -> {target}", "target": target}


# ---- Matching --------------------------------------------------------------------------------------------------------


def _within(address: str, block: str) -> bool:
    one, network = ipaddress.ip_address(address), ipaddress.ip_network(block, strict=False)
    return one.version == network.version and one in network


_WORDS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}


def _number(protocol: object) -> int:
    word = str(protocol).lower()
    return _WORDS[word] if word in _WORDS else int(word)


def _covers(rule: dict[str, Any], protocol: int, port: int | None) -> bool:
    """Whether a rule of a group is of these packets."""
    number = _number(rule.get("IpProtocol", -1))
    if number == -1:
        return True
    if number != protocol:
        return False
    if protocol not in (6, 17) or port is None:
        return True
    return int(rule.get("FromPort", 0)) <= port <= int(rule.get("ToPort", 65535))


def _entry_covers(entry: dict[str, Any], protocol: int, port: int | None) -> bool:
    number = _number(entry.get("Protocol", -1))
    if number == -1:
        return True
    if number != protocol:
        return False
    ports = entry.get("PortRange")
    if protocol not in (6, 17) or port is None or not ports:
        return True
    return int(ports["From"]) <= port <= int(ports["To"])


def _wanted(protocol: int, port: int | None) -> str:
    word = _core._word("protocol", protocol) or f"protocol {protocol}"
    return f"{word}/{port}" if protocol in (6, 17) and port is not None else str(word)


def _ports_text(number: int, first: Any, last: Any) -> str:
    if number == -1:
        return "all traffic"
    word = _core._word("protocol", number) or f"protocol {number}"
    if number not in (6, 17) or first is None or (int(first), int(last)) in ((0, 65535), (-1, -1)):
        return str(word)
    return f"{word}/{first}" if first == last else f"{word}/{first}-{last}"


def _service_text(rule: dict[str, Any]) -> str:
    return _ports_text(_number(rule.get("IpProtocol", -1)), rule.get("FromPort"), rule.get("ToPort"))


def _entry_text(entry: dict[str, Any]) -> str:
    ports = entry.get("PortRange") or {}
    return _ports_text(_number(entry.get("Protocol", -1)), ports.get("From"), ports.get("To"))


def read(known: Known | None) -> Things | None:
    """Of None nothing; else what flowlogs.inventory.read() takes."""
    return None if known is None else Things(inventory.read(known))
