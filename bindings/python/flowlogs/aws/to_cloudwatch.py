"""What a log group needs before flow logs deliver into it: the role, the group, the statement of its key."""

from __future__ import annotations

import json
from typing import Any

from . import diagnose, facts, policies
from .draft import Part
from .errors import Problem
from .plan import Step

ROLE_DESCRIPTION = "Lets VPC flow logs write into CloudWatch Logs; made by flowlogs"


class ToCloudWatch(Part):
    def steps(self) -> list[Step]:
        # The role comes first: what it may write to tells `disable` later which group belongs to it.
        return self._role() + self._group()

    def _role(self) -> list[Step]:
        session, wish, group = self.session, self.wish, self.to.name
        partition, account, region = session.partition, session.account, session.region
        delivery = policies.delivery_to_group(partition, region, account, group)
        if wish.deliver_role is not None:
            name = wish.deliver_role.rpartition("/")[2]
            for fault in diagnose.role_faults(session, wish.deliver_role, group):
                self.problems.append(
                    Problem("--deliver-role", fault, "allow it, or leave the option out: then a role is made")
                )
            return [Step("keep", "role", name, "given; it is not changed")]
        name = wish.role_of(region)
        policy_name = policy_name_of(region, group)
        role = facts.role(session, name)
        iam = session.client("iam")
        description = wish.role_description or ROLE_DESCRIPTION
        detail = f"{policies.SERVICE} may assume it for flow logs of {account} in {region} only, and write into {group}"

        def put_policy() -> None:
            with session.doing(f"give the role {name} its permissions", "iam"):
                iam.put_role_policy(RoleName=name, PolicyName=policy_name, PolicyDocument=json.dumps(delivery))

        if role is None:
            document = policies.trust(partition, account, [region])
            self.draft.role_arn = f"arn:{partition}:iam::{account}:role{facts.ROLE_PATH}{name}"
            self.draft.role_is_new = True

            def create() -> None:
                with session.doing(f"create the role {name}", "iam"):
                    iam.create_role(RoleName=name, Path=facts.ROLE_PATH, AssumeRolePolicyDocument=json.dumps(document),
                                    Description=description, Tags=facts.tag_list(wish.own_tags()))  # fmt: skip

            self.policies[f"trust policy of {name}"] = document
            self.policies[f"permissions of {name}"] = delivery
            return [Step("create", "role", name, detail, create),
                    Step("create", "role policy", policy_name, f"of the role {name}", put_policy)]  # fmt: skip
        if facts.tags_of(role.get("Tags")).get(facts.MADE_BY) != facts.MADE:
            self.problems.append(Problem("--role-name", f"there is a role {name}, and it was not made by flowlogs",
                                         f"give another name, or use it as it is: --deliver-role {role['Arn']}"))  # fmt: skip
            return []
        self.draft.role_arn = role["Arn"]
        had = policies.document_of(role["AssumeRolePolicyDocument"])
        document = policies.trust(partition, account, policies.trusted_regions(had) | {region})
        steps = []
        self.policies[f"trust policy of {name}"] = document
        self.policies[f"permissions of {name}"] = delivery
        if had != document:

            def change() -> None:
                with session.doing(f"change who may assume the role {name}", "iam"):
                    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))

            steps.append(Step("change", "role", name, "who may assume it: " + detail, change))
        if wish.role_description is not None and role.get("Description") != description:

            def describe() -> None:
                with session.doing(f"change the description of the role {name}", "iam"):
                    iam.update_role(RoleName=name, Description=description)

            steps.append(Step("change", "role", name, f"its description: {description}", describe))
        if facts.role_policy(session, name, policy_name) != delivery:
            steps.append(Step("change", "role policy", policy_name, f"of the role {name}", put_policy))
        return steps or [Step("keep", "role", name, detail)]

    def _group(self) -> list[Step]:
        session, wish, name = self.session, self.wish, self.to.name
        logs = session.client("logs")
        group = facts.log_group(session, name)
        log_class = wish.log_class or "STANDARD"
        steps = []
        if wish.kms_key is not None:
            statement = policies.key_statement_for_group(session.partition, session.region, session.account, name)
            steps += self._key(wish.kms_key, statement)
        kept = f"records are kept {wish.retention} days" if wish.retention else "records are kept for ever"

        def retain() -> None:
            with session.doing(f"set how long the log group {name} keeps records", "logs"):
                logs.put_retention_policy(logGroupName=name, retentionInDays=wish.retention)

        if group is None:

            def create() -> None:
                arguments: dict[str, Any] = {"logGroupName": name, "logGroupClass": log_class, "tags": wish.own_tags()}
                if wish.kms_key is not None:
                    arguments["kmsKeyId"] = wish.kms_key
                with session.doing(f"create the log group {name}", "logs"):
                    logs.create_log_group(**arguments)

            steps.append(
                Step("create", "log group", name, f"class {log_class.lower().replace('_', '-')}; {kept}", create)
            )
            if wish.retention is not None:
                steps.append(Step("create", "retention", name, f"{wish.retention} days", retain))
            else:
                self.notes.append(f"without --retention the log group {name} keeps its records, and costs, for ever")
            return steps
        ours = group["tags"].get(facts.MADE_BY) == facts.MADE
        had_class = group.get("logGroupClass")  # an emulator may not tell
        if wish.log_class is not None and had_class not in (None, wish.log_class):
            self.problems.append(Problem("--log-class", f"the log group {name} is {had_class}, which cannot be changed",
                                         "leave it out, or give another group"))  # fmt: skip
        changes = []
        had_days = group.get("retentionInDays")
        if wish.retention is not None and had_days != wish.retention:
            changes.append(
                Step("change", "retention", name, f"{had_days or 'no end'} to {wish.retention} days", retain)
            )
            if had_days is None or had_days > wish.retention:
                self.notes.append(f"records of {name} that are older than {wish.retention} days will be deleted")
        if wish.kms_key is not None and group.get("kmsKeyId") != wish.kms_key:

            def encrypt() -> None:
                with session.doing(f"encrypt the log group {name}", "logs"):
                    logs.associate_kms_key(logGroupName=name, kmsKeyId=wish.kms_key)

            changes.append(Step("change", "log group", name, f"encrypted with {wish.kms_key}", encrypt))
        whose = "made by flowlogs" if ours else "not made by flowlogs: it stays when flow logs are switched off"
        return steps + (changes or [Step("keep", "log group", name, whose)])


def policy_name_of(region: str, group: str) -> str:
    """The name of the policy by which a role of ours may write into the group."""
    return f"flowlogs-{region}-{policies.mark(region, group)}"
