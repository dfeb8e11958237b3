"""The way of packets: their path, and what is charged on it.

A path is told by, in this order: the map; traffic-path; the interface types of the two ends; the service and region of an
address of AWS; the scope of the address; VPCs and zones of both ends. Where they do not tell, it is unknown, with the names
of the fields that would.

BASIS  derived: of the records. mapped: of an inventory, ip-ranges.json or a map. estimate: an assumption, such as that an
address of S3 is of the same region.
"""

from __future__ import annotations

from .packets import Flow, Interface, Packets, scope_of
from .places import ENDPOINT, GATEWAY, NAT, PATHS, Place, Places, region_of_zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]

_TRAFFIC_PATHS = {3: "vpn-or-dx", 4: "peering", 5: "cross-region", 6: "edge-location", 7: "gateway-endpoint"}
# Services of the edge; ROUTE53_RESOLVER and the rest are of a region.
_EDGE = frozenset(
    (
        "CLOUDFRONT", "CLOUDFRONT_ORIGIN_FACING", "GLOBALACCELERATOR", "ROUTE53", "ROUTE53_HEALTHCHECKS",
        "ROUTE53_HEALTHCHECKS_PUBLISHING",
    )
)  # fmt: skip
WITH_GATEWAY_ENDPOINT = frozenset(("S3", "DYNAMODB"))
_BASES = ("derived", "mapped", "estimate")


def weaker(one: str, other: str) -> str:
    return max(one, other, key=_BASES.index)


class Charge:
    """Bytes that cost something. region: whose price it is. why: of bytes without a price."""

    __slots__ = ("basis", "bytes", "name", "other", "region", "why")

    def __init__(
        self, name: str, bytes: int, region: str | None, basis: str, other: str | None = None, why: str | None = None
    ) -> None:
        self.name, self.bytes, self.region, self.basis, self.other, self.why = name, bytes, region, basis, other, why


class Way:
    """Of one row that counts."""

    __slots__ = ("basis", "charges", "far", "far_region", "missing", "near", "path", "region", "service", "zones")

    def __init__(self) -> None:
        self.path, self.basis = "unknown", "derived"
        self.missing: tuple[str, ...] = ()
        self.charges: list[Charge] = []
        self.service: str | None = None  # of AWS, at the far end
        self.region: str | None = None  # of the near end
        self.far_region: str | None = None
        self.zones: tuple[str | None, str | None] = (None, None)  # near, far
        self.near: str | None = None
        self.far: str | None = None


class Ways:
    def __init__(self, packets: Packets, places: Places, region: str | None, trusts_services: bool) -> None:
        """region: of records that do not tell it. trusts_services: every format has pkt-src-aws-service and
        pkt-dst-aws-service, so that none in a record means none."""
        self._packets, self._places, self._region = packets, places, region
        self._known = packets.known
        self._trusts_services = trusts_services
        self._hints: dict[tuple[Any, str], int] = {}

    def hint(self, table: Any) -> None:
        """What egress records say of a way; ingress records do not have it (SPEC 1.3)."""
        for row in table:
            self._hints[row.get("interface_id"), row["far"]] = row["traffic_path"]

    def of(self, flow: Flow, row: Row, one: Interface | None) -> Way:
        way = Way()
        is_out = self._is_out(row, flow, one)
        near, far = (flow.source, flow.destination) if is_out else (flow.destination, flow.source)
        way.near, way.far = near, far
        if near is None or far is None:
            way.missing = tuple(name for name, end in (("srcaddr", flow.source), ("dstaddr", flow.destination)) if end is None)
            return way
        own, other = self._ends(row, one, near, far, is_out)
        way.region = own.region or row.get("named_region") or self._region
        way.far_region = other.region if other is not None else None
        way.zones = own.az, other.az if other is not None else None
        self._path(way, flow, row, own, other, is_out)
        self._charge(way, flow, row, own, other, is_out)
        return way

    # ---- The ends ----------------------------------------------------------------------------------------------------

    def _is_out(self, row: Row, flow: Flow, one: Interface | None) -> bool:
        """Whether the near end, which is ours, is the sender."""
        is_public = [end is not None and scope_of(end) == "public" for end in (flow.source, flow.destination)]
        if is_public[0] != is_public[1] and (row["direction"] is None or not self._is_end(row, one)):
            return is_public[1]
        return bool(row["direction"] != "ingress")

    @staticmethod
    def _is_end(row: Row, one: Interface | None) -> bool:
        """Whether the interface is the packets' own end, no gateway that they passed."""
        return one is not None and (row["s"] in one.own or row["d"] in one.own)

    def _ends(self, row: Row, one: Interface | None, near: str, far: str, is_out: bool) -> tuple[Place, Place | None]:
        """The place of the near end, and of the far end if it is one of ours."""
        own = Place(row.get("az_id"), row.get("region"), row.get("vpc_id"), None, row.get("subnet_id"))
        other: Place | None = None
        if self._packets.is_gateway_log(row):
            sides = ("src", "dst") if is_out else ("dst", "src")
            zones = [row.get(f"tgw_{side}_az_id") for side in sides]
            vpcs = [row.get(f"tgw_{side}_vpc_id") for side in sides]
            own = Place(zones[0], row.get("region"), vpcs[0])
            other = Place(zones[1], None, vpcs[1]) if vpcs[1] else None
        elif one is not None and not self._is_end(row, one):
            own = Place(None, own.region, None)  # of a gateway on the way: all that it tells of the end
        elif one is not None and near in one.own:
            own = Place(one.az, one.region or own.region, one.vpc or own.vpc, one.kind, one.subnet)
        self._complete(own, near, own.vpc)
        found = self._of_address(far, own.vpc)
        if other is None:
            other = found
        elif found is not None:
            other = Place(other.az or found.az, found.region, other.vpc, found.kind, found.subnet)
        hop = row.get("next_hop_interface_type")
        if row.get("next_hop_az_id") is not None and hop is None and scope_of(far) != "public":
            other = other or Place()
            vpc = row.get("next_hop_vpc_id") or other.vpc
            other = Place(row["next_hop_az_id"], other.region, vpc, other.kind, other.subnet, other.from_map)
        elif hop in ENDPOINT and scope_of(far) != "public":
            other = Place(row.get("next_hop_az_id"), None, row.get("next_hop_vpc_id"), hop)
        return own, other

    def _of_address(self, address: str, vpc: str | None) -> Place | None:
        """Of an address: as an interface's own, as mapped, or as described."""
        owner = self._packets.owner.get(address)
        place = self._places.at(address, vpc)
        if owner is None:
            return place
        if place is None:
            place = Place()
        return Place(
            owner.az or place.az, owner.region or place.region, owner.vpc or place.vpc, owner.kind or place.kind,
            owner.subnet or place.subnet, place.from_map,
        )  # fmt: skip

    def _complete(self, own: Place, address: str, vpc: str | None) -> None:
        found = self._of_address(address, vpc)
        if found is not None:
            own.az, own.vpc, own.region = own.az or found.az, own.vpc or found.vpc, own.region or found.region
            own.subnet, own.kind = own.subnet or found.subnet, own.kind or found.kind
        own.region = own.region or region_of_zone(own.az)

    # ---- The path ----------------------------------------------------------------------------------------------------

    def _path(self, way: Way, flow: Flow, row: Row, own: Place, other: Place | None, is_out: bool) -> None:
        far = way.far
        assert far is not None
        if other is not None and other.from_map and other.kind in PATHS:
            way.path, way.basis = other.kind, "mapped"
            if other.kind == "internet-out" and not is_out:
                way.path = "internet-in"
            return
        number = row.get("traffic_path")
        basis = "derived"
        if number is not None and (not is_out or row["direction"] == "ingress"):
            number = None  # of a gateway's interface, towards the near end
        if number is None and not is_out:
            number = self._hints.get((row.get("interface_id"), far))
            basis = "estimate"
        if number in _TRAFFIC_PATHS:
            way.path, way.basis = _TRAFFIC_PATHS[number], basis
            way.service = self._service(row, far, is_out)[0]
            return
        for end in (other, own):
            if end is not None and end.kind in ENDPOINT and scope_of(far) != "public":
                way.path = "interface-endpoint"
                way.basis = "derived" if self._has_type(row, end, way) else "mapped"
                return
        if scope_of(far) == "public" and other is None:
            self._public(way, flow, row, own, is_out, number)
        else:
            self._private(way, flow, row, own, other, number)

    def _has_type(self, row: Row, end: Place, way: Way) -> bool:
        if row.get("next_hop_interface_type") in ENDPOINT:
            return True
        return any(
            owner is not None and owner.kind in ENDPOINT and owner.basis == "derived"
            for owner in (self._packets.owner.get(way.near or ""), self._packets.owner.get(way.far or ""))
        )

    def _service(self, row: Row, far: str, is_out: bool) -> tuple[str | None, str | None, bool]:
        """Of a public address: AWS's service and region, and whether it is known that there is none."""
        code = row.get("dst_service" if is_out else "src_service")
        ranged = self._places.service(far) if self._places.has_ranges else None
        if ranged is not None:
            return code or ranged[0], ranged[1], False
        is_told = self._places.has_ranges or (
            f"pkt_{'dst' if is_out else 'src'}_aws_service" in self._known
            and (self._trusts_services or row.get("told") is not None)
        )
        return code, None, is_told and code is None

    def _public(self, way: Way, flow: Flow, row: Row, own: Place, is_out: bool, number: int | None) -> None:
        assert way.far is not None
        way.service, region, is_none = self._service(row, way.far, is_out)
        if is_none:
            way.path = "internet-out" if is_out else "internet-in"
            way.basis = "mapped" if self._places.has_ranges and not self._trusts_services else "derived"
        elif way.service is None:
            field = "pkt-dst-aws-service" if is_out else "pkt-src-aws-service"
            way.missing = (field, *(("traffic-path",) if is_out and number is None else ()))
        elif way.service in _EDGE or region == "GLOBAL":
            way.path, way.basis = "edge-location", "derived" if region is None else "mapped"
        elif self._places.has_endpoint(own.subnet, way.service) and region in (None, way.region):
            way.path, way.basis = "gateway-endpoint", "mapped"
        elif region is not None and way.region is None:
            way.missing = ("region",)
        elif region is not None and region != way.region:
            way.path, way.basis, way.far_region = "cross-region", "mapped", region
        elif region is not None:
            way.path, way.basis, way.far_region = "aws-service-same-region", "mapped", region
        elif way.service == "EC2":
            way.missing = ("ip-ranges.json (the region of the address)",)
        else:
            way.path, way.basis = "aws-service-same-region", "estimate"

    def _private(self, way: Way, flow: Flow, row: Row, own: Place, other: Place | None, number: int | None) -> None:
        near, far = way.near or "", way.far or ""
        hop = row.get("next_hop_interface_type")
        owner = self._packets.owner.get(far)
        basis = "derived" if owner is not None or row.get("next_hop_az_id") is not None or other is None else "mapped"
        if flow.by_gateway or hop in GATEWAY:
            way.path, way.basis = "transit-gateway", self._gateway_basis(flow)
        elif near == far:
            way.path = "same-az"
        elif far.startswith(("169.254.", "fd00:ec2:")):
            way.path = "aws-service-same-region"  # of the instance's host: DNS, time, metadata
        elif other is not None and other.region is not None and way.region is not None and other.region != way.region:
            way.path, way.basis = "cross-region", basis
        elif other is not None and own.vpc is not None and other.vpc is not None and own.vpc != other.vpc:
            if number == 1:  # in the VPC, and it does not end there
                way.path, way.basis = "transit-gateway", "estimate"
            else:
                way.missing = ("traffic-path",)
        elif other is not None and own.subnet is not None and own.subnet == other.subnet:
            way.path, way.basis = "same-az", basis
        elif own.az is not None and other is not None and other.az is not None:
            way.path, way.basis = "same-az" if own.az == other.az else "cross-az", basis
        else:
            way.missing = self._missing(row, own, other, number)

    def _gateway_basis(self, flow: Flow) -> str:
        return "derived" if flow.gateway_log or not flow.rows else max(
            (one.basis for _, _, one in flow.rows if one is not None and one.kind in GATEWAY), key=_BASES.index, default="derived"
        )

    def _missing(self, row: Row, own: Place, other: Place | None, number: int | None) -> tuple[str, ...]:
        lacks = []
        if own.az is None:
            lacks.append("az-id")
        if other is None or other.az is None:
            lacks.append("next-hop-az-id")
        if number is None:
            lacks.append("traffic-path")
        return tuple(lacks)

    # ---- Charges -----------------------------------------------------------------------------------------------------

    def _charge(self, way: Way, flow: Flow, row: Row, own: Place, other: Place | None, is_out: bool) -> None:
        bytes, path = row["bytes"], way.path

        def add(name: str, why: str | None = None, other: str | None = None, basis: str = way.basis) -> None:
            way.charges.append(Charge(name, bytes, way.region, basis, other, why))

        if path == "internet-out":
            add("internet-out")
        elif path == "cross-region" and is_out:
            add("inter-region-out", other=way.far_region)
        elif path == "interface-endpoint":
            add("endpoint-processing")
        elif path == "vpn-or-dx" and is_out:
            add(path, "a VPN is priced as the internet, Direct Connect by its location: which it is, no record tells")
        elif path == "edge-location" and row.get("traffic_path") == 6 and is_out:
            add(path, "Local Zones and Wavelength Zones have prices of their own")
        elif path == "aws-service-same-region" and way.service == "EC2":
            # Between public addresses, whatever the zones; the other end is not ours.
            add("cross-az-out" if is_out else "cross-az-in", basis="estimate")
        elif path in ("cross-az", "peering"):
            if None in way.zones:
                add("cross-az", "whether it crosses zones: next-hop-az-id, or --inventory or --map for both ends, would tell")
            elif way.zones[0] != way.zones[1]:
                add("cross-az-out" if is_out else "cross-az-in")
                if self._is_ours(way, other):
                    add("cross-az-in" if is_out else "cross-az-out")
        elif path == "unknown":
            add(path, "its path is unknown")
        if self._is_passed_on(way, flow, row, own):
            add(
                "nat-processing",
                "something in the VPC passed it on (traffic-path 1); whether a NAT gateway did, next-hop-interface-type or the "
                "records of its interface would tell",
            )

    def _is_ours(self, way: Way, other: Place | None) -> bool:
        """Whether the far end pays to us as well. Of another account's interface records tell the zone alone (SPEC 6.7)."""
        if other is None or other.vpc is not None or "next_hop_vpc_id" not in self._known:
            return True
        return way.far in self._packets.owner or self._places.at(way.far or "") is not None

    def _is_passed_on(self, way: Way, flow: Flow, row: Row, own: Place) -> bool:
        return (
            way.path in ("internet-out", "internet-in", "aws-service-same-region", "cross-region")
            and row.get("traffic_path") == 1
            and scope_of(way.far or "") == "public"
            and not flow.nat and not flow.by_gateway
            and row.get("next_hop_interface_type") is None
            and self._places.nat_of(own.subnet) is None
            and not self._packets.has_nat_in(own.vpc)
        )  # fmt: skip

    def nat(self, flow: Flow, ways: list[tuple[Row, Way]]) -> tuple[list[Charge], tuple[str | None, str | None]]:
        """Of NAT gateways, and the zones of the client and the gateway."""
        if flow.nat:
            one = flow.nat_rows[0][1] if flow.nat_rows else None
            client = flow.source if flow.source is not None and scope_of(flow.source) != "public" else flow.destination
            if one is not None and client in one.own:
                client = flow.destination if client == flow.source else flow.source
            place = self._of_address(client or "", one.vpc if one is not None else None) if client else None
            regions = [known.region for known in (one, ways[0][1] if ways else None, place) if known is not None]
            region = next((name for name in regions if name is not None), self._region)
            basis = one.basis if one is not None else "derived"
            charges = [Charge("nat-processing", flow.nat, region, basis)]
            zones = (place.az if place else None, one.az if one is not None and one.kind == "nat_gateway" else None)
            if zones[0] is None and ways and ways[0][1].near == client:
                zones = ways[0][1].zones[0], zones[1]
            amount, basis = flow.nat, weaker(basis, "derived")
        else:
            amount, zones, charges, basis = 0, (None, None), [], "derived"
            for row, way in ways:
                hop = row.get("next_hop_interface_type")
                if hop in NAT:
                    zones = way.zones[0], row.get("next_hop_az_id") if hop == "nat_gateway" else None
                elif not self._is_by_route(way, flow):
                    continue
                else:
                    basis = "mapped"
                amount += row["bytes"]
                charges.append(Charge("nat-processing", row["bytes"], way.region, basis))
        if charges and None not in zones and zones[0] != zones[1]:
            region = charges[0].region
            charges += [Charge(name, amount, region, basis) for name in ("cross-az-out", "cross-az-in")]
        return charges, zones

    def _is_by_route(self, way: Way, flow: Flow) -> bool:
        """Whether the subnet's default route leads to a NAT gateway of which there are no records."""
        if way.path not in ("internet-out", "internet-in", "aws-service-same-region", "cross-region") or flow.by_gateway:
            return False
        near = self._of_address(way.near or "", None)
        return (
            near is not None and scope_of(way.far or "") == "public" and scope_of(way.near or "") == "private"
            and self._places.nat_of(near.subnet) is not None and not self._packets.has_nat_in(near.vpc)
        )  # fmt: skip

    def gateway(self, flow: Flow, ways: list[tuple[Row, Way]]) -> list[Charge]:
        """Of transit gateways: for what is sent to them."""
        hops = sum(row["bytes"] for row, _ in ways if row.get("next_hop_interface_type") in GATEWAY)
        told = sum(row["bytes"] for row, way in ways if way.path == "transit-gateway")
        log = flow.gateway_log
        amount = log.get("ingress") or flow.gateway_in or hops or log.get("egress") or flow.gateway_out or told
        if not amount:
            return []
        places = [self._of_address(end, None) for end in (flow.source, flow.destination) if end is not None]
        regions = [way.region for _, way in ways] + [place.region for place in places if place is not None]
        region = next((name for name in regions if name is not None), self._region)
        basis = ways[0][1].basis if ways and ways[0][1].path == "transit-gateway" else "derived"
        return [Charge("transit-gateway-processing", amount, region, basis)]
