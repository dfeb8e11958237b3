"""Who may do what: the policies that flow logs need, each with no more than is needed, and how they are merged.

A policy that somebody else wrote is never overwritten: our statements are known by their Sid, and only they are added,
replaced and removed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

Policy = dict[str, Any]
Statement = dict[str, Any]

VERSION = "2012-10-17"
SERVICE = "vpc-flow-logs.amazonaws.com"
DELIVERY = "delivery.logs.amazonaws.com"
# What the delivery to CloudWatch Logs does.
LOG_ACTIONS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams",
               "logs:PutLogEvents")  # fmt: skip
KEY_ACTIONS = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


def mark(*parts: str) -> str:
    """A short word of letters and digits that stands for the parts: for Sids and names."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]


# ---- The role for CloudWatch Logs ------------------------------------------------------------------------------------


def trust(partition: str, account: str, regions: Iterable[str]) -> Policy:
    """Lets the service assume the role, and only for flow logs of this account and these regions: so nobody else's flow
    log can be made to write with it (the confused deputy)."""
    sources = [f"arn:{partition}:ec2:{region}:{account}:vpc-flow-log/*" for region in sorted(set(regions))]
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": SERVICE},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": sources if len(sources) > 1 else sources[0]},
                },
            }
        ],
    }


def trusted_regions(policy: Policy) -> set[str]:
    """The regions that a trust policy of ours names."""
    found = set()
    for statement in statements_of(policy):
        sources = statement.get("Condition", {}).get("ArnLike", {}).get("aws:SourceArn", [])
        found |= {arn.split(":")[3] for arn in _list(sources) if arn.count(":") >= 5}
    return found


def delivery_to_group(partition: str, region: str, account: str, group: str) -> Policy:
    """What the role may do: write into this log group. Groups can be listed only as a whole."""
    arn = f"arn:{partition}:logs:{region}:{account}:log-group:{group}"
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                "Resource": [arn, arn + ":*"],
            },
            {
                "Effect": "Allow",
                "Action": "logs:DescribeLogGroups",
                "Resource": f"arn:{partition}:logs:{region}:{account}:log-group:*",
            },
        ],
    }


def group_of(policy: Policy) -> tuple[str, str] | None:
    """The region and the name of the log group that a policy of delivery_to_group() is for."""
    for statement in statements_of(policy):
        if "logs:PutLogEvents" in _list(statement.get("Action", [])):
            arn = _list(statement["Resource"])[0]
            parts = str(arn).split(":", 6)
            return (parts[3], parts[6]) if len(parts) == 7 else None
    return None


# ---- Buckets and keys ------------------------------------------------------------------------------------------------


def bucket_statements(
    partition: str, region: str, account: str, bucket: str, prefix: str, hive: bool
) -> list[Statement]:
    """Lets the delivery write this account's flow logs of this region into the folder, and look at the bucket's ACL."""
    base = f"arn:{partition}:s3:::{bucket}"
    folder = (prefix + "/" if prefix else "") + "AWSLogs/" + (f"aws-account-id={account}" if hive else account)
    source = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": f"arn:{partition}:logs:{region}:{account}:*"},
    }
    return [
        {
            "Sid": "FlowlogsWrite" + mark(account, region, folder),
            "Effect": "Allow",
            "Principal": {"Service": DELIVERY},
            "Action": "s3:PutObject",
            "Resource": f"{base}/{folder}/*",
            "Condition": {
                "StringEquals": {**source["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"},
                "ArnLike": source["ArnLike"],
            },
        },
        {
            "Sid": "FlowlogsAclCheck" + mark(account, region),
            "Effect": "Allow",
            "Principal": {"Service": DELIVERY},
            "Action": "s3:GetBucketAcl",
            "Resource": base,
            "Condition": source,
        },
    ]


def key_statement_for_bucket(partition: str, region: str, account: str) -> Statement:
    """In the policy of the key that a bucket is encrypted with."""
    return {
        "Sid": "FlowlogsDelivery" + mark(account, region),
        "Effect": "Allow",
        "Principal": {"Service": DELIVERY},
        "Action": list(KEY_ACTIONS),
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": f"arn:{partition}:logs:{region}:{account}:*"},
        },
    }


def key_statement_for_group(partition: str, region: str, account: str, group: str) -> Statement:
    """In the policy of the key that a log group is encrypted with: CloudWatch Logs, for this group alone."""
    return {
        "Sid": "FlowlogsGroup" + mark(account, region, group),
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": list(KEY_ACTIONS),
        "Resource": "*",
        "Condition": {
            "ArnEquals": {
                "kms:EncryptionContext:aws:logs:arn": f"arn:{partition}:logs:{region}:{account}:log-group:{group}"
            }
        },
    }


def merged(policy: Policy | None, statements: list[Statement]) -> Policy:
    """The policy with the statements; those of the same Sid are replaced, all others stay as they are."""
    sids = {statement["Sid"] for statement in statements}
    kept = [statement for statement in statements_of(policy or {}) if statement.get("Sid") not in sids]
    return {"Version": VERSION, **(policy or {}), "Statement": kept + statements}


def without(policy: Policy, sids: Iterable[str]) -> Policy | None:
    """The policy without the statements of these Sids; None if nothing is left."""
    gone = set(sids)
    kept = [statement for statement in statements_of(policy) if statement.get("Sid") not in gone]
    return {**policy, "Statement": kept} if kept else None


def has(policy: Policy | None, statement: Statement) -> bool:
    return statement in statements_of(policy or {})


# ---- Firehose in another account -------------------------------------------------------------------------------------


def cross_account(
    partition: str, region: str, account: str, stream: str, source_role: str, target_role: str
) -> dict[str, Policy]:
    """What the two roles need, by whom it is to be attached. The other account's owner has to do his part himself."""
    return {
        f"trust policy of {source_role}": {
            "Version": VERSION,
            "Statement": [{"Effect": "Allow", "Principal": {"Service": DELIVERY}, "Action": "sts:AssumeRole",
                           "Condition": {"StringEquals": {"aws:SourceAccount": account},
                                         "ArnLike": {"aws:SourceArn": f"arn:{partition}:logs:{region}:{account}:*"}}}],
        },
        f"permissions of {source_role}": {
            "Version": VERSION,
            "Statement": [
                {"Effect": "Allow", "Action": "iam:PassRole", "Resource": source_role,
                 "Condition": {"StringEquals": {"iam:PassedToService": DELIVERY}, "StringLike": {"iam:AssociatedResourceARN": stream}}},
                {"Effect": "Allow", "Action": ["logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
                                               "logs:GetLogDelivery"], "Resource": "*"},
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": target_role},
            ],
        },
        f"trust policy of {target_role}": {
            "Version": VERSION,
            "Statement": [{"Effect": "Allow", "Principal": {"AWS": source_role}, "Action": "sts:AssumeRole"}],
        },
        f"permissions of {target_role}": {
            "Version": VERSION,
            "Statement": [{"Effect": "Allow", "Action": ["iam:CreateServiceLinkedRole", "firehose:TagDeliveryStream"],
                           "Resource": "*"}],
        },
    }  # fmt: skip


# ---- Reading policies ------------------------------------------------------------------------------------------------


def document_of(text: Any) -> Policy:
    """A policy as boto3 gives it: a dict, or JSON, perhaps percent-encoded."""
    if isinstance(text, dict):
        return text
    if isinstance(text, str) and text.startswith("%7B"):
        from urllib.parse import unquote

        text = unquote(text)
    loaded = json.loads(text)
    return loaded if isinstance(loaded, dict) else {}


def statements_of(policy: Policy) -> list[Statement]:
    found = policy.get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)


def trusts(policy: Policy, service: str) -> bool:
    """Whether the trust policy lets the service assume the role, conditions aside."""
    for statement in statements_of(policy):
        principal = statement.get("Principal", {})
        services = ["*"] if principal == "*" else _list(principal.get("Service", []))
        if (
            statement.get("Effect") == "Allow"
            and service in services
            and _covers(statement, "Action", "sts:AssumeRole")
        ):
            return True
    return False


def missing(documents: list[Policy], actions: Iterable[str], resource: str) -> list[str]:
    """The actions on the resource that the policies do not allow. Conditions are taken as fulfilled."""
    statements = [statement for document in documents for statement in statements_of(document)]

    def concerned(action: str, effect: str) -> bool:
        return any(
            statement.get("Effect") == effect
            and _covers(statement, "Action", action)
            and _covers(statement, "Resource", resource)
            for statement in statements
        )

    return [action for action in actions if not concerned(action, "Allow") or concerned(action, "Deny")]


def _covers(statement: Statement, element: str, value: str) -> bool:
    if "Not" + element in statement:
        return not any(_matches(pattern, value) for pattern in _list(statement["Not" + element]))
    return any(_matches(pattern, value) for pattern in _list(statement.get(element, [])))


def _matches(pattern: str, value: str) -> bool:
    written = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(written, value, re.IGNORECASE | re.DOTALL) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
