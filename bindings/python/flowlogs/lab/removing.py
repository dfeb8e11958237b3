"""The lab is taken down: a plan that can be read, then all that is there goes, the VPC last."""

from __future__ import annotations

from typing import Any

from ..aws import disabling, facts
from ..aws.errors import AwsError
from ..aws.plan import Plan, Step
from ..aws.session import Session
from .building import LabPlan, end, patient, use_acl
from .found import KINDS, Found
from .topology import NAME, TO


def down(session: Session) -> LabPlan:
    """What is to be removed: what has the lab's tag, and the flow log with its role and log group. Reads only."""
    found = Found(session)
    steps, notes = _delete_instances(session, found), []
    off = _flow_logs_off(session, found)
    if off is not None:
        steps += off._steps
        notes += [note for note in off["notes"] if "--keep-logs" not in note]
        if any(step.kind == "log group" and step.run is not None for step in off._steps):
            notes.append(f"the records in {TO.name} are lost with it")
    for kind, delete, arguments in (
        ("network ACL", "delete_network_acl", "NetworkAclId"),
        ("route table", "delete_route_table", "RouteTableId"),
        ("subnet", "delete_subnet", "SubnetId"),
        ("internet gateway", "delete_internet_gateway", "InternetGatewayId"),
        ("security group", "delete_security_group", "GroupId"),
        ("VPC", "delete_vpc", "VpcId"),
    ):
        for item in found.items[kind]:
            steps.append(_delete(session, kind, item, delete, arguments))
    if any(step.run is not None for step in steps):
        steps.append(Step("check", "lab", NAME, "whether nothing of it is left", lambda: _look_again(session)))
    answer = LabPlan("lab down", session, steps)
    answer["notes"] = notes
    return answer


def _delete_instances(session: Session, found: Found) -> list[Step]:
    there = [str(instance["InstanceId"]) for instance in found.items["instance"]]
    ending = [str(instance["InstanceId"]) for instance in found.ending]
    if there:
        names = [f"{facts.tags_of(i.get('Tags')).get('Name', '')} {i['InstanceId']}" for i in found.items["instance"]]
        return [Step("delete", "instances", ", ".join(names), "with their disks and addresses", lambda: end(session, there, ending))]
    if ending:
        return [Step("check", "instances", ", ".join(ending), "until they have ended", lambda: end(session, [], ending))]
    return []


def _flow_logs_off(session: Session, found: Found) -> Plan | None:
    """As `aws disable` does it, for the lab's VPC. Where that is gone, role and group may still be there."""
    vpcs = [str(item["VpcId"]) for item in found.items["VPC"]]
    if vpcs:
        return disabling.plan(session, resources={"vpc": vpcs}, to=str(TO))
    if any(log.destination == TO for log in facts.flow_logs(session)):
        return None  # of others
    return disabling.plan(session, resources={}, to=str(TO))


def _delete(session: Session, kind: str, item: dict[str, Any], operation: str, argument: str) -> Step:
    name, id = facts.tags_of(item.get("Tags")).get("Name", ""), str(item[argument])

    def run() -> None:
        if kind == "network ACL":
            for one in item.get("Associations", []):
                use_acl(session, one["SubnetId"], _default_acl(session, item["VpcId"]))
        if kind == "route table":
            for one in item.get("Associations", []):
                _unless_gone(session, "take the routes from a subnet", "disassociate_route_table",
                             AssociationId=one["RouteTableAssociationId"])  # fmt: skip
        if kind == "internet gateway":
            for one in item.get("Attachments", []):
                _unless_gone(session, "detach the internet gateway", "detach_internet_gateway", InternetGatewayId=id,
                             VpcId=one["VpcId"])  # fmt: skip
        _unless_gone(session, f"delete the {kind} {id}", operation, **{argument: id})

    return Step("delete", kind, f"{name} {id}".strip(), "", run)


def _default_acl(session: Session, vpc: str) -> str:
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "default", "Values": ["true"]}]
    for item in session.pages("ec2", "describe_network_acls", "NetworkAcls", "look for the VPC's own network ACL", Filters=filters):
        return str(item["NetworkAclId"])
    raise AwsError(f"{vpc} has no network ACL of its own")


def _unless_gone(session: Session, what: str, operation: str, **arguments: Any) -> None:
    """Deletes; what is gone already is fine, and what is still in use may not be in a moment."""
    try:
        patient(session, what, operation, "DependencyViolation", gone=(".NotFound", ".NotAttached"), **arguments)
    except AwsError as error:
        if "DependencyViolation" in str(error):
            raise AwsError(f"{error}; something that is not of the lab is in its VPC: remove it, then run the same again") from None
        raise


def _look_again(session: Session) -> None:
    """Raises AwsError if anything is left."""
    found = Found(session)
    left = [f"{kind} {item[KINDS[kind][2]]}" for kind in KINDS for item in found.items[kind]]
    off = _flow_logs_off(session, found)
    left += [f"{step.kind} {step.name}" for step in (off._steps if off is not None else []) if step.run is not None]
    if left:
        raise AwsError(f"there is still {', '.join(left)}; run the same again")
