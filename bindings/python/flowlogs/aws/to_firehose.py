"""What a Firehose stream has to be before flow logs deliver into it. It is given, and never changed."""

from __future__ import annotations

from . import facts, policies
from .draft import Part
from .errors import Problem
from .plan import Step


class ToFirehose(Part):
    def steps(self) -> list[Step]:
        session, arn = self.session, self.to.name
        _, _, _, region, account, _ = arn.split(":", 5)
        if account != session.account:
            assert self.wish.deliver_role is not None and self.wish.cross_role is not None  # the rules want both
            self.policies.update(policies.cross_account(session.partition, session.region, session.account, arn,
                                                        self.wish.deliver_role, self.wish.cross_role))  # fmt: skip
            self.notes.append(
                f"the stream is of account {account}: both roles need the policies that -o json shows first"
            )
            return []
        if region != session.region:
            self.problems.append(Problem("--to", f"the stream is in {region}, and the flow logs in {session.region}",
                                         "take a stream of this region"))  # fmt: skip
            return []
        stream = facts.delivery_stream(session, arn)
        if stream is None:
            self.problems.append(
                Problem("--to", f"there is no Firehose stream {arn}", "make it first, with the source Direct PUT")
            )
        elif stream.get("DeliveryStreamType") != "DirectPut":
            self.problems.append(Problem("--to", f"the stream's source is {stream.get('DeliveryStreamType')}",
                                         "flow logs need one whose source is Direct PUT"))  # fmt: skip
        elif stream.get("DeliveryStreamStatus") != "ACTIVE":
            self.problems.append(
                Problem("--to", f"the stream is {stream.get('DeliveryStreamStatus')}", "wait until it is ACTIVE")
            )
        return [Step("keep", "Firehose stream", arn.rpartition("/")[2], "given; it is not changed")]
