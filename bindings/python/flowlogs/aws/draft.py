"""A plan for switching flow logs on that is being made, and what its parts share."""

from __future__ import annotations

import json
from typing import Any

from . import facts, policies
from .errors import Problem
from .plan import Step
from .session import Session
from .wish import Wish


class Draft:
    """What is found out on the way. problems: if there is one, nothing is done; policies: shown with the plan, by their names."""

    def __init__(self, session: Session, wish: Wish) -> None:
        self.session, self.wish, self.to = session, wish, wish.destination
        self.notes: list[str] = []
        self.problems: list[Problem] = []
        self.policies: dict[str, Any] = {}
        self.role_arn: str | None = wish.deliver_role
        self.role_is_new = False


class Part:
    """One part of the plan: a destination and what it stands on, or the flow logs."""

    def __init__(self, draft: Draft) -> None:
        self.draft, self.session, self.wish, self.to = draft, draft.session, draft.wish, draft.to
        self.notes, self.problems, self.policies = draft.notes, draft.problems, draft.policies

    def _key(self, arn: str, statement: policies.Statement) -> list[Step]:
        """The key's policy with our statement. A key of another account is its owner's to change."""
        session = self.session
        if arn.split(":")[4] != session.account:
            self.policies[f"statement for the policy of the key {arn}"] = statement
            self.notes.append(
                f"the key {arn} is of another account: its owner has to add the statement that -o json shows"
            )
            return []
        had = facts.key_policy(session, arn)
        if had is None:
            self.problems.append(Problem("--kms-key", f"there is no key {arn}", "check the ARN and --region"))
            return []
        wanted = policies.merged(had, [statement])
        self.policies[f"policy of the key {arn}"] = wanted
        if policies.has(had, statement):
            return [Step("keep", "key policy", arn, "it allows the encryption")]

        def put() -> None:
            # Read once more: between the plan and now somebody may have changed it.
            now = policies.merged(facts.key_policy(session, arn), [statement])
            with session.doing(f"change the policy of the key {arn}", "kms"):
                session.client("kms").put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(now))

        return [Step("change", "key policy", arn, f"one statement ({statement['Sid']}) is added, all others stay", put)]
