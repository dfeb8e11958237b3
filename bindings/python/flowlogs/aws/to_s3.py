"""What a bucket needs before flow logs deliver into it: two statements of its policy, one of its key."""

from __future__ import annotations

import json

from .._text import count
from . import facts, policies, rules
from .draft import Part
from .errors import AccessError, Problem
from .plan import Step


class ToS3(Part):
    @property
    def is_foreign(self) -> bool:
        return self.wish.destination_account not in (None, self.session.account)

    def _bucket_statements(self) -> list[policies.Statement]:
        hive = "hive" in self.wish.option_text
        return policies.bucket_statements(self.session.partition, self.session.region, self.session.account, self.to.name,
                                          self.to.prefix, hive)  # fmt: skip

    def steps(self) -> list[Step]:
        session, bucket, statements = self.session, self.to.name, self._bucket_statements()
        if self.is_foreign:
            self.policies[f"statements for the policy of the bucket {bucket}"] = statements
            self.notes.append(f"the bucket {bucket} is of account {self.wish.destination_account}: its owner has to add the "
                              "statements that -o json shows to the bucket's policy first")  # fmt: skip
            return []
        try:
            region = facts.bucket_region(session, bucket)
        except AccessError as error:
            raise AccessError(f"{error}; or if the bucket is of another account: --destination-account", error.permission,
                              error.step) from None  # fmt: skip
        if region is None:
            self.problems.append(Problem("--to", f"there is no bucket {bucket}", f"make it: aws s3 mb s3://{bucket}"))
            return []
        if region != session.region:
            self.notes.append(f"the bucket {bucket} is in {region}: traffic between regions costs extra")
        steps: list[Step] = []
        key = facts.bucket_key(session, bucket)
        if self.wish.kms_key is not None and key != self.wish.kms_key:
            self.problems.append(Problem("--kms-key", f"the bucket {bucket} encrypts with {key or 'no key of yours'}",
                                         "leave it out, or change the bucket's default encryption first"))  # fmt: skip
        elif key is not None:
            wrong = rules.check_key(key)
            if wrong:
                self.problems.append(Problem("--to", f"the bucket {bucket} encrypts with '{key}', which is not the ARN of a key",
                                             "flow logs cannot be delivered so; name the key by its ARN"))  # fmt: skip
            else:
                steps += self._key(
                    key, policies.key_statement_for_bucket(session.partition, session.region, session.account)
                )
        had = facts.bucket_policy(session, bucket)
        wanted = policies.merged(had, statements)
        self.policies[f"policy of the bucket {bucket}"] = wanted
        size = len(json.dumps(wanted, separators=(",", ":")))
        if size > rules.MOST_POLICY_BYTES:
            self.problems.append(Problem("--to", f"the policy of the bucket {bucket} would have {size:,} bytes",
                                         f"at most {rules.MOST_POLICY_BYTES:,} are possible: remove statements, or take another"))  # fmt: skip
        if all(policies.has(had, statement) for statement in statements):
            steps.append(Step("keep", "bucket policy", bucket, "it allows the delivery"))
        else:
            others = len(policies.statements_of(had or {}))
            detail = f"lets {policies.DELIVERY} write into {self.to}"
            detail += f"; it keeps its {count(others, 'other statement')}" if others else "; there is no policy yet"
            steps.append(Step("change" if had else "create", "bucket policy", bucket, detail, self._put_bucket_policy))
        return steps

    def _put_bucket_policy(self) -> None:
        bucket, statements = self.to.name, self._bucket_statements()
        had = facts.bucket_policy(self.session, bucket)  # once more: somebody may have changed it since
        if not all(policies.has(had, statement) for statement in statements):
            with self.session.doing(f"change the policy of the bucket {bucket}", "s3"):
                policy = json.dumps(policies.merged(had, statements))
                self.session.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)

    def check_again(self) -> Step:
        """CreateFlowLogs itself may write a bucket's policy, and AWS says of it both that it adds and that it overwrites."""
        bucket = self.to.name
        before: policies.Policy | None = self.policies[f"policy of the bucket {bucket}"]

        def look() -> None:
            now = facts.bucket_policy(self.session, bucket)
            lost = [s for s in policies.statements_of(before or {}) if not policies.has(now, s)]
            if lost:
                restored = {**(now or before or {}), "Statement": policies.statements_of(now or {}) + lost}
                with self.session.doing(f"put back statements of the policy of the bucket {bucket}", "s3"):
                    self.session.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(restored))

        return Step("check", "bucket policy", bucket, "whether it still has every statement", look)
