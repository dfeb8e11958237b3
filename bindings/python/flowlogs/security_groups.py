"""Rules of security groups: what they admit, and what `flowlogs aws inventory -o DIR` tells of those that are there."""

from __future__ import annotations

import re
import socket

from . import _core
from . import inventory as things
from .inventory import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from .inventory import Known

    Address = tuple[int, int]  # bits of the family (32 or 128), and the address as an integer

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
WITH_PORTS = (TCP, UDP)  # other protocols have no ports in a rule
# How AWS calls protocols; all others are numbers.
_NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}
_NUMBERS = {name: number for number, name in _NAMES.items()}


def address_of(text: str) -> Address:
    """Raises OSError if it is none."""
    if ":" in text:
        return 128, int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
    return 32, int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")


def text_of(address: Address) -> str:
    family, value = address
    kind = socket.AF_INET6 if family == 128 else socket.AF_INET
    return socket.inet_ntop(kind, value.to_bytes(family // 8, "big"))


def protocol_text(number: int | None) -> str:
    """As AWS's API has it."""
    return "-1" if number is None else _NAMES.get(number, str(number))


class Rule:
    """One rule: direction ("ingress", "egress"), protocol (None: all), ports (None: all), and one peer: a prefix
    ("10.0.0.0/24"), a security group ("sg-..."), or a prefix list ("pl-..."). Equal rules admit the same. Of a prefix, family (32 or 128), first and last are
    its addresses.
    """

    __slots__ = ("direction", "family", "first", "last", "members", "peer", "ports", "protocol")

    def __init__(
        self,
        direction: str,
        protocol: int | None,
        ports: tuple[int, int] | None,
        peer: str,
        members: Iterable[Address] | None = None,
    ) -> None:
        """members: the addresses of the interfaces of a group; None: they are not known. Raises ValueError, OSError."""
        self.direction, self.protocol, self.peer = direction, protocol, peer
        self.ports = ports if protocol in WITH_PORTS and ports not in ((0, 65535), (-1, -1)) else None
        self.family = 0
        self.members = None if members is None else frozenset(members)
        self.first, self.last = 0, -1
        if not self.is_named:
            address, _, length = peer.partition("/")
            self.family, value = address_of(address)
            free = self.family - int(length or self.family)
            if not 0 <= free <= self.family:
                raise ValueError(f"a prefix of {length} bits")
            self.first = value >> free << free
            self.last = self.first + (1 << free) - 1
            self.peer = f"{text_of((self.family, self.first))}/{self.family - free}"

    @property
    def is_named(self) -> bool:
        """Whether its peer is a group or a prefix list."""
        return self.peer.startswith(("sg-", "pl-"))

    @property
    def is_known(self) -> bool:
        """Whether the addresses of its peer are known."""
        return not self.is_named or self.members is not None

    @property
    def service(self) -> str:
        if self.protocol is None:
            return "all"
        word = _NAMES.get(self.protocol) or _core._word("protocol", self.protocol) or f"protocol {self.protocol}"
        if self.protocol not in WITH_PORTS:
            return word
        if self.ports is None:
            return f"{word}/all"
        first, last = self.ports
        return f"{word}/{first}" + (f"-{last}" if last != first else "")

    @property
    def text(self) -> str:
        return f"{self.direction} {self.service} {'from' if self.direction == 'ingress' else 'to'} {self.peer}"

    def has_port(self, protocol: int, port: int | None) -> bool:
        """port: None for protocols without ports. Of ICMP, flow logs do not tell the type: every rule may admit it."""
        if self.protocol is None:
            return True
        if protocol != self.protocol:
            return False
        return self.ports is None or (port is not None and self.ports[0] <= port <= self.ports[1])

    def has_peer(self, address: Address) -> bool:
        if self.is_named:
            return self.members is not None and address in self.members
        return address[0] == self.family and self.first <= address[1] <= self.last

    @property
    def addresses(self) -> int:
        """How many it admits."""
        return len(self.members or ()) if self.is_named else self.last - self.first + 1

    def is_inside(self, other: Rule) -> bool:
        """Whether the other one admits all that this one does."""
        if self.direction != other.direction or other.protocol not in (None, self.protocol):
            return False
        if other.protocol is not None and other.ports is not None:
            if self.ports is None or not other.ports[0] <= self.ports[0] <= self.ports[1] <= other.ports[1]:
                return False
        if self.is_named or other.is_named:
            if self.peer == other.peer:
                return True
            return self.is_named and bool(self.members) and all(map(other.has_peer, self.members or ()))
        return self.family == other.family and other.first <= self.first and self.last <= other.last

    def _key(self) -> tuple[Any, ...]:
        return self.direction, self.protocol, self.ports, self.peer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


_RULE = re.compile(r"(ingress|egress)\s+(-1|[a-z0-9]+)(?:/(all|\d{1,5})(?:-(\d{1,5}))?)?\s+(?:(?:from|to)\s+)?(\S+)")


def parse_rule(text: str, members: Callable[[str], Iterable[Address] | None]) -> Rule:
    """"ingress tcp/443 from 10.0.0.0/8", "egress all to sg-...", "ingress udp/5000-5100 from 10.0.0.5". members: gives the
    addresses of a group.
    """
    found = _RULE.fullmatch(text.strip())
    example = "write it as 'ingress tcp/443 from 10.0.0.0/8' or 'egress udp/5000-5100 to sg-...'"
    if found is None:
        raise _core.ArgumentError(f"suggest-rules: '{text}' is no rule; {example}")
    direction, name, first, last, peer = found.groups()
    protocol = None if name in ("all", "-1") else _NUMBERS.get(name) or (int(name) if name.isdigit() else -1)
    if protocol is not None and not 0 <= protocol <= 255:
        raise _core.ArgumentError(
            f"suggest-rules: '{text}': '{name}' is no protocol of a rule: {', '.join(_NUMBERS)}, all, or a number"
        )
    ports = None if first in (None, "all") else (int(first), int(last or first))
    if protocol in WITH_PORTS and first is None:
        raise _core.ArgumentError(f"suggest-rules: '{text}': it lacks a port; write {name}/443, {name}/8000-8100 or {name}/all")
    if ports is not None and (protocol not in WITH_PORTS or not ports[0] <= ports[1] <= 65535):
        raise _core.ArgumentError(f"suggest-rules: '{text}': these are no ports of a rule; {example}")
    try:
        rule = Rule(direction, protocol, ports, peer, members(peer) if peer.startswith("sg-") else None)
    except (OSError, ValueError):
        raise _core.ArgumentError(f"suggest-rules: '{text}': '{peer}' is neither an address, a prefix nor a group; {example}") from None
    if not rule.is_known:
        raise _core.ArgumentError(f"suggest-rules: '{text}': what {peer} holds is not known; give an inventory that has it, or its prefixes")
    return rule


# ---- The inventory ---------------------------------------------------------------------------------------------------


class Existing:
    """A rule that is there."""

    __slots__ = ("description", "group", "id", "rule")

    def __init__(self, rule: Rule, group: str, id: str | None, description: str | None) -> None:
        self.rule, self.group, self.id, self.description = rule, group, id, description


class Inventory:
    """Interfaces and security groups of one or several inventories.

    interfaces  {id: (groups, addresses inside, VPC, ids of the instance, the subnet and the VPC)}
    groups      {id: (name, VPC)}
    rules       {group: [Existing]}
    names       {id: what people call it}
    """

    def __init__(self, known: things.Inventory) -> None:
        self.names = known.names
        self.known = known
        self.interfaces: dict[str, tuple[list[str], list[Address], str | None, tuple[str, ...]]] = {}
        self.groups: dict[str, tuple[str, str | None]] = {}
        self.rules: dict[str, list[Existing]] = {}
        self._members: dict[str, set[Address]] = {}
        self._of: dict[tuple[str | None, Address], list[str]] = {}
        found: dict[str, list[Any]] = {}
        for directory in known.directories:
            files = read_file(directory, "manifest", "write it with `flowlogs aws inventory -o DIR`").get("files", {})
            for name in ("network-interfaces", "security-groups", "security-group-rules"):
                items = read_file(directory, name, "write the inventory again").get("items", []) if name in files else []
                found.setdefault(name, []).extend(items)
        try:
            self._add(found)
        except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            raise _core.ArgumentError(
                f"inventory: it is not as AWS describes things ({type(error).__name__}: {error}); write it again"
            ) from None

    def members(self, group: str) -> set[Address] | None:
        """The addresses inside of a group's interfaces; None: it is not in the inventory."""
        return self._members.get(group)

    def of_group(self, group: str) -> list[str]:
        """The interfaces of a group."""
        return [id for id, (groups, *_) in self.interfaces.items() if group in groups]

    def groups_of(self, address: Address, vpc: str | None) -> list[str]:
        """The groups of the interface with this address."""
        return self._of.get((vpc, address), [])

    def _add(self, found: dict[str, list[Any]]) -> None:
        for group in found["security-groups"]:
            self.groups[group["GroupId"]] = (group.get("GroupName") or group["GroupId"], group.get("VpcId"))
            self._members.setdefault(group["GroupId"], set())
        for interface in found["network-interfaces"]:
            groups = [group["GroupId"] for group in interface.get("Groups", [])]
            addresses = list(dict.fromkeys(map(address_of, _addresses(interface))))
            vpc = interface.get("VpcId")
            ids = (interface.get("Attachment") or {}).get("InstanceId"), interface.get("SubnetId"), vpc
            self.interfaces[interface["NetworkInterfaceId"]] = groups, addresses, vpc, tuple(id for id in ids if id)
            for group in groups:
                self._members.setdefault(group, set()).update(addresses)
            for address in addresses:
                self._of.setdefault((vpc, address), []).extend(groups)
        if found["security-group-rules"]:
            for one in found["security-group-rules"]:
                group = one["GroupId"]
                peer = one.get("CidrIpv4") or one.get("CidrIpv6") or one.get("PrefixListId") or one["ReferencedGroupInfo"]["GroupId"]
                self._add_rule(group, "egress" if one["IsEgress"] else "ingress", one, peer, one.get("SecurityGroupRuleId"), one)
        else:
            for group in found["security-groups"]:
                for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
                    for permission in group.get(key, []):
                        for peer, told in _peers(permission):
                            self._add_rule(group["GroupId"], direction, permission, peer, None, told)

    def _add_rule(self, group: str, direction: str, permission: Any, peer: str, id: str | None, told: Any) -> None:
        name = str(permission["IpProtocol"])
        protocol = None if name == "-1" else _NUMBERS.get(name) or int(name)
        first, last = permission.get("FromPort"), permission.get("ToPort")
        ports = None if first is None or last is None or first < 0 else (first, last)
        members = self._members.get(peer) if peer.startswith("sg-") else None
        self.rules.setdefault(group, []).append(Existing(Rule(direction, protocol, ports, peer, members), group, id, told.get("Description")))


def read(inventory: Known) -> Inventory:
    """Those of the inventory of a directory, or of several together. Raises ArgumentError."""
    return Inventory(things.read(inventory))


def _addresses(interface: Any) -> Iterator[str]:
    """Those inside of the VPC: a rule that names a group means no others."""
    if interface.get("PrivateIpAddress"):
        yield interface["PrivateIpAddress"]
    for address in interface.get("PrivateIpAddresses", []):
        yield address["PrivateIpAddress"]
    for address in interface.get("Ipv6Addresses", []):
        yield address["Ipv6Address"]


def _peers(permission: Any) -> Iterator[tuple[str, Any]]:
    for key, name in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("PrefixListIds", "PrefixListId"), ("UserIdGroupPairs", "GroupId")):
        for one in permission.get(key, []):
            if one.get(name):
                yield one[name], one
