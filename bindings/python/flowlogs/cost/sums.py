"""The sums of an answer: by path, by charge, by group, by saving."""

from __future__ import annotations

import heapq
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal

from .packets import Flow, Packets
from .places import PATHS
from .prices import Prices
from .ways import WITH_GATEWAY_ENDPOINT, Charge, Way, Ways

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

GROUPS = 100_000  # --by conversation: kept at a time, the most expensive ones
_EVIDENCE = 3  # flows named for a saving
SAVINGS = {
    "gateway-endpoint": "a gateway endpoint, which is free: S3 and DynamoDB went through NAT gateways",
    "interface-endpoint": "interface endpoints (their hours not counted): other services of AWS went through NAT gateways",
    "nat-per-zone": "a NAT gateway in each zone (its hours not counted): clients used one in another zone",
    "same-zone": "clients and servers in one zone",
    "peering": "a VPC peering in the place of the transit gateway, where both ends are known",
}


class _Group:
    __slots__ = ("bytes", "charges", "paths", "unpriced")

    def __init__(self) -> None:
        self.bytes = self.unpriced = 0
        self.paths: Counter[str] = Counter()
        self.charges: Counter[tuple[str, str | None, str | None]] = Counter()  # bytes


class _Saving:
    def __init__(self) -> None:
        self.bytes = 0
        self.cost = Decimal(0)
        self.has_price = False
        self.flows: list[tuple[int, str, str, str]] = []  # a heap of the largest


class Sums:
    def __init__(self, packets: Packets, ways: Ways, prices: Prices, by: str, names: dict[str, str] | None) -> None:
        self._packets, self._ways, self._prices, self._by, self._names = packets, ways, prices, by, names
        self.bytes = 0
        self._paths: dict[str, Counter[str]] = {}
        self._unknown: Counter[tuple[str, ...]] = Counter()
        self.charges: dict[tuple[str, str | None, str | None], Counter[str]] = {}
        self._unpriced: Counter[tuple[str, str | None, str]] = Counter()
        self.no_price: Counter[str] = Counter()  # bytes that are charged, by a price that is not there
        self._groups: dict[Any, _Group] = {}
        self._left = _Group()
        self._left_groups = 0
        self._savings: dict[str, _Saving] = {}

    def add(self, flow: Flow) -> None:
        found: list[tuple[dict[str, Any], Way]] = []
        for _, row, one in flow.rows:
            way = self._ways.of(flow, row, one)
            found.append((row, way))
            amount = row["bytes"]
            self.bytes += amount
            self._paths.setdefault(way.path, Counter())[way.basis] += amount
            if way.path == "unknown":
                self._unknown[way.missing] += amount
            group = self._group(flow, row)
            group.bytes += amount
            group.paths[way.path] += amount
            for charge in way.charges:
                self._charge(charge, group)
        nat, _ = self._ways.nat(flow, found)
        gateway = self._ways.gateway(flow, found)
        if nat or gateway:
            group = self._group(flow, found[0][0] if found else flow.first or {})
            for charge in nat + gateway:
                self._charge(charge, group)
        self._save(flow, found, nat, gateway)
        if len(self._groups) > 2 * GROUPS:
            self._trim()

    def _charge(self, charge: Charge, group: _Group) -> None:
        why = charge.why
        if why is None and self._price(charge) is None:
            self.no_price[priced_as(charge.name)] += charge.bytes
            if charge.region is None:
                why = "the region is not told: give it with --region"
            else:
                why = f"no price of it in {charge.region}: give one with --prices"
        if why is not None:
            self._unpriced[charge.name, charge.region, why] += charge.bytes
            group.unpriced += charge.bytes
            return
        key = charge.name, charge.region, self._other(charge)
        self.charges.setdefault(key, Counter())[charge.basis] += charge.bytes
        group.charges[key] += charge.bytes

    def _other(self, charge: Charge) -> str | None:
        """The other region, if the price depends on it."""
        own = self._prices.price(priced_as(charge.name), charge.region)
        return charge.other if charge.other is not None and self._price(charge) != own else None

    def _price(self, charge: Charge) -> Decimal | None:
        return self._prices.price(priced_as(charge.name), charge.region, charge.other)

    def _cost_of(self, charges: Iterable[Charge]) -> Decimal | None:
        """None: one has no price."""
        total = Decimal(0)
        for charge in charges:
            price = self._price(charge)
            if price is None or charge.why is not None:
                return None
            total += self._prices.cost(charge.bytes, price)
        return total

    # ---- Groups ------------------------------------------------------------------------------------------------------

    def _group(self, flow: Flow, row: dict[str, Any]) -> _Group:
        key: Any
        if self._by == "service":
            key = row.get("service")
        elif self._by == "interface":
            names = ("interface_id", "resource_id", "tgw_attachment_id", "tgw_id")
            key = next((row[name] for name in names if row.get(name) is not None), None)
        else:
            ends = flow.source, flow.destination
            if row.get("server") is not None and row["server"] == row["srcaddr"]:
                ends = flow.destination, flow.source
            elif row.get("server") is None and str(ends[0]) > str(ends[1]):
                ends = flow.destination, flow.source
            key = (*ends, row.get("service"))
        found = self._groups.get(key)
        if found is None:
            found = self._groups[key] = _Group()
        return found

    def _trim(self) -> None:
        kept = heapq.nlargest(GROUPS, self._groups.items(), key=lambda one: (self._cost_of_group(one[1]), one[1].bytes))
        names = {name for name, _ in kept}
        for name, group in self._groups.items():
            if name not in names:
                self._leave(group)
        self._groups = dict(kept)

    def _leave(self, group: _Group) -> None:
        self._left_groups += 1
        self._left.bytes += group.bytes
        self._left.charges.update(group.charges)

    def _cost_of_group(self, group: _Group) -> Decimal:
        return sum((self.amount(key, amount) for key, amount in group.charges.items()), Decimal(0))

    def amount(self, key: tuple[str, str | None, str | None], amount: int) -> Decimal:
        price = self._prices.price(priced_as(key[0]), key[1], key[2])
        return Decimal(0) if price is None else self._prices.cost(amount, price)

    # ---- Savings -----------------------------------------------------------------------------------------------------

    def _save(self, flow: Flow, found: list[tuple[dict[str, Any], Way]], nat: list[Charge], gateway: list[Charge]) -> None:
        way = found[0][1] if found else None
        processed = sum(charge.bytes for charge in nat if charge.name == "nat-processing")
        crossed = [charge for charge in nat if charge.name != "nat-processing"]
        is_service = way is not None and way.path == "aws-service-same-region" and way.service is not None
        if is_service and way is not None and processed and way.service in WITH_GATEWAY_ENDPOINT:
            self._note("gateway-endpoint", flow, processed, self._cost_of(nat), way.service)
        elif is_service and way is not None and processed and way.service != "EC2":
            instead = self._cost_of([Charge("endpoint-processing", processed, nat[0].region, "estimate")])
            whole = self._cost_of(nat)
            saved = None if whole is None or instead is None else whole - instead
            self._note("interface-endpoint", flow, processed, saved, way.service)
        elif crossed:
            self._note("nat-per-zone", flow, crossed[0].bytes, self._cost_of(crossed), None)
        for row, one in found:
            crossing = [charge for charge in one.charges if charge.name.startswith("cross-az-")]
            if one.path == "cross-az" and crossing:
                self._note("same-zone", flow, row["bytes"], self._cost_of(crossing), row.get("service"))
        if gateway and way is not None and way.path == "transit-gateway" and None not in way.zones:
            self._save_peering(flow, way, gateway, found[0][0].get("service"))

    def _save_peering(self, flow: Flow, way: Way, gateway: list[Charge], service: str | None) -> None:
        amount, region = gateway[0].bytes, gateway[0].region
        across = [Charge("cross-az", 2 * amount, region, "estimate")] if way.zones[0] != way.zones[1] else []
        whole, instead = self._cost_of(gateway), self._cost_of(across)
        is_near = way.far_region is None or way.far_region == way.region
        if is_near and whole is not None and instead is not None and whole > instead:
            self._note("peering", flow, amount, whole - instead, service)

    def _note(self, name: str, flow: Flow, amount: int, cost: Decimal | None, service: str | None) -> None:
        saving = self._savings.setdefault(name, _Saving())
        saving.bytes += amount
        if cost is not None:
            saving.cost += cost
            saving.has_price = True
        entry = amount, str(flow.source), str(flow.destination), str(service or "")
        (heapq.heappush if len(saving.flows) < _EVIDENCE else heapq.heappushpop)(saving.flows, entry)

    # ---- The answer --------------------------------------------------------------------------------------------------

    def sources(self) -> set[str]:
        keys = [(priced_as(name) + (f" {other}" if other else ""), region) for name, region, other in self.charges]
        found = {self._prices.source(charge, region) for charge, region in keys}
        return {name for name in found if name is not None}

    def values(self, limit: int) -> dict[str, Any]:
        charges = []
        total = Decimal(0)
        for key, basis in self.charges.items():
            amount = sum(basis.values())
            price = self._prices.price(priced_as(key[0]), key[1], key[2])
            cost = self.amount(key, amount)
            total += cost
            name = key[0] if key[2] is None else f"{key[0]} {key[2]}"
            row = {"charge": name, "region": key[1], "bytes": amount, "price": float(price or 0), "cost": number(cost)}
            charges.append({**row, "basis": dict(basis)})
        # By cost as it is told: what is less than that says nothing.
        groups = sorted(self._groups.items(), key=lambda one: (-number(self._cost_of_group(one[1])), -one[1].bytes, str(one[0])))
        for _, group in groups[limit:]:
            self._leave(group)
        paths = sorted(self._paths.items(), key=lambda one: (-sum(one[1].values()), PATHS.index(one[0])))
        return {
            "cost": number(total),
            "paths": [{"path": path, "bytes": sum(basis.values()), "basis": dict(basis)} for path, basis in paths],
            "charges": sorted(charges, key=lambda row: (-row["cost"], row["charge"], str(row["region"]))),
            "unpriced": [
                {"charge": name, "region": region, "bytes": amount, "why": why}
                for (name, region, why), amount in sorted(self._unpriced.items(), key=lambda one: (-one[1], str(one[0])))
            ],
            "unknown": [
                {"missing": list(missing), "bytes": amount}
                for missing, amount in sorted(self._unknown.items(), key=lambda one: (-one[1], one[0]))
            ],
            "by": self._by,
            "groups": [self._row(key, group) for key, group in groups[:limit]],
            "groups_left": {
                "groups": self._left_groups, "bytes": self._left.bytes, "cost": number(self._cost_of_group(self._left)),
            },
            "savings": [self._saving(name, self._savings[name]) for name in SAVINGS if name in self._savings],
        }

    def _row(self, key: Any, group: _Group) -> dict[str, Any]:
        named = dict(zip(("client", "server", "service"), key)) if self._by == "conversation" else {self._by: key}
        if self._by == "interface" and self._names is not None:
            named["name"] = self._names.get(key)
        costs: dict[str, Decimal] = {}
        for charge, amount in group.charges.items():
            costs[charge[0]] = costs.get(charge[0], Decimal(0)) + self.amount(charge, amount)
        return {
            **named, "bytes": group.bytes, "cost": number(sum(costs.values(), Decimal(0))), "unpriced_bytes": group.unpriced,
            "paths": dict(group.paths.most_common()), "charges": {name: number(one) for name, one in sorted(costs.items())},
        }  # fmt: skip

    @staticmethod
    def _saving(name: str, saving: _Saving) -> dict[str, Any]:
        flows = [
            {"bytes": amount, "from": source, "to": destination, "service": service or None}
            for amount, source, destination, service in sorted(saving.flows, reverse=True)
        ]
        cost = number(saving.cost) if saving.has_price else None
        return {"saving": name, "bytes": saving.bytes, "cost": cost, "how": SAVINGS[name], "flows": flows}


def priced_as(charge: str) -> str:
    return "cross-az" if charge.startswith("cross-az") else charge


def number(amount: Decimal) -> float:
    return float(amount.quantize(Decimal("0.000001"), ROUND_HALF_UP))
