"""What whoever runs the verbs must be allowed: one policy for each verb, no wider than its calls."""

from __future__ import annotations

from typing import Any

from .. import population
from . import collecting, errors, facts, keeping, policies

_LOOK = ["ec2:DescribeFlowLogs", "logs:DescribeLogGroups", "sts:GetCallerIdentity"]
_LOOK_AT_RESOURCES = [
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeTransitGatewayAttachments",
    "ec2:DescribeTransitGateways", "ec2:DescribeVpcs",
]  # fmt: skip


def caller_policy(verb: str, partition: str, account: str, region: str, to: facts.Destination | None = None,
                  kms_key: str | None = None) -> policies.Policy:  # fmt: skip
    """The policy for enable (of a destination), status, disable, streams (of a group), inventory, audit (besides read), or read: what scan() and the
    verbs need for s3:// and cloudwatch://, of a destination or, without one, of all. kms_key: what it is encrypted with.
    """
    logs = f"arn:{partition}:logs:{region}:{account}:log-group:"
    group = logs + (to.name if to is not None and to.kind == "cloudwatch" else "*")
    every_role = f"arn:{partition}:iam::{account}:role/"
    ours = f"{every_role}{facts.ROLE_PATH.strip('/')}/*"
    bucket = f"arn:{partition}:s3:::" + (to.name if to is not None and to.kind == "s3" else "*")
    key = kms_key or f"arn:{partition}:kms:{region}:{account}:key/*"
    kind = to.kind if to is not None else ""
    if verb == "inventory":
        calls = {errors.permission_of(service, collecting.camel(operation)) for service, operation, _ in collecting.KINDS.values()}
        return _policy([_allow("Inventory", sorted({*calls, "sts:GetCallerIdentity"}), "*")])
    if verb == "audit":
        calls = {errors.permission_of(collecting.KINDS[one][0], collecting.camel(collecting.KINDS[one][1])) for one in population.KINDS}
        found = [_allow("Population", sorted({*calls, "sts:GetCallerIdentity"}), "*")]
        if kind in ("s3", ""):
            found.append(_allow("Bucket", sorted(errors.permission_of("s3", call) for call in keeping.CALLS), bucket))
        if kind in ("cloudwatch", ""):
            found.append(_allow("Group", ["logs:DescribeLogGroups"], "*"))
        return _policy(found)
    if verb == "streams":
        return _policy([_allow("Streams", ["logs:DescribeLogStreams"], [group, group + ":*"])])
    if verb == "read":
        return _policy(_reading(kind, bucket, to.prefix if to is not None else "", group, kms_key))
    looks = {"enable": [*_LOOK, *_LOOK_AT_RESOURCES, "ec2:DescribeNatGateways"], "status": [*_LOOK, *_LOOK_AT_RESOURCES]}
    found = [_allow("Look", sorted(looks.get(verb, _LOOK)), "*")]
    if verb == "enable":
        found.append(_allow("FlowLogs", ["ec2:CreateFlowLogs", "ec2:CreateTags", "ec2:DeleteFlowLogs"], "*"))
    if verb == "disable":
        found.append(_allow("FlowLogs", ["ec2:DeleteFlowLogs"], "*"))
    if kind in ("cloudwatch", "") and verb == "enable":
        found += [
            # A role that is not there yet has no path: it can only be asked for under all of them.
            _allow("LookAtRoles", ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"],
                   every_role + "*"),
            _allow("Role", ["iam:CreateRole", "iam:PutRolePolicy", "iam:TagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"], ours),
            {**_allow("PassRole", ["iam:PassRole"], ours),
             "Condition": {"StringEquals": {"iam:PassedToService": policies.SERVICE}}},
            _allow("Group", ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DescribeLogStreams", "logs:ListTagsForResource",
                             "logs:PutRetentionPolicy", "logs:TagResource"], [group, group + ":*"]),
        ]  # fmt: skip
    if kind in ("cloudwatch", "") and verb == "disable":
        found += [
            _allow("ListRoles", ["iam:ListRoles"], "*"),
            _allow("Role", ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy",
                            "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"], ours),
            _allow("Group", ["logs:DeleteLogGroup", "logs:ListTagsForResource"], [group, group + ":*"]),
        ]  # fmt: skip
    if kind in ("s3", "firehose", ""):
        if verb in ("enable", "disable"):
            create = ["logs:CreateLogDelivery"] if verb == "enable" else []  # and delete: what is made anew
            found.append(_allow("Delivery", [*create, "logs:DeleteLogDelivery"], "*"))
        if kind != "firehose":
            look = ["s3:GetBucketLocation", "s3:GetBucketPolicy", "s3:GetEncryptionConfiguration"]
            look += ["s3:ListBucket"] if verb != "disable" else []
            change = {"enable": ["s3:PutBucketPolicy"], "disable": ["s3:DeleteBucketPolicy", "s3:PutBucketPolicy"]}
            found.append(_allow("Bucket", sorted(look + change.get(verb, [])), bucket))
    if kind in ("firehose", "") and verb != "disable":
        found.append(
            _allow("Stream", ["firehose:DescribeDeliveryStream"], to.name if kind == "firehose" and to else "*")
        )
        if verb == "enable":
            found.append(_allow("StreamDelivery", ["firehose:TagDeliveryStream", "iam:CreateServiceLinkedRole"], "*"))
    if verb == "status":
        found.append(
            _allow(
                "Arrivals",
                ["cloudwatch:GetMetricStatistics", "logs:DescribeLogStreams", "logs:ListTagsForResource"],
                "*",
            )
        )
        found.append(_allow("WhyNot", ["iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy",
                                       "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "kms:GetKeyPolicy"], "*"))  # fmt: skip
    if kms_key is not None or verb == "disable" or kind == "s3":
        found.append(_allow("Key", ["kms:GetKeyPolicy", "kms:PutKeyPolicy"], key))
    return _policy(found)


def _reading(kind: str, bucket: str, prefix: str, group: str, kms_key: str | None) -> list[policies.Statement]:
    found = []
    if kind in ("s3", ""):
        found += [
            _allow("List", ["s3:ListBucket"], bucket),
            _allow("Objects", ["s3:GetObject"], f"{bucket}/{prefix + '/' if prefix else ''}*"),
        ]
    if kind in ("cloudwatch", ""):
        found += [
            _allow("Events", ["logs:DescribeLogStreams", "logs:FilterLogEvents"], [group, group + ":*"]),
            # The format of the records, and which flow log an interface belongs to.
            _allow("Formats", ["ec2:DescribeFlowLogs", "ec2:DescribeNetworkInterfaces"], "*"),
        ]
    if kms_key is not None:
        found.append(_allow("Key", ["kms:Decrypt"], kms_key))
    return found


def lab_policy(partition: str, account: str, region: str, to: facts.Destination, tag: tuple[str, str]) -> policies.Policy:
    """The policy for up, traffic, check and down of the lab, whose resources have the tag (key, value)."""
    tagged = {"Condition": {"StringEquals": {f"aws:ResourceTag/{tag[0]}": tag[1]}}}
    image = f"arn:{partition}:ssm:{region}::parameter/aws/service/ami-amazon-linux-latest/*"
    group = f"arn:{partition}:logs:{region}:{account}:log-group:{to.name}"
    found = [
        _allow("LabLook", ["ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstances", "ec2:DescribeInternetGateways",
                           "ec2:DescribeNetworkAcls", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups"], "*"),
        _allow("LabImage", ["ssm:GetParameter"], image),
        _allow("LabMake", ["ec2:AssociateRouteTable", "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroupIngress",
                           "ec2:CreateInternetGateway", "ec2:CreateNetworkAcl", "ec2:CreateNetworkAclEntry", "ec2:CreateRoute",
                           "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateVpc",
                           "ec2:ModifySubnetAttribute", "ec2:ReplaceNetworkAclAssociation", "ec2:RunInstances"], "*"),
        {**_allow("LabUnmake", ["ec2:DeleteInternetGateway", "ec2:DeleteNetworkAcl", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup",
                                "ec2:DeleteSubnet", "ec2:DeleteVpc", "ec2:DetachInternetGateway", "ec2:DisassociateRouteTable",
                                "ec2:TerminateInstances"], "*"), **tagged},
        _allow("LabRead", ["logs:FilterLogEvents"], [group, group + ":*"]),
    ]  # fmt: skip
    for verb in ("enable", "disable"):
        for statement in caller_policy(verb, partition, account, region, to)["Statement"]:
            if not (verb == "disable" and statement["Sid"] == "Look"):
                found.append({**statement, "Sid": verb.capitalize() + statement["Sid"]})
    return _policy(found)


def _policy(statements: list[policies.Statement]) -> policies.Policy:
    return {"Version": policies.VERSION, "Statement": statements}


def _allow(sid: str, actions: list[str], resource: Any) -> policies.Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
