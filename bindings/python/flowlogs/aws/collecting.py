"""What stands behind the ids in the records, as AWS describes it, in files: one of each kind, as JSON."""

from __future__ import annotations

import json
import os
import tempfile
import time
from typing import Any

from .. import __version__
from .errors import AwsError
from .session import Session

# File: service, operation, key of the answer.
KINDS = {
    "flow-logs": ("ec2", "describe_flow_logs", "FlowLogs"),
    "network-interfaces": ("ec2", "describe_network_interfaces", "NetworkInterfaces"),
    "instances": ("ec2", "describe_instances", "Reservations"),
    "vpcs": ("ec2", "describe_vpcs", "Vpcs"),
    "subnets": ("ec2", "describe_subnets", "Subnets"),
    "security-groups": ("ec2", "describe_security_groups", "SecurityGroups"),
    "security-group-rules": ("ec2", "describe_security_group_rules", "SecurityGroupRules"),
    "network-acls": ("ec2", "describe_network_acls", "NetworkAcls"),
    "route-tables": ("ec2", "describe_route_tables", "RouteTables"),
    "internet-gateways": ("ec2", "describe_internet_gateways", "InternetGateways"),
    "nat-gateways": ("ec2", "describe_nat_gateways", "NatGateways"),
    "vpc-endpoints": ("ec2", "describe_vpc_endpoints", "VpcEndpoints"),
    "vpc-peering-connections": ("ec2", "describe_vpc_peering_connections", "VpcPeeringConnections"),
    "transit-gateways": ("ec2", "describe_transit_gateways", "TransitGateways"),
    "transit-gateway-attachments": ("ec2", "describe_transit_gateway_attachments", "TransitGatewayAttachments"),
    "prefix-lists": ("ec2", "describe_managed_prefix_lists", "PrefixLists"),
    "load-balancers": ("elbv2", "describe_load_balancers", "LoadBalancers"),
}


def collect(session: Session, directory: str) -> dict[str, Any]:
    """Writes the files, and manifest.json, which says whose and when they are; gives the manifest.

    What cannot be listed (a permission, a service that an emulator lacks) is told in `missing`; the rest is written all the
    same. Files of an earlier run are replaced, each whole. Raises AwsError if nothing at all can be listed.
    """
    manifest: dict[str, Any] = {
        "account": session.account, "region": session.region, "caller": session.caller, "time": int(time.time()),
        "tool": f"flowlogs {__version__}", "files": {}, "missing": {},
    }  # fmt: skip
    os.makedirs(directory, exist_ok=True)
    for name, (service, operation, key) in KINDS.items():
        call = f"{service}:{camel(operation)}"
        try:
            items = list(session.pages(service, operation, key, f"list {name.replace('-', ' ')}"))
        except AwsError as error:
            manifest["missing"][name] = str(error)
            continue
        if name == "instances":
            items = [instance for reservation in items for instance in reservation["Instances"]]
        head = {key: manifest[key] for key in ("account", "region", "caller")}
        _write(directory, name, {**head, "call": call, "time": int(time.time()), "items": items})
        manifest["files"][name] = len(items)
    if not manifest["files"]:  # an inventory that is there is worth more
        raise AwsError(f"nothing could be listed, and {directory} is as it was: {next(iter(manifest['missing'].values()))}")
    _write(directory, "manifest", manifest)
    return manifest


def camel(operation: str) -> str:
    """describe_vpcs as AWS writes it: DescribeVpcs."""
    return "".join(word.capitalize() for word in operation.split("_"))


def _write(directory: str, name: str, value: Any) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".flowlogs-", dir=directory)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, default=_text, ensure_ascii=False)
            file.write("\n")
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, os.path.join(directory, name + ".json"))
    except BaseException:
        os.unlink(temporary)
        raise


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
