"""The published policies under moto's IAM enforcement: they are enough, and without any one action exactly its step fails.

moto looks at actions, not at resources and conditions (where it knows no resource it takes "*"), and not at what an action
implies: iam:PassRole, iam:TagRole, logs:TagResource, logs:CreateLogDelivery. So the policies are tried with all resources,
and of those actions only their being there is looked at.
"""

import json
import time
import warnings

import pytest

import flowlogs as fl
from flowlogs.aws import errors, facts
from flowlogs.aws.caller_policy import caller_policy

from . import delivery as made

ACCOUNT, REGION = "123456789012", "eu-west-1"
USER = f"arn:aws:iam::{ACCOUNT}:user/restricted"
ALWAYS = {"sts:GetCallerIdentity"}  # allowed to everybody, by AWS and moto
IMPLIED = {
    "cloudwatch": {"iam:PassRole", "iam:TagRole", "logs:TagResource"},
    "s3": {"logs:CreateLogDelivery"},
}
# moto looks for another action.
ASKED_AS = {"s3:GetEncryptionConfiguration": "s3:ListBucket", "cloudwatch:GetMetricStatistics": "monitoring:GetMetricStatistics"}
DESTINATIONS = {"cloudwatch": "cloudwatch:/g", "s3": "s3://bucket"}


def everywhere(policy, without=None):
    """The policy on all resources, without its conditions, and without one action."""
    statements = [{"Effect": "Allow", "Action": sorted(ALWAYS), "Resource": "*"}]  # a policy of nothing is none
    gone = {without, ASKED_AS.get(without)}
    for statement in policy["Statement"]:
        asked = {name for action in statement["Action"] if action != without for name in (action, ASKED_AS.get(action, action))}
        actions = sorted(asked - gone)
        if actions:
            statements.append({"Effect": "Allow", "Action": actions, "Resource": "*"})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_the_policy_for_enable_is_enough_and_each_action_is_needed(
    kind, vpc, aws, restricted, enforced, state, counted
):
    caller, give = restricted
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    to = DESTINATIONS[kind]
    policy = caller_policy("enable", "aws", ACCOUNT, REGION, facts.destination_of(to))
    options = dict(vpc=vpc[0], to=to, **({"retention": 7} if kind == "cloudwatch" else {}))
    admin = counted()

    def run():
        enforced(True)
        try:
            return fl.aws.enable(**options, session=caller.again())
        finally:
            enforced(False)

    empty = state(["bucket"])
    give(everywhere(policy))
    run()
    done = state(["bucket"])
    needed = {errors.permission_of(service, operation) for service, operation in caller.calls} - ALWAYS
    assert done != empty
    published = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert needed | IMPLIED[kind] <= published
    fl.aws.disable(vpc=vpc[0], session=admin.again())
    assert state(["bucket"]) == empty
    for action in sorted(needed):
        give(everywhere(policy, without=action))
        with pytest.raises(fl.aws.AccessError) as error:
            run()
        assert error.value.permission == action, action
        assert f"the permission {action} is missing" in str(error.value) and USER in str(error.value)
        # Exactly this step: all that comes before is done, and with the permission the rest follows.
        service, operation = caller.calls[-1]
        assert errors.permission_of(service, operation) == action
        give(everywhere(policy))
        run()
        assert state(["bucket"]) == done, action
        fl.aws.disable(vpc=vpc[0], session=admin.again())
        assert state(["bucket"]) == empty, action


def actions_of(policy):
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def needed_by(caller):
    """What the calls of the last run need, as flowlogs names it."""
    return {errors.permission_of(service, operation) for service, operation in caller.calls} - ALWAYS


@pytest.fixture
def run_as(restricted, enforced):
    """run_as(policy, f): what f(session) gives or raises, with this policy alone; its calls are run_as.caller.calls."""
    caller, give = restricted

    def run(policy, f, without=None):
        give(everywhere(policy, without=without))
        enforced(True)
        try:
            return f(caller.again())
        finally:
            enforced(False)

    run.caller = caller
    return run


def test_the_policy_for_disable_is_enough_and_each_action_is_needed(vpc, aws, run_as, state, counted):
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    theirs = {"Version": "2012-10-17", "Statement": [{"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": ACCOUNT},
                                                      "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}]}  # fmt: skip
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    policy = caller_policy("disable", "aws", ACCOUNT, REGION)
    admin = counted()

    def prepare(others=True):
        aws("s3").put_bucket_policy(Bucket="bucket", Policy=json.dumps(theirs)) if others else None
        fl.aws.enable(vpc=vpc[0], to="cloudwatch:/g", kms_key=key, session=admin.again())
        fl.aws.enable(vpc=vpc[0], to="s3://bucket", session=admin.again())

    def disable(session):
        fl.aws.disable(everything=True, session=session)

    def gone():
        found = state(["bucket"])
        return found["flow logs"] == [] and found["roles"] == found["groups"] == {}

    seen = set()
    for others in (True, False):  # the rest of the bucket's policy is written, or, without one, it is deleted
        aws("s3").delete_bucket_policy(Bucket="bucket")
        prepare(others)
        run_as(policy, disable)
        assert gone()
        needed = needed_by(run_as.caller)
        assert needed <= actions_of(policy)
        for action in sorted(needed - seen):
            prepare(others)
            with pytest.raises(fl.aws.AccessError, match=f"the permission {action} is missing") as error:
                run_as(policy, disable, without=action)
            assert error.value.permission == action and USER in str(error.value)
            service, operation = run_as.caller.calls[-1]
            assert errors.permission_of(service, operation) == action, "what comes before is done, what follows is not"
            run_as(policy, disable)
            assert gone(), action
        seen |= needed
    assert actions_of(policy) - seen - ALWAYS == {"logs:DeleteLogDelivery"}  # implied: no wider than the calls


def test_the_policy_for_status_is_enough_reads_only_and_each_action_is_needed(vpc, aws, run_as, enable):
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    for to in DESTINATIONS.values():
        enable(vpc=vpc[0], to=to)
    # One that fails: why, is looked for in all that its role may do.
    iam = aws("iam")
    role = iam.create_role(RoleName="theirs", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    document = everywhere({"Statement": []})
    iam.put_role_policy(RoleName="theirs", PolicyName="p", PolicyDocument=document)
    attached = iam.create_policy(PolicyName="q", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="theirs", PolicyArn=attached)
    aws("ec2").create_flow_logs(ResourceIds=[vpc[1]], ResourceType="Subnet", TrafficType="ALL", LogGroupName="none",
                                DeliverLogsPermissionArn=role)  # fmt: skip
    policy = caller_policy("status", "aws", ACCOUNT, REGION)
    assert all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in actions_of(policy))

    to_bucket = next(log for log in facts.flow_logs(fl.aws.Session()) if log.destination.kind == "s3")

    def look(session, of_bucket=True):
        found = fl.aws.status(session=session)
        if of_bucket:
            fl.aws.diagnose.faults(session, to_bucket)  # moto has none that fails
        return found

    whole = run_as(policy, look)
    needed = needed_by(run_as.caller)
    assert len(whole.flow_logs) == 3 and run_as.caller.writes == [] and needed <= actions_of(policy)
    assert whole.notes == [] and "could not be looked at" not in str(whole)
    for action in sorted(needed):
        told = f"the permission {action} is missing"
        try:
            found = run_as(policy, lambda session: look(session, action not in ASKED_AS.values()), without=action)
        except fl.aws.AccessError as error:
            assert told in str(error) and error.permission == action
        else:  # one place, or one reason, that cannot be seen hides none of the others
            errors_told = [log["error"] or "" for log in found.flow_logs]
            said = [text for text in [*found.notes, *errors_told] if "the permission" in text]
            assert said and all(told in text for text in said), action
            assert len(found.flow_logs) == 3 and found.resources == whole.resources
    # Of keys of buckets, and of streams that fail.
    assert actions_of(policy) - needed - ALWAYS == {"kms:GetKeyPolicy", "firehose:DescribeDeliveryStream"}


def test_the_policy_for_streams_is_enough_and_needed(run_as, aws):
    aws("logs").create_log_group(logGroupName="/g")
    policy = caller_policy("streams", "aws", ACCOUNT, REGION, facts.destination_of("cloudwatch:/g"))
    assert run_as(policy, lambda session: fl.aws.streams("/g", session=session)) == []
    assert needed_by(run_as.caller) == actions_of(policy) == {"logs:DescribeLogStreams"}
    with pytest.raises(fl.aws.AccessError, match="list the streams of /g: the permission logs:DescribeLogStreams is missing"):
        run_as(policy, lambda session: fl.aws.streams("/g", session=session), without="logs:DescribeLogStreams")


def test_the_policy_for_inventory_is_enough_and_without_an_action_only_its_file_is_missing(run_as, vpc, tmp_path):
    policy = caller_policy("inventory", "aws", ACCOUNT, REGION)

    def collect(session):
        return fl.aws.inventory(str(tmp_path), session=session)

    whole = run_as(policy, collect)
    assert whole["missing"] == {} and run_as.caller.writes == []
    assert needed_by(run_as.caller) == actions_of(policy) - ALWAYS
    for name, (service, operation, _) in fl.aws.collecting.KINDS.items():
        action = errors.permission_of(service, fl.aws.collecting.camel(operation))
        manifest = run_as(policy, collect, without=action)
        assert set(manifest["missing"]) == {name} and set(manifest["files"]) == set(whole["files"]) - {name}
        assert manifest["missing"][name].startswith(f"list {name.replace('-', ' ')}: the permission {action} is missing")


@pytest.fixture
def delivered(aws):
    """Records in the bucket vpc-logs and in the group /g, of flow logs of two formats."""
    logs, now = made.Delivery(aws), int(time.time()) // 60 * 60 - 600
    logs.file(now)
    logs.group("/g")
    logs.events("/g", "eni-1-all", logs.records.make(10, now), now - 60)
    role = aws("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for vpc, fields in zip((aws("ec2").create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"] for _ in range(2)), (made.DEFAULT, made.CUSTOM)):
        aws("ec2").create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="/g", DeliverLogsPermissionArn=role,
                                    LogFormat=" ".join("${" + field + "}" for field in fields))  # fmt: skip


@pytest.mark.parametrize("url, to", [("s3://vpc-logs", "s3://vpc-logs"), ("cloudwatch:///g", "cloudwatch:/g")], ids=["s3", "cloudwatch"])
@pytest.mark.parametrize("way", ["scan", "tail"])
def test_the_policy_for_reading_is_enough_and_each_action_is_needed(delivered, run_as, command, url, to, way):
    policy = caller_policy("read", "aws", ACCOUNT, REGION, facts.destination_of(to))

    def read(session):
        """How many records, and what was said."""
        if way == "tail":
            key = session._boto.get_credentials()
            ran = command("tail", "-n", 99, "--fields", "bytes", "-o", "csv", url,
                          env={"AWS_ACCESS_KEY_ID": key.access_key, "AWS_SECRET_ACCESS_KEY": key.secret_key})  # fmt: skip
            assert (ran.returncode == 0) == (ran.stdout.count("\n") == 11), ran.stderr
            assert key.secret_key not in ran.stderr and key.access_key not in ran.stderr
            return max(0, ran.stdout.count("\n") - 1), ran.stderr
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                count = fl.scan(url, aws=session).count()
            except fl.Error as error:
                return 0, str(error)
        return count, " ".join(str(warning.message) for warning in told)

    whole, said = run_as(policy, read)
    assert whole == 10 and "permission" not in said
    if way == "scan":
        assert needed_by(run_as.caller) == actions_of(policy)
    for action in sorted(actions_of(policy)):
        found, said = run_as(policy, read, without=action)
        assert f"the permission {action} is missing" in said and said.count("the permission") == 1, said
        assert found == (10 if action.startswith("ec2:") else 0), action  # the format can be told without


def test_a_permission_that_aws_names_itself_is_told():
    from botocore.exceptions import ClientError

    message = f"User: {USER} is not authorized to perform: iam:PassRole on resource: arn:aws:iam::{ACCOUNT}:role/r"
    error = ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": message}}, "CreateFlowLogs")
    told = errors.explained(error, "ec2", "create the flow log of vpc-1", USER)
    assert isinstance(told, fl.aws.AccessError) and told.permission == "iam:PassRole"
    assert str(told) == (f"create the flow log of vpc-1: the permission iam:PassRole is missing (caller: {USER}); allow it, "
                         "then run the same again")  # fmt: skip


def test_policies_name_no_more_than_what_is_used():
    policy = caller_policy("enable", "aws", ACCOUNT, REGION, facts.destination_of("cloudwatch:/g"))
    text = json.dumps(policy)
    assert "s3:" not in text and "firehose:" not in text and '"iam:*"' not in text
    by_sid = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert by_sid["Role"]["Resource"] == f"arn:aws:iam::{ACCOUNT}:role/flowlogs/*"
    assert by_sid["PassRole"]["Condition"] == {"StringEquals": {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}}
    assert by_sid["Group"]["Resource"] == [
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g",
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g:*",
    ]


def test_the_policy_for_reading_names_the_place():
    def resources(to, **more):
        policy = caller_policy("read", "aws", ACCOUNT, REGION, to and facts.destination_of(to), **more)
        return {statement["Sid"]: statement["Resource"] for statement in policy["Statement"]}

    assert resources("s3://logs/a/b/") == {"List": "arn:aws:s3:::logs", "Objects": "arn:aws:s3:::logs/a/b/*"}
    assert resources("s3://logs", kms_key="arn:k") == {"List": "arn:aws:s3:::logs", "Objects": "arn:aws:s3:::logs/*", "Key": "arn:k"}
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/g"
    assert resources("cloudwatch:/g") == {"Events": [group, group + ":*"], "Formats": "*"}
    assert set(resources(None)) == {"List", "Objects", "Events", "Formats"}


def test_a_role_is_assumed_first(vpc, aws, enforced):
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    aws("iam").create_role(RoleName="admin", AssumeRolePolicyDocument=json.dumps(trust))
    plan = fl.aws.enable(vpc=vpc[0], to="cloudwatch:/g", dry_run=True, role_arn=f"arn:aws:iam::{ACCOUNT}:role/admin")
    assert plan.caller == f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/flowlogs"
    with pytest.raises(fl.aws.AwsError, match="--role-arn: 'admin' is no role"):
        fl.aws.enable(vpc=vpc[0], to="cloudwatch:/g", role_arn="admin")
