"""Where addresses are, as far as records do not tell: an inventory, AWS's ip-ranges.json, and maps that the user gives."""

from __future__ import annotations

import csv
import ipaddress
import os
from functools import lru_cache

from .. import _core
from .. import inventory as things
from ..answers import network_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Union

    File = Union[str, "os.PathLike[str]"]

PATHS = (
    "same-az", "cross-az", "cross-region", "internet-in", "internet-out", "aws-service-same-region", "gateway-endpoint",
    "interface-endpoint", "transit-gateway", "peering", "vpn-or-dx", "edge-location", "unknown",
)  # fmt: skip
# What an interface is, by the words of interface-type and of DescribeNetworkInterfaces.
NAT = frozenset(("nat_gateway", "regional_nat_gateway"))
GATEWAY = frozenset(("transit_gateway",))
ENDPOINT = frozenset(("vpc_endpoint", "gateway_load_balancer_endpoint"))
BALANCER = frozenset(("network_load_balancer", "gateway_load_balancer"))
KINDS = NAT | GATEWAY | ENDPOINT | BALANCER
# A map says where the other end is (a path), or what an interface is.
_MAP_KINDS = frozenset(PATHS) - {"internet-in", "unknown"} | KINDS | {""}
_MAP_COLUMNS = ("prefix", "az", "region", "vpc", "kind")

# How AZ IDs begin.
_ZONES = {
    "use1": "us-east-1", "use2": "us-east-2", "usw1": "us-west-1", "usw2": "us-west-2", "usge1": "us-gov-east-1",
    "usgw1": "us-gov-west-1", "cac1": "ca-central-1", "caw1": "ca-west-1", "mxc1": "mx-central-1", "sae1": "sa-east-1",
    "euw1": "eu-west-1", "euw2": "eu-west-2", "euw3": "eu-west-3", "euc1": "eu-central-1", "euc2": "eu-central-2",
    "eun1": "eu-north-1", "eus1": "eu-south-1", "eus2": "eu-south-2", "afs1": "af-south-1", "mes1": "me-south-1",
    "mec1": "me-central-1", "ilc1": "il-central-1", "aps1": "ap-south-1", "aps2": "ap-south-2", "ape1": "ap-east-1",
    "ape2": "ap-east-2", "apne1": "ap-northeast-1", "apne2": "ap-northeast-2", "apne3": "ap-northeast-3",
    "apse1": "ap-southeast-1", "apse2": "ap-southeast-2", "apse3": "ap-southeast-3", "apse4": "ap-southeast-4",
    "apse5": "ap-southeast-5", "apse7": "ap-southeast-7",
}  # fmt: skip


def region_of_zone(az: str | None) -> str | None:
    return None if az is None else _ZONES.get(az.partition("-")[0])


class Place:
    """What is known of an address or an interface; None: nothing."""

    __slots__ = ("az", "from_map", "kind", "region", "subnet", "vpc")

    def __init__(
        self, az: str | None = None, region: str | None = None, vpc: str | None = None, kind: str | None = None,
        subnet: str | None = None, from_map: bool = False,
    ) -> None:  # fmt: skip
        self.az, self.vpc, self.kind, self.subnet, self.from_map = az, vpc, kind, subnet, from_map
        self.region = region or region_of_zone(az)


class Prefixes:
    """Values by prefix. Those of all prefixes that hold an address, the longest first."""

    def __init__(self) -> None:
        self._tables: dict[tuple[int, int], dict[int, list[Any]]] = {}

    def add(self, prefix: str, value: Any) -> None:
        """Raises ValueError if it is no prefix."""
        network = network_of(prefix)
        width = network.max_prefixlen - network.prefixlen
        table = self._tables.setdefault((network.version, width), {})
        table.setdefault(int(network.network_address) >> width, []).append(value)

    def find(self, address: str) -> list[Any]:
        if not self._tables:
            return []
        parsed = ipaddress.ip_address(address)
        number = int(parsed)
        found: list[Any] = []
        for version, width in sorted(self._tables):
            if version == parsed.version:
                found += self._tables[version, width].get(number >> width, ())
        return found


class Places:
    """All that was given. Raises ArgumentError for a file that is not what it should be."""

    def __init__(
        self, maps: Iterable[File] = (), inventories: Iterable[File] = (), ip_ranges: File | None = None
    ) -> None:
        self._mapped = Prefixes()  # of Place
        self._described = Prefixes()  # of Place
        self._ranges = Prefixes()  # of service and region
        self.interfaces: dict[str, Place] = {}
        self.addresses: dict[str, set[str]] = {}  # of interfaces
        self.has_ranges = ip_ranges is not None
        # By subnet: whether its way to the internet is a NAT gateway, and the services of its gateway endpoints.
        self._nat: dict[str, str] = {}
        self._endpoints: dict[str, set[str]] = {}
        self.has_interfaces = False  # whether the kind of one is told by its address
        for path in maps:
            self._read_map(os.fspath(path))
        for path in inventories:
            self._read_inventory(os.fspath(path))
        if ip_ranges is not None:
            self._read_ranges(os.fspath(ip_ranges))
        self.at = lru_cache(1 << 16)(self._at)
        self.service = lru_cache(1 << 16)(self._service)

    def _at(self, address: str, vpc: str | None = None) -> Place | None:
        """Where the address is. vpc: who asks; of several VPCs with the same prefix his own is meant."""
        mapped: list[Place] = self._mapped.find(address)
        if mapped:
            return mapped[0]
        found: list[Place] = self._described.find(address)
        own = [place for place in found if vpc is None or place.vpc == vpc]
        if not found:
            return None
        if vpc is None or not own:
            return found[0] if len({place.vpc for place in found}) == 1 else None
        return own[0]

    def _service(self, address: str) -> tuple[str, str] | None:
        """Of an address of AWS: the code of its service, as flow logs write it, and its region, "GLOBAL" for the edge."""
        found: list[tuple[str, str]] = self._ranges.find(address)
        if not found:
            return None
        special = [one for one in found if one[0] not in ("AMAZON", "EC2")]
        return (special or [one for one in found if one[0] == "EC2"] or found)[0]

    def nat_of(self, subnet: str | None) -> str | None:
        """The NAT gateway that the subnet's default route leads to."""
        return None if subnet is None else self._nat.get(subnet)

    def has_endpoint(self, subnet: str | None, service: str) -> bool:
        """Whether the subnet's routes lead to the service by a gateway endpoint."""
        return subnet is not None and service.lower() in self._endpoints.get(subnet, ())

    # ---- Files -------------------------------------------------------------------------------------------------------

    def _read_map(self, path: str) -> None:
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                lines = csv.DictReader(line for line in file if line.strip() and not line.startswith("#"))
                columns = [name.strip().lower() for name in lines.fieldnames or ()]
                if "prefix" not in columns or not set(columns).issubset(_MAP_COLUMNS):
                    rest = ", ".join(_MAP_COLUMNS[1:])
                    raise ValueError(f"its first line names the columns: prefix, and of {rest} what is known")
                lines.fieldnames = columns
                for row in lines:
                    cells = {name: (row[name] or "").strip() for name in columns}
                    kind = cells.get("kind", "").lower()
                    if kind not in _MAP_KINDS:
                        raise ValueError(f"'{kind}' is no kind; there are {', '.join(sorted(_MAP_KINDS - {''}))}")
                    az, region, vpc = (cells.get(name) or None for name in ("az", "region", "vpc"))
                    place = Place(az, region, vpc, kind or None, from_map=True)
                    self._mapped.add(cells["prefix"], place)
                    self.has_interfaces |= kind in KINDS
        except OSError as error:
            raise _core.ArgumentError(f"cost: map: {path}: {error.strerror}") from None
        except (ValueError, csv.Error) as error:
            raise _core.ArgumentError(f"cost: map: {path}: {error}") from None

    def _read_ranges(self, path: str) -> None:
        values = things.read_json(path, "cost: ip-ranges", "it is https://ip-ranges.amazonaws.com/ip-ranges.json")
        try:
            for key, name in (("prefixes", "ip_prefix"), ("ipv6_prefixes", "ipv6_prefix")):
                for one in values[key]:
                    self._ranges.add(one[name], (one["service"], one["region"]))
        except (KeyError, TypeError, ValueError) as error:
            raise _core.ArgumentError(
                f"cost: ip-ranges: {path}: it is not as AWS writes it ({type(error).__name__}: {error})"
            ) from None

    def _read_inventory(self, directory: str) -> None:
        manifest = things.read_file(directory, "manifest", "write it with `flowlogs aws inventory -o DIR`")
        region = manifest.get("region")
        try:
            there = manifest.get("files", {})
            found: dict[str, list[Any]] = {
                name: things.read_file(directory, name, "write the inventory again")["items"] if name in there else []
                for name in _FILES
            }
            zones: dict[str, tuple[str | None, str | None]] = {}
            for subnet in found["subnets"]:
                az = subnet.get("AvailabilityZoneId")
                zones[subnet["SubnetId"]] = az, subnet["VpcId"]
                place = Place(az, region, subnet["VpcId"], None, subnet["SubnetId"])
                for block in things.blocks_of(subnet):
                    self._described.add(block, place)
            for interface in found["network-interfaces"]:
                self._add_interface(interface, zones, region)
            for vpc in found["vpcs"]:  # where the subnets were not listed, or are gone
                for block in things.blocks_of(vpc):
                    self._described.add(block, Place(None, region, vpc["VpcId"]))
            self._add_routes(found)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _core.ArgumentError(
                f"cost: inventory: {directory}: it is not as AWS describes things ({type(error).__name__}: {error}); "
                "write it again"
            ) from None

    def _add_interface(self, interface: Any, zones: dict[str, Any], region: str | None) -> None:
        subnet = interface.get("SubnetId")
        az, vpc = zones.get(subnet, (None, interface.get("VpcId")))
        kind = interface.get("InterfaceType")
        place = Place(
            interface.get("AvailabilityZoneId") or az, region, vpc, kind if kind in KINDS else None, subnet
        )  # fmt: skip
        self.interfaces[interface["NetworkInterfaceId"]] = place
        addresses = set(things.addresses_of(interface))
        self.addresses[interface["NetworkInterfaceId"]] = addresses
        self.has_interfaces |= place.kind is not None
        for address in addresses:
            self._described.add(address, place)

    def _add_routes(self, found: dict[str, list[Any]]) -> None:
        tables: dict[str, set[str]] = {}  # subnets of route tables
        main: dict[str, str] = {}
        for table in found["route-tables"]:
            for one in table.get("Associations", []):
                if one.get("Main"):
                    main[table["VpcId"]] = table["RouteTableId"]
                elif one.get("SubnetId"):
                    tables.setdefault(table["RouteTableId"], set()).add(one["SubnetId"])
        told = set().union(*tables.values()) if tables else set()
        for subnet in found["subnets"]:
            if subnet["SubnetId"] not in told and subnet["VpcId"] in main:
                tables.setdefault(main[subnet["VpcId"]], set()).add(subnet["SubnetId"])
        for table in found["route-tables"]:
            for route in table.get("Routes", []):
                if route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("NatGatewayId"):
                    for name in tables.get(table["RouteTableId"], ()):
                        self._nat[name] = route["NatGatewayId"]
        for endpoint in found["vpc-endpoints"]:
            if endpoint.get("VpcEndpointType") == "Gateway":
                service = endpoint["ServiceName"].rpartition(".")[2]
                for id in endpoint.get("RouteTableIds", []):
                    for name in tables.get(id, ()):
                        self._endpoints.setdefault(name, set()).add(service)


_FILES = ("subnets", "network-interfaces", "vpcs", "route-tables", "vpc-endpoints")
