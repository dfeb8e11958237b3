"""Why nothing is delivered: which permission is missing, or what is gone."""

from __future__ import annotations

from . import facts, policies, rules
from .session import Session


def role_faults(session: Session, arn: str, group: str) -> list[str]:
    """What keeps the role from delivering into the log group, each a sentence that names the permission."""
    name = arn.rpartition("/")[2]
    role = facts.role(session, name)
    if role is None:
        return [f"there is no role {name}"]
    found = []
    if not policies.trusts(policies.document_of(role["AssumeRolePolicyDocument"]), policies.SERVICE):
        found.append(f"the trust policy of {name} does not allow sts:AssumeRole to {policies.SERVICE}")
    place = f"arn:{session.partition}:logs:{session.region}:{session.account}:log-group:{group}"
    lacking = policies.missing(facts.role_documents(session, name), policies.LOG_ACTIONS, place + ":*")
    if lacking:
        found.append(f"the role {name} lacks {', '.join(lacking)} on {place}:*")
    return found


def faults(session: Session, log: facts.FlowLog) -> list[str]:
    """What can be seen to be wrong about a flow log whose delivery fails."""
    to = log.destination
    if to.kind == "cloudwatch":
        found = [] if facts.log_group(session, to.name) else [f"there is no log group {to.name}"]
        return found + (role_faults(session, log.role, to.name) if log.role else ["it has no role"])
    if to.kind == "s3":
        return _bucket_faults(session, log)
    if to.name.split(":")[4] != session.account:
        return []
    stream = facts.delivery_stream(session, to.name)
    return [] if stream else [f"there is no Firehose stream {to.name}"]


def _bucket_faults(session: Session, log: facts.FlowLog) -> list[str]:
    to = log.destination
    if facts.bucket_region(session, to.name) is None:
        return [f"there is no bucket {to.name}"]
    hive = "hive" in log.options
    wanted = policies.bucket_statements(session.partition, session.region, session.account, to.name, to.prefix, hive)
    policy = facts.bucket_policy(session, to.name) or {}
    allowed = [
        statement
        for statement in policies.statements_of(policy)
        if statement.get("Principal") == "*" or policies.DELIVERY in str(statement.get("Principal"))
    ]
    found = []
    for statement in wanted:
        place = str(statement["Resource"]).replace("/*", "/x")
        if policies.missing([{"Statement": allowed}], [statement["Action"]], place):
            found.append(f"the policy of the bucket {to.name} lacks {statement['Action']} for {policies.DELIVERY}")
    key = facts.bucket_key(session, to.name)
    if key and rules.check_key(key):
        found.append(f"the bucket {to.name} encrypts with '{key}', which is not the ARN of a key")
    elif key and key.split(":")[4] == session.account:
        statements = policies.statements_of(facts.key_policy(session, key) or {})
        mine = [s for s in statements if policies.DELIVERY in str(s.get("Principal"))]
        lacking = policies.missing([{"Statement": mine}], [a.rstrip("*") for a in policies.KEY_ACTIONS], key)
        if lacking:
            found.append(f"the policy of the key {key} lacks {', '.join(lacking)} for {policies.DELIVERY}")
    return found
