"""How buckets and log groups keep what is in them: versions, locks, expiry, encryption. Only reads; each fact comes with the
call that told it, and when.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from .errors import AwsError, code_of
from .session import Session
from .sources import bucket_of, group_of

# What is asked of a bucket.
CALLS = ("GetBucketVersioning", "GetObjectLockConfiguration", "GetBucketLifecycleConfiguration", "GetBucketEncryption", "GetPublicAccessBlock")
# Storage classes of which nothing can be read at once.
_COLD = ("GLACIER", "DEEP_ARCHIVE")


def places(session: Session, names: Iterable[str]) -> list[dict[str, Any]]:
    """The buckets and log groups of these sources: [{"place", "kind", "facts": {name: {"call", "time", "value" or "error"}},
    "keeps_days", "cold_after_days"}]; keeps_days None: for ever, or not known (then a fact has an error).
    """
    buckets: dict[str, list[str]] = {}
    groups: dict[str, None] = {}
    for name in names:
        if name.startswith("s3://"):
            bucket, key = bucket_of(name)
            buckets.setdefault(bucket, []).append(key)
        elif name.startswith("cloudwatch://"):
            groups[group_of(name)[0]] = None
    return [_bucket(session, bucket, keys) for bucket, keys in sorted(buckets.items())] + [
        _group(session, group) for group in sorted(groups)
    ]


def _fact(session: Session, call: str, step: str, ask: Callable[[Any], Any], absent: Iterable[str] = ()) -> dict[str, Any]:
    """call: as s3:GetBucketVersioning; absent: codes that mean there is none."""
    fact: dict[str, Any] = {"call": call, "time": int(time.time())}
    service = call.partition(":")[0]

    def asked() -> Any:
        try:
            return ask(session.client(service))
        except Exception as error:
            if hasattr(error, "response") and code_of(error) in absent:
                return None
            raise

    try:
        with session.doing(step, service):
            return {**fact, "value": asked()}
    except AwsError as error:
        return {**fact, "error": str(error)}


def _bucket(session: Session, name: str, keys: list[str]) -> dict[str, Any]:
    def fact(operation: str, what: str, ask: Callable[[Any], Any], *absent: str) -> dict[str, Any]:
        return _fact(session, f"s3:{operation}", f"look at the {what} of the bucket {name}", ask, absent)

    found = {
        "versioning": fact("GetBucketVersioning", "versioning", lambda s3: s3.get_bucket_versioning(Bucket=name).get("Status")),
        "object_lock": fact("GetObjectLockConfiguration", "Object Lock", lambda s3: _lock(s3.get_object_lock_configuration(Bucket=name)),
                            "ObjectLockConfigurationNotFoundError"),
        "lifecycle": fact("GetBucketLifecycleConfiguration", "lifecycle",
                          lambda s3: [_rule(rule) for rule in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]],
                          "NoSuchLifecycleConfiguration"),
        "encryption": fact("GetBucketEncryption", "encryption", lambda s3: _encryption(s3.get_bucket_encryption(Bucket=name)),
                           "ServerSideEncryptionConfigurationNotFoundError"),
        "public_access_block": fact("GetPublicAccessBlock", "public access block",
                                    lambda s3: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
                                    "NoSuchPublicAccessBlockConfiguration"),
    }  # fmt: skip
    rules = [rule for rule in found["lifecycle"].get("value") or [] if rule["enabled"] and any(_applies(rule, key) for key in keys)]
    return {
        "place": f"s3://{name}",
        "kind": "s3",
        "facts": found,
        "keeps_days": min((rule["expires_days"] for rule in rules if rule["expires_days"] is not None), default=None),
        "cold_after_days": min((rule["cold_days"] for rule in rules if rule["cold_days"] is not None), default=None),
    }


def _lock(answer: dict[str, Any]) -> dict[str, Any] | None:
    made = answer.get("ObjectLockConfiguration", {})
    if made.get("ObjectLockEnabled") != "Enabled":
        return None
    kept = made.get("Rule", {}).get("DefaultRetention", {})
    days = kept.get("Days") or 365 * (kept.get("Years") or 0)
    return {"mode": kept.get("Mode"), "days": days}


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    wanted = rule.get("Filter") or {}
    both = wanted.get("And") or wanted
    cold = [one.get("Days", 0) for one in rule.get("Transitions", []) if one.get("StorageClass") in _COLD]
    return {
        "id": rule.get("ID"),
        "enabled": rule.get("Status") == "Enabled",
        "prefix": both.get("Prefix") or rule.get("Prefix") or "",
        # Of an object's tags and size nothing is known here: the rule is taken to apply.
        "expires_days": rule.get("Expiration", {}).get("Days"),
        "cold_days": min(cold, default=None),
    }


def _applies(rule: dict[str, Any], key: str) -> bool:
    return bool(key.startswith(rule["prefix"]))


def _encryption(answer: dict[str, Any]) -> str | None:
    for rule in answer["ServerSideEncryptionConfiguration"].get("Rules", []):
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        return " ".join(str(part) for part in (default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")) if part)
    return None


def _group(session: Session, name: str) -> dict[str, Any]:
    def ask(logs: Any) -> Any:
        for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
            for group in page["logGroups"]:
                if group["logGroupName"] == name:
                    return {"days": group.get("retentionInDays"), "kms_key": group.get("kmsKeyId"), "class": group.get("logGroupClass"),
                            "arn": re.sub(r":\*$", "", group["arn"])}  # fmt: skip
        return None

    fact = _fact(session, "logs:DescribeLogGroups", f"look at the retention of the log group {name}", ask)
    if fact.get("value", 0) is None:
        fact = {**fact, "error": f"there is no log group {name}"}
    return {"place": f"cloudwatch://{name}", "kind": "cloudwatch", "facts": {"retention": fact},
            "keeps_days": (fact.get("value") or {}).get("days"), "cold_after_days": None}  # fmt: skip
