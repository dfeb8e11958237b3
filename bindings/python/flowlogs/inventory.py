"""What `flowlogs aws inventory -o DIR` wrote, as filters name it: `@web-1`, `@sg-0123...`, `internal`. Needs no boto3.

    logs = fl.scan("logs/", inventory="inventory")
    logs.filter("dst in @web-1 and src not in internal").count()

An inventory is of one moment: what had an address then is taken to have it in all records. But for the columns behind ids and
addresses (srcaddr.name): they tell what the last of several directories of one account and region says that is not later.
"""

from __future__ import annotations

import json
import os
import re
import warnings

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Union

    from ._core import EnrichmentTable

    Directory = Union[str, "os.PathLike[str]"]
    Known = Union["Inventory", Directory, Iterable[Directory]]

# Files that sets are made of. A gateway endpoint, for one, has no addresses: it is no set.
_FILES = ("vpcs", "subnets", "network-interfaces", "instances", "security-groups", "nat-gateways", "vpc-endpoints",
          "transit-gateway-attachments", "load-balancers")  # fmt: skip
# Ids of what an interface serves, which its description tells and no other call.
_SERVED = re.compile(r"\b(?:nat|vpce|tgw-attach|fs|fsmt)-[0-9a-f]{8,}\b")
_BALANCER = re.compile(r"ELB (?:(?:app|net|gwy)/)?([^/ ]+)")


class Inventory:
    """What several inventories together know.

    internal   the CIDR blocks of the VPCs
    sets       {"web-1": [addresses and prefixes]}: by the id of each thing, and by its name or tag Name; things of the same
               name are one set. In a name, what is neither letter nor digit nor one of _ - . is an underscore
    names      {"eni-...": "web-1"}: what people call the ids; an interface without a name is called as what it belongs to
    tagged     {("role", "web"): addresses and prefixes}: by key and value of the tags of interfaces, instances, subnets and VPCs
    missing    {"vpcs": why}: what could not be listed when the inventory was written
    """

    def __init__(self, directories: Iterable[Directory]) -> None:
        self.directories = [os.fspath(directory) for directory in directories]
        self.internal: list[str] = []
        self.names: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self._sets: dict[str, dict[str, None]] = {}  # values in order, each once
        self.tagged: dict[tuple[str, str], dict[str, None]] = {}
        self._tables: list[EnrichmentTable] | None = None
        for directory in self.directories:
            self._read(directory)
        self.sets = {name: list(values) for name, values in self._sets.items()}

    @property
    def tables(self) -> list[EnrichmentTable]:
        """What stands behind ids and addresses in every query; of several directories since when."""
        if self._tables is None:
            from . import snapshots

            self._tables = snapshots.tables(self.directories)
        return self._tables

    def of_name(self, name: str) -> list[str]:
        """The addresses and prefixes of what has that id or name."""
        return self.sets.get(_word(name.lstrip("@")), [])

    def like(self, name: str) -> str:
        """A name that may be meant: "; did you mean web-1?", or ""."""
        import difflib

        word = _word(name.lstrip("@"))
        near = [one for one in self.sets if word and word.lower() in one.lower()] or difflib.get_close_matches(word, self.sets, n=1)
        return f"; did you mean {near[0]}?" if near else ""

    def _read(self, directory: str) -> None:
        manifest = read_file(directory, "manifest", "write it with `flowlogs aws inventory -o DIR`")
        self.missing.update({name: str(why) for name, why in manifest.get("missing", {}).items() if name in _FILES})
        files = manifest.get("files", {})
        found = {name: read_file(directory, name, "write the inventory again").get("items", []) if name in files else []
                 for name in _FILES}  # fmt: skip
        try:
            self._add_all(found)
        except (AttributeError, KeyError, TypeError) as error:
            raise _core.ArgumentError(
                f"inventory: {directory}: it is not as AWS describes things ({type(error).__name__}: {error}); write it again"
            ) from None

    def _add_all(self, found: Mapping[str, list[Any]]) -> None:
        for vpc in found["vpcs"]:
            self.internal += (block for block in blocks_of(vpc) if block not in self.internal)
            self._add(blocks_of(vpc), vpc["VpcId"], _name(vpc))
        for subnet in found["subnets"]:
            self._add(blocks_of(subnet), subnet["SubnetId"], _name(subnet))
        for group in found["security-groups"]:
            self._add([], group["GroupId"], _name(group), group.get("GroupName"))
        for balancer in found["load-balancers"]:
            self._add(_balancer_addresses(balancer), balancer["LoadBalancerName"])
        called = {item["InstanceId"]: _name(item) for item in found["instances"]}
        called.update({item["NatGatewayId"]: _name(item) for item in found["nat-gateways"]})
        called.update({item["VpcEndpointId"]: _name(item) for item in found["vpc-endpoints"]})
        called.update({item["TransitGatewayAttachmentId"]: _name(item) for item in found["transit-gateway-attachments"]})
        groups = {item["GroupId"]: _name(item) for item in found["security-groups"]}
        for interface in found["network-interfaces"]:
            self._add_interface(interface, called, groups)
        for instance in found["instances"]:
            self._add(_of_keys(instance, "PrivateIpAddress", "PublicIpAddress", "Ipv6Address"), instance["InstanceId"], _name(instance))
        for gateway in found["nat-gateways"]:
            for address in gateway.get("NatGatewayAddresses", []):
                self._add(_of_keys(address, "PrivateIp", "PublicIp"), gateway["NatGatewayId"], _name(gateway))
        for name, key in (("vpcs", "VpcId"), ("subnets", "SubnetId"), ("instances", "InstanceId"),
                          ("network-interfaces", "NetworkInterfaceId")):  # fmt: skip
            for thing in found[name]:
                for tag in _tags(thing):
                    self.tagged.setdefault((tag["Key"], tag["Value"]), {}).update(self._sets.get(thing[key], {}))

    def _add_interface(self, interface: Any, called: Mapping[str, str | None], groups: Mapping[str, str | None]) -> None:
        """Its addresses are also those of what it belongs to."""
        addresses, description = list(addresses_of(interface)), interface.get("Description") or ""
        own = _name(interface)
        self._add(addresses, interface["NetworkInterfaceId"], own)
        for group in interface.get("Groups", []):
            self._add(addresses, group["GroupId"], group.get("GroupName"), groups.get(group["GroupId"]))
        instance = (interface.get("Attachment") or {}).get("InstanceId")
        owners = [*([instance] if instance else []), *_SERVED.findall(description)]
        for owner in owners:
            self._add(addresses, owner, called.get(owner))
        balancer = _BALANCER.match(description)
        if balancer is not None:
            self._add(addresses, balancer[1])
        others = [*map(called.get, owners), balancer and balancer[1], *owners]
        name = own or next((other for other in others if other), None)
        if name:
            self.names[interface["NetworkInterfaceId"]] = name

    def _add(self, values: Iterable[str], id: str, *names: str | None) -> None:
        """Values of the thing with this id, or, first, name."""
        known = list(values)
        people = next((name for name in names if name), None)
        if people:
            self.names.setdefault(id, people)
        for name in (id, *names):
            word = _word(name or "")
            if word:
                self._sets.setdefault(word, {}).update(dict.fromkeys(known))


def directories_of(inventory: Known) -> list[str]:
    if isinstance(inventory, Inventory):
        return inventory.directories
    return [os.fspath(one) for one in ([inventory] if isinstance(inventory, (str, os.PathLike)) else inventory)]


def read(inventory: Known) -> Inventory:
    """The inventory of a directory, or of several together. Warns of what it lacks. Raises ArgumentError."""
    if isinstance(inventory, Inventory):
        return inventory
    made = Inventory(directories_of(inventory))
    for name, why in made.missing.items():
        what = "`internal` is not told by it" if name == "vpcs" else "what only they tell is not known by name"
        warnings.warn(f"the inventory lacks {name.replace('-', ' ')}: {what} ({why})", UserWarning, stacklevel=3)
    return made


def read_json(path: str, what: str, fix: str) -> dict[str, Any]:
    """The object in a file of JSON. Raises ArgumentError, which begins with what it is and ends with what to do."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        if not isinstance(value, dict):
            raise ValueError("it is no object of JSON")
    except OSError as error:
        raise _core.ArgumentError(f"{what}: {path}: {error.strerror}; {fix}") from None
    except ValueError as error:  # of JSON and UTF-8 too
        raise _core.ArgumentError(f"{what}: {path}: {error}; {fix}") from None
    return value


def read_file(directory: str, name: str, fix: str) -> dict[str, Any]:
    """One of the files of an inventory."""
    return read_json(os.path.join(directory, f"{name}.json"), "inventory", fix)


def _word(name: str) -> str:
    """A name as filters write it."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_")


def _name(thing: Any) -> str | None:
    for tag in _tags(thing):
        if tag["Key"] == "Name":
            return str(tag["Value"]) or None
    return None


def _tags(thing: Any) -> list[Any]:
    return [*thing.get("Tags", []), *thing.get("TagSet", [])]


def blocks_of(thing: Any) -> list[str]:
    """Of a VPC or a subnet: its prefixes, but for those that were taken from it."""
    found = [thing["CidrBlock"]] if thing.get("CidrBlock") else []
    for kind in ("", "Ipv6"):
        for one in thing.get(f"{kind}CidrBlockAssociationSet", []):
            state = one.get(f"{kind}CidrBlockState", {}).get("State", "associated")
            if state in ("associated", "associating"):
                found.append(one[f"{kind}CidrBlock"])
    return list(dict.fromkeys(found))


def addresses_of(interface: Any) -> Iterator[str]:
    for address in interface.get("PrivateIpAddresses", []):
        yield from _of_keys(address, "PrivateIpAddress")
        yield from _of_keys(address.get("Association") or {}, "PublicIp", "CarrierIp", "CustomerOwnedIp")
    yield from _of_keys(interface, "PrivateIpAddress", "Ipv6Address")
    yield from _of_keys(interface.get("Association") or {}, "PublicIp", "CarrierIp", "CustomerOwnedIp")
    for address in interface.get("Ipv6Addresses", []):
        yield from _of_keys(address, "Ipv6Address")
    for kind in ("Ipv4Prefix", "Ipv6Prefix"):
        for prefix in interface.get(f"{kind}es", []):
            yield from _of_keys(prefix, kind)


def _balancer_addresses(balancer: Any) -> Iterator[str]:
    for zone in balancer.get("AvailabilityZones", []):
        for address in zone.get("LoadBalancerAddresses", []):
            yield from _of_keys(address, "IpAddress", "PrivateIPv4Address", "IPv6Address")


def _of_keys(thing: Any, *keys: str) -> Iterator[str]:
    for key in keys:
        if thing.get(key):
            yield thing[key]
