"""Switching flow logs off: what `enable` made is removed, and nothing else.

What is ours is known by its tag (flow logs, roles, log groups) or its Sid (statements of policies). What several flow logs
share goes with the last of them, whoever made that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .. import _text
from . import facts, flow_log_steps, policies, rules, to_cloudwatch
from .errors import AwsError, Problem, RequestError, code_of
from .plan import Plan, Step
from .session import Session
from .wish import selection


def plan(session: Session, *, resources: Mapping[str, Any], to: str | None = None, everything: bool = False,
         keep_logs: bool = False) -> Plan:  # fmt: skip
    """What is to be removed. Reads only.

    resources   as those of enable; without any: those of all resources, if `to` or `everything` says so
    to          only flow logs to this destination
    everything  all that enable made; what `lab up` made is of `lab down`, unless it is named
    keep_logs   log groups stay, with their records
    """
    chosen = selection(resources)
    if not chosen and to is None and not everything:
        raise RequestError(
            [Problem("--vpc", "nothing is named", "give --vpc ID..., --to WHERE, or --all for everything that is ours")]
        )
    if chosen and everything:
        raise RequestError([Problem("--all", "resources are named too", "give either")])
    for kind, ids in chosen.items():
        request = {"ResourceType": kind, "ResourceIds": ids or []}
        option = rules.RESOURCES[kind][0]
        wrong = [problem for problem in rules.check_request(request) if problem.where == option] if ids else []
        if wrong:
            raise RequestError(wrong)
    return _Planner(session, chosen, facts.destination_of(to) if to else None, everything, keep_logs).plan()


class _Planner:
    def __init__(self, session: Session, chosen: dict[str, list[str] | None], to: facts.Destination | None, everything: bool,
                 keep_logs: bool) -> None:  # fmt: skip
        self.session, self.chosen, self.to, self.everything, self.keep_logs = session, chosen, to, everything, keep_logs
        self.notes: list[str] = []
        _ = session.account  # first: errors tell who asked
        self.every = facts.flow_logs(session)
        self.gone = [
            log
            for log in self.every
            if log.ours and (to is None or log.destination == to) and self._is_chosen(log) and not self._is_of_lab(log.tags)
        ]
        self.left = [log for log in self.every if log not in self.gone]

    def _is_of_lab(self, tags: Mapping[str, str]) -> bool:
        """Whether `lab up` made it, and nobody named it: --all leaves it to `lab down`."""
        return self.everything and self.to is None and facts.LAB in tags

    def _is_chosen(self, log: facts.FlowLog) -> bool:
        if not self.chosen:
            return True
        for kind, ids in self.chosen.items():
            if log.resource in ids if ids is not None else log.resource.startswith(rules.RESOURCES[kind][1] + "-"):
                return True
        return False

    def plan(self) -> Plan:
        session = self.session
        steps = []
        foreign = [
            log
            for log in self.left
            if (self.to is None or log.destination == self.to) and self._is_chosen(log)
        ]
        for log in foreign:
            whose = "it is of the lab: `flowlogs lab down` removes it" if log.ours else "it was not made by flowlogs"
            steps.append(Step("keep", "flow log", log.id, f"of {log.resource}: {whose}"))
        steps += self._cloudwatch()
        places = {log.destination for log in self.gone if log.destination.kind == "s3"}
        if self.to is not None and self.to.kind == "s3":
            places.add(self.to)
        for place in sorted(places):
            steps += self._bucket(place)
        # They go last: as long as they are there, a run that was killed finds by them what else is to go.
        for log in self.gone:
            steps.append(
                Step("delete", "flow log", log.id, f"of {log.resource}, to {log.destination}", self._delete(log))
            )
        answer = Plan("disable", session.account, session.region, session.caller, steps)
        answer["notes"] = self.notes
        return answer

    def _delete(self, log: facts.FlowLog) -> Callable[[], None]:
        return lambda: flow_log_steps.delete(self.session, [log])

    # ---- CloudWatch Logs

    def _cloudwatch(self) -> list[Step]:
        """Roles of ours of this region, and the groups that they write to: also of a run of enable that did not end."""
        to = self.to
        if to is not None and to.kind != "cloudwatch":
            return []
        groups = {log.destination.name for log in self.gone if log.destination.kind == "cloudwatch"}
        groups |= {to.name} if to is not None else set()
        steps: list[Step] = []
        for role in self._roles():
            steps += self._role(role, groups)
        for group in sorted(groups):
            steps += self._group(group)
        return steps

    def _roles(self) -> list[dict[str, Any]]:
        """Roles of ours: those in our path, and those that the flow logs name."""
        session = self.session
        found = {
            r["RoleName"]: r
            for r in session.pages("iam", "list_roles", "Roles", "look for roles", PathPrefix=facts.ROLE_PATH)
        }
        names = {*found, *(log.role.rpartition("/")[2] for log in self.gone if log.role)}
        roles = [role for role in (facts.role(session, name) for name in sorted(names)) if role is not None]
        tags = [facts.tags_of(role.get("Tags")) for role in roles]
        return [role for role, its in zip(roles, tags) if its.get(facts.MADE_BY) == facts.MADE and not self._is_of_lab(its)]

    def _role(self, role: dict[str, Any], groups: set[str]) -> list[Step]:
        session, name = self.session, role["RoleName"]
        iam = session.client("iam")
        inline = facts.inline_names(session, name)
        used = {log.destination.name for log in self.left if log.role == role["Arn"]}
        gone, stays = [], []
        for policy in inline:
            document = facts.role_policy(session, name, policy)
            place = policies.group_of(document) if document else None
            ours = place is not None and policy == to_cloudwatch.policy_name_of(*place)
            if ours and place is not None and place[0] == session.region and place[1] not in used:
                if self.everything:
                    groups.add(place[1])
                if place[1] in groups:
                    gone.append(policy)
                    continue
            stays.append(policy)
        steps = [self._delete_policy(name, policy) for policy in gone]
        regions = policies.trusted_regions(policies.document_of(role["AssumeRolePolicyDocument"]))
        mentioned = any(log.role == role["Arn"] for log in self.left)
        meant = gone or (not inline and (self.everything or self._is_named(role)))
        if stays or mentioned or not meant:
            return steps
        attached = facts.attached(session, name)
        if attached:
            self.notes.append(f"the role {name} has policies that others attached: it stays")
            return steps
        if regions - {session.region}:
            self.notes.append(
                f"the role {name} is for {', '.join(sorted(regions - {session.region}))} too, and has no permissions there"
            )

        def run() -> None:
            with session.doing(f"delete the role {name}", "iam"):
                _unless_gone("NoSuchEntity", iam.delete_role, RoleName=name)

        return [*steps, Step("delete", "role", name, "nothing uses it any more", run)]

    def _is_named(self, role: dict[str, Any]) -> bool:
        """Whether a role that has no permissions yet is the one that enable would have used for --to."""
        if any(log.role == role["Arn"] for log in self.gone):
            return True
        if self.to is None:
            return False
        return str(role["RoleName"]).endswith("-" + policies.mark(self.session.region, self.to.name)[:4])

    def _delete_policy(self, role: str, policy: str) -> Step:
        session = self.session

        def run() -> None:
            with session.doing(f"delete the permissions of the role {role}", "iam"):
                _unless_gone("NoSuchEntity", session.client("iam").delete_role_policy, RoleName=role, PolicyName=policy)

        return Step("delete", "role policy", policy, f"of the role {role}", run)

    def _group(self, name: str) -> list[Step]:
        session = self.session
        if any(log.destination == facts.Destination("cloudwatch", name) for log in self.left):
            return [Step("keep", "log group", name, "other flow logs deliver into it")]
        group = facts.log_group(session, name)
        if group is None:
            return []
        if group["tags"].get(facts.MADE_BY) != facts.MADE:
            return [Step("keep", "log group", name, "it was not made by flowlogs")]
        steps = self._key(group["kmsKeyId"], policies.key_statement_for_group(
            session.partition, session.region, session.account, name)) if group.get("kmsKeyId") else []  # fmt: skip
        size = _text.human_bytes(int(group.get("storedBytes", 0)))
        if self.keep_logs:
            return [Step("keep", "log group", name, f"with its records ({size}), as you wished")]

        def run() -> None:
            with session.doing(f"delete the log group {name}", "logs"):
                _unless_gone("ResourceNotFoundException", session.client("logs").delete_log_group, logGroupName=name)

        self.notes.append(f"the records in {name} are lost with it; --keep-logs keeps them")
        return [*steps, Step("delete", "log group", name, f"with its records ({size} stored)", run)]

    # ---- Buckets and keys

    def _bucket(self, place: facts.Destination) -> list[Step]:
        session, bucket = self.session, place.name
        region = facts.bucket_region(session, bucket)
        policy = facts.bucket_policy(session, bucket) if region is not None else None
        if policy is None:
            return []
        in_bucket = [log for log in self.left if log.destination.kind == "s3" and log.destination.name == bucket]
        needed = {sid for log in in_bucket for sid in self._sids(log.destination, "hive" in log.options)}
        mine = {sid for hive in (False, True) for sid in self._sids(place, hive)} - needed
        there = [s["Sid"] for s in policies.statements_of(policy) if s.get("Sid") in mine]
        key = facts.bucket_key(session, bucket)
        steps: list[Step] = []
        if there:

            def run() -> None:
                now = facts.bucket_policy(session, bucket)
                rest = policies.without(now, there) if now else None
                with session.doing(f"change the policy of the bucket {bucket}", "s3"):
                    if rest is not None:
                        session.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(rest))
                    elif now is not None:
                        session.client("s3").delete_bucket_policy(Bucket=bucket)

            others = len(policies.statements_of(policy)) - len(there)
            rest_of_it = f"its {_text.count(others, 'other statement')} stay" if others > 1 else "its other statement stays"
            detail = f"{_text.count(len(there), 'statement')} of ours; {rest_of_it if others else 'there are no others'}"
            steps.append(Step("delete", "bucket policy", bucket, detail, run))
        if key is not None and not rules.check_key(key) and not in_bucket:
            steps += self._key(
                key, policies.key_statement_for_bucket(session.partition, session.region, session.account)
            )
        self.notes.append(f"the files in {place} stay")
        return steps

    def _sids(self, place: facts.Destination, hive: bool) -> Iterable[str]:
        session = self.session
        made = policies.bucket_statements(
            session.partition, session.region, session.account, place.name, place.prefix, hive
        )
        return [statement["Sid"] for statement in made]

    def _key(self, arn: str, statement: policies.Statement) -> list[Step]:
        session, sid = self.session, statement["Sid"]
        if arn.split(":")[4] != session.account:
            return []
        policy = facts.key_policy(session, arn)
        if policy is None or not any(s.get("Sid") == sid for s in policies.statements_of(policy)):
            return []

        def run() -> None:
            rest = policies.without(facts.key_policy(session, arn) or {}, [sid])
            if rest is None:
                raise AwsError(f"the key {arn} would be without a policy; add a statement for its administrators first")
            with session.doing(f"change the policy of the key {arn}", "kms"):
                session.client("kms").put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(rest))

        return [Step("delete", "key policy", arn, f"one statement of ours ({sid})", run)]


def _unless_gone(code: str, call: Any, **arguments: Any) -> None:
    try:
        call(**arguments)
    except Exception as error:
        if not hasattr(error, "response") or code_of(error) != code:
            raise
