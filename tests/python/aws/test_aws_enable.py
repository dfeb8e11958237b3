"""Flow logs switched on against a moto server: once, twice, killed at every call, and what is already there."""

import json
import time

import pytest

import flowlogs as fl
from .aws_killed import Killed
from flowlogs.aws import facts, policies

GROUP = "/vpc/flow-logs"
TO = "cloudwatch:" + GROUP
ACCOUNT = "123456789012"
ROLE = "flowlogs-eu-west-1-vpc-flow-logs-08d5"


NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
NOBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


def actions(plan):
    return [(step["action"], step["kind"]) for step in plan.steps]


def test_enable_makes_role_group_and_flow_log(vpc, aws, state, enable):
    plan = enable(vpc=vpc[0], to=TO, retention=30, name="mine", tags={"team": "net"})
    assert actions(plan) == [("create", kind) for kind in ("role", "role policy", "log group", "retention", "flow log")]
    found = state()
    (log,) = found["flow logs"]
    assert (log["ResourceId"], log["LogGroupName"], log["TrafficType"], log["MaxAggregationInterval"]) == (
        vpc[0],
        GROUP,
        "ALL",
        60,
    )
    assert log["LogFormat"].startswith("${version} ${account-id}") and log["LogFormat"].count("${") == 30
    assert log["DeliverLogsStatus"] == "SUCCESS" and log["DeliverLogsPermissionArn"].endswith("role/flowlogs/" + ROLE)
    tags = {tag["Key"]: tag["Value"] for tag in log["Tags"]}
    assert tags == {"Name": "mine", "team": "net", "flowlogs:made-by": "flowlogs"}
    assert found["groups"] == {GROUP: [30, None, {"team": "net", "flowlogs:made-by": "flowlogs"}]}
    assert plan.flow_logs[0]["resource"] == vpc[0] and plan.flow_logs[0]["error"] is None


def test_the_role_trusts_the_service_for_this_account_only_and_writes_into_the_group_only(vpc, state, enable):
    enable(vpc=vpc[0], to=TO)
    path, trust, _, documents = state()["roles"][ROLE]
    assert path == "/flowlogs/"
    (statement,) = trust["Statement"]
    assert (
        statement["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"} and statement["Action"] == "sts:AssumeRole"
    )
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:eu-west-1:{ACCOUNT}:vpc-flow-log/*"},
    }
    (document,) = documents.values()
    arn = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:{GROUP}"
    assert policies.missing([document], policies.LOG_ACTIONS, arn + ":log-stream:x") == []
    assert (
        policies.missing([document], ["logs:DescribeLogGroups"], f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group::x") == []
    )
    assert policies.missing([document], ["logs:PutLogEvents"], arn + "2:log-stream:x") == ["logs:PutLogEvents"]
    assert policies.missing([document], ["logs:DeleteLogGroup", "s3:PutObject"], arn) == [
        "logs:DeleteLogGroup",
        "s3:PutObject",
    ]


def test_enable_twice_changes_nothing_the_second_time(vpc, counted, state, enable):
    options = dict(vpc=vpc[0], subnet=vpc[1], eni=vpc[2], to=TO, retention=7)
    enable(**options)
    before, session = state(), counted()
    plan = enable(**options, session=session.session)
    assert not plan.changes and {step["action"] for step in plan.steps} == {"keep"} and session.writes == []
    assert state() == before and len(before["flow logs"]) == 4


def test_a_dry_run_calls_nothing_that_changes(vpc, counted, state, enable):
    before, session = state(), counted()
    plan = enable(vpc=vpc[0], to=TO, dry_run=True, session=session.session)
    assert plan.changes and not plan.applied and session.writes == [] and state() == before
    text = str(plan)
    for part in ("create", ROLE, GROUP, vpc[0], "30 fields", "2 interfaces", "USD", "2026-11-25", "for ever"):
        assert part in text
    estimate = plan.estimate
    assert estimate["quiet"]["gb_per_day"] == pytest.approx(
        2 * 50 * 1440 * estimate["bytes_per_record"] / 1e9, abs=1e-6
    )
    assert estimate["quiet"]["usd_per_day"] == pytest.approx(estimate["quiet"]["gb_per_day"] * 0.5, abs=1e-5)
    assert json.loads(json.dumps(plan.to_dict())) == plan.to_dict()


def test_the_plan_tells_what_the_choices_rule_out(vpc, aws, enable):
    aws("s3", "us-west-2").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    for options, told in [
        (dict(to=TO, traffic="reject"), "nothing of accepted traffic"),
        (dict(to=TO, interval=600), "known to ten minutes"),
        (dict(to=TO, log_class="infrequent-access"), "no subscription filters"),
        (dict(to=TO, format="default"), "without tcp-flags"),
        (dict(to="s3://bucket", parquet=True), "not lines"),
        (dict(to="s3://bucket"), "in us-west-2: traffic between regions costs extra"),
        (dict(to="s3://bucket"), "about 10 minutes"),
    ]:
        plan = enable(vpc=vpc[0], dry_run=True, **options)
        assert any(told in note for note in plan.notes), (told, plan.notes)


@pytest.mark.parametrize("case", ["cloudwatch", "s3", "recreate"])
def test_killed_after_any_call_and_run_again_it_ends_in_the_same_state(case, vpc, aws, counted, state, enable):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    key_policy = aws("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]

    def prepare():
        if case == "s3":
            aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        if case == "recreate":
            enable(vpc=vpc[0], to=TO, traffic="accept", session=whole.again())

    def clear():
        for log in aws("ec2").describe_flow_logs()["FlowLogs"]:
            aws("ec2").delete_flow_logs(FlowLogIds=[log["FlowLogId"]])
        for group in aws("logs").describe_log_groups()["logGroups"]:
            aws("logs").delete_log_group(logGroupName=group["logGroupName"])
        for role in aws("iam").list_roles()["Roles"]:
            for policy in aws("iam").list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                aws("iam").delete_role_policy(RoleName=role["RoleName"], PolicyName=policy)
            aws("iam").delete_role(RoleName=role["RoleName"])
        if case == "s3":
            aws("s3").delete_bucket(Bucket="bucket")
        aws("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=key_policy)

    options = {
        "cloudwatch": dict(vpc=vpc[0], eni=vpc[2], to=TO, retention=30, kms_key=key, role_description="for us"),
        "s3": dict(vpc=vpc[0], subnet=vpc[1], to="s3://bucket", hive=True),
        "recreate": dict(vpc=vpc[0], to=TO, retention=7),
    }[case]
    whole = counted()
    prepare()
    enable(**options, session=whole.again())
    calls, wanted = whole.calls, state(["bucket"])
    assert len(whole.writes) >= 3
    clear()
    for n in range(1, len(calls) + 1):
        prepare()
        with pytest.raises(Killed):
            enable(**options, session=whole.again(kill_after=n))
        enable(**options, session=whole.again())
        assert state(["bucket"]) == wanted, f"killed after call {n}: {calls[n - 1]}"
        clear()


def test_a_format_cannot_be_changed_so_the_flow_log_is_made_anew(vpc, aws, enable):
    first = enable(vpc=vpc[0], to=TO).flow_logs[0]["id"]
    plan = enable(vpc=vpc[0], to=TO, format="default")
    assert ("recreate", "flow log") in actions(plan) and any("read them with --format" in note for note in plan.notes)
    (detail,) = [step["detail"] for step in plan.steps if step["action"] == "recreate"]
    assert "(fields: 30 to 14, without vpc-id subnet-id instance-id tcp-flags and 12 more): a new one" in detail
    assert "another id" not in str(plan)  # which is of the names of files
    (log,) = aws("ec2").describe_flow_logs()["FlowLogs"]
    assert log["FlowLogId"] != first and log["LogFormat"].count("${") == 14


def test_tags_retention_and_description_are_changed_in_place(vpc, aws, state, enable):
    first = enable(vpc=vpc[0], to=TO, retention=30)
    plan = enable(vpc=vpc[0], to=TO, retention=90, name="new", role_description="other")
    assert {step["action"] for step in plan.steps} == {"keep", "change"}
    assert first.flow_logs[0]["id"] == plan.flow_logs[0]["id"]
    found = state()
    assert found["groups"][GROUP][0] == 90 and found["roles"][ROLE][2] == "other"
    assert {"Key": "Name", "Value": "new"} in found["flow logs"][0]["Tags"]


def test_a_policy_that_somebody_loosened_or_tightened_is_put_back(vpc, aws, state, enable):
    enable(vpc=vpc[0], to=TO)
    wanted = state()
    (name,) = aws("iam").list_role_policies(RoleName=ROLE)["PolicyNames"]
    aws("iam").put_role_policy(RoleName=ROLE, PolicyName=name, PolicyDocument=json.dumps(NOTHING))
    aws("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(NOBODY))
    plan = enable(vpc=vpc[0], to=TO)
    assert actions(plan)[:2] == [("change", "role"), ("change", "role policy")] and state() == wanted


def test_what_others_made_is_kept_and_not_changed(vpc, aws, state, enable):
    aws("logs").create_log_group(logGroupName=GROUP)
    aws("iam").create_role(
        RoleName="theirs", AssumeRolePolicyDocument=json.dumps(policies.trust("aws", ACCOUNT, ["eu-west-1"]))
    )
    fmt = fl.aws.formats.log_format(fl.aws.formats.RECOMMENDED)
    aws("ec2").create_flow_logs(ResourceIds=[vpc[0]], ResourceType="VPC", TrafficType="ALL", LogGroupName=GROUP, LogFormat=fmt,
                                DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/theirs", MaxAggregationInterval=60)  # fmt: skip
    before = state()
    plan = enable(vpc=vpc[0], to=TO)
    assert not plan.changes and "not made by flowlogs" in plan.steps[0]["detail"] and state() == before
    with pytest.raises(fl.aws.RequestError, match="was not made by flowlogs; remove it first"):
        enable(vpc=vpc[0], to=TO, format="default")
    with pytest.raises(fl.aws.RequestError, match="there is a role theirs, and it was not made by flowlogs"):
        enable(vpc=vpc[0], to="cloudwatch:other", role_name="theirs")
    assert state() == before


def test_resources_that_are_not_there_are_told_before_anything_is_made(vpc, counted, enable):
    none = "0123456789abcdef0"
    for option, prefix in [("vpc", "vpc"), ("subnet", "subnet"), ("eni", "eni"), ("tgw", "tgw"), ("tgw_attachment", "tgw-attach"),
                           ("nat_gateway", "nat")]:  # fmt: skip
        session = counted()
        with pytest.raises(fl.aws.RequestError, match=f"there is no {prefix}-{none} in eu-west-1"):
            enable(**{option: f"{prefix}-{none}"}, to=TO, session=session.session)
        assert session.writes == []


def test_destinations_that_are_not_there_are_told_before_anything_is_made(vpc, counted, enable):
    for to, told in [("s3://no-such-bucket", "there is no bucket no-such-bucket"),
                     (f"firehose:arn:aws:firehose:eu-west-1:{ACCOUNT}:deliverystream/s", "there is no Firehose stream"),
                     (f"firehose:arn:aws:firehose:eu-west-2:{ACCOUNT}:deliverystream/s", "the stream is in eu-west-2")]:  # fmt: skip
        session = counted()
        with pytest.raises(fl.aws.RequestError, match=told):
            enable(vpc=vpc[0], to=to, session=session.session)
        assert session.writes == []


def test_a_given_role_is_looked_at_and_what_it_lacks_is_named(vpc, aws, state, enable):
    arn = f"arn:aws:iam::{ACCOUNT}:role/given"
    with pytest.raises(fl.aws.RequestError, match="there is no role given"):
        enable(vpc=vpc[0], to=TO, deliver_role=arn)
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    aws("iam").create_role(RoleName="given", AssumeRolePolicyDocument=json.dumps(trust))
    with pytest.raises(fl.aws.RequestError, match="does not allow sts:AssumeRole to vpc-flow-logs.amazonaws.com"):
        enable(vpc=vpc[0], to=TO, deliver_role=arn)
    aws("iam").update_assume_role_policy(
        RoleName="given", PolicyDocument=json.dumps(policies.trust("aws", ACCOUNT, ["eu-west-1"]))
    )
    some = [action for action in policies.LOG_ACTIONS if action != "logs:PutLogEvents"]
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": some, "Resource": "*"}]}
    aws("iam").put_role_policy(RoleName="given", PolicyName="p", PolicyDocument=json.dumps(document))
    with pytest.raises(fl.aws.RequestError, match="lacks logs:PutLogEvents on"):
        enable(vpc=vpc[0], to=TO, deliver_role=arn)
    made = aws("iam").create_policy(PolicyName="more", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:Put*", "Resource": "*"}}))  # fmt: skip
    aws("iam").attach_role_policy(RoleName="given", PolicyArn=made["Policy"]["Arn"])
    before = state()["roles"]
    plan = enable(vpc=vpc[0], to=TO, deliver_role=arn)
    assert plan.applied and state()["roles"] == before


# Buckets, keys, streams


OTHERS = {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "s3:GetObject",
          "Resource": "arn:aws:s3:::bucket/*"}  # fmt: skip


def test_the_policy_of_a_bucket_is_merged_never_overwritten(vpc, aws, state, enable):
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws("s3").put_bucket_policy(
        Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Id": "x", "Statement": [OTHERS]})
    )
    plan = enable(vpc=vpc[0], to="s3://bucket")
    assert actions(plan) == [("change", "bucket policy"), ("create", "flow log"), ("check", "bucket policy")]
    policy = state(["bucket"])["bucket"]
    assert policy["Id"] == "x" and policy["Statement"][0] == OTHERS and len(policy["Statement"]) == 3
    write, check = policy["Statement"][1:]
    assert write["Resource"] == f"arn:aws:s3:::bucket/AWSLogs/{ACCOUNT}/*" and write["Action"] == "s3:PutObject"
    assert write["Condition"]["StringEquals"] == {
        "aws:SourceAccount": ACCOUNT,
        "s3:x-amz-acl": "bucket-owner-full-control",
    }
    assert check["Action"] == "s3:GetBucketAcl" and check["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert check["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:logs:eu-west-1:{ACCOUNT}:*"}
    again = enable(vpc=vpc[0], to="s3://bucket")
    assert not again.changes and state(["bucket"])["bucket"] == policy
    # Another account's folder, or another layout, is another statement; what is there stays.
    enable(subnet=vpc[1], to="s3://bucket", hive=True, hourly=True, parquet=True)
    assert len(state(["bucket"])["bucket"]["Statement"]) == 4
    assert not enable(subnet=vpc[1], to="s3://bucket", hive=True, hourly=True, parquet=True).changes


def test_a_policy_that_creating_the_flow_log_overwrote_is_put_back(vpc, aws, state, enable):
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws("s3").put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [OTHERS]}))
    theirs = {"Version": "2012-10-17", "Statement": [{**OTHERS, "Sid": "AWSLogDeliveryWrite"}]}

    def overwrite(step):
        if step.action == "check":
            aws("s3").put_bucket_policy(Bucket="bucket", Policy=json.dumps(theirs))

    enable(vpc=vpc[0], to="s3://bucket", said=overwrite)
    sids = [statement["Sid"][:8] for statement in state(["bucket"])["bucket"]["Statement"]]
    assert sids == ["AWSLogDe", "Theirs", "Flowlogs", "Flowlogs"]


def test_a_policy_that_would_be_too_long_is_refused(vpc, aws, counted, enable):
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    many = [{**OTHERS, "Sid": f"s{i}", "Resource": f"arn:aws:s3:::bucket/{'x' * 200}/{i}"} for i in range(60)]
    aws("s3").put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": many}))
    session = counted()
    with pytest.raises(fl.aws.RequestError, match="at most 20,480 are possible"):
        enable(vpc=vpc[0], to="s3://bucket", session=session.session)
    assert session.writes == []


def test_the_bucket_of_another_account_is_its_owners_to_change(vpc, counted, enable):
    session = counted()
    plan = enable(
        vpc=vpc[0], to="s3://theirs", destination_account="999999999999", dry_run=True, session=session.session
    )
    assert actions(plan) == [("create", "flow log")] and not any(service == "s3" for service, _ in session.calls)
    statements = plan.policies["statements for the policy of the bucket theirs"]
    assert [statement["Action"] for statement in statements] == ["s3:PutObject", "s3:GetBucketAcl"]
    assert any("its owner has to add" in note for note in plan.notes)


def encrypt(aws, key):
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    aws("s3").put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration={"Rules": [rule]})


def test_the_key_of_a_bucket_lets_the_delivery_encrypt(vpc, aws, enable):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    encrypt(aws, key)
    before = json.loads(aws("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    plan = enable(vpc=vpc[0], to="s3://bucket", kms_key=key)
    assert ("change", "key policy") in actions(plan)
    after = json.loads(aws("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    assert after["Statement"][:-1] == before["Statement"]
    added = after["Statement"][-1]
    assert (
        added["Principal"] == {"Service": "delivery.logs.amazonaws.com"} and "kms:GenerateDataKey*" in added["Action"]
    )
    assert added["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert not enable(vpc=vpc[0], to="s3://bucket").changes


def test_a_bucket_whose_key_is_no_arn_is_refused(vpc, aws, counted, enable):
    encrypt(aws, "1234abcd-12ab-34cd-56ef-1234567890ab")
    session = counted()
    with pytest.raises(fl.aws.RequestError, match="not the ARN of a key; flow logs cannot be delivered so"):
        enable(vpc=vpc[0], to="s3://bucket", session=session.session)
    with pytest.raises(fl.aws.RequestError, match="encrypts with"):
        enable(vpc=vpc[0], to="s3://bucket", kms_key=f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/other")
    assert session.writes == []


def test_a_folder_that_the_emulator_does_not_take_is_an_error_that_names_the_resource(vpc, aws, enable):
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(
        fl.aws.AwsError, match=f"create the flow log of {vpc[0]}: LogDestination: bucket/a/ does not exist"
    ):
        enable(vpc=vpc[0], to="s3://bucket/a")


def test_a_firehose_stream_must_take_what_is_put_directly(vpc, aws, enable):
    aws("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    target = {"RoleARN": f"arn:aws:iam::{ACCOUNT}:role/r", "BucketARN": "arn:aws:s3:::bucket"}
    source = aws("kinesis").create_stream(StreamName="k", ShardCount=1) and {
        "KinesisStreamARN": f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/k", "RoleARN": target["RoleARN"]}  # fmt: skip
    firehose = aws("firehose")
    direct = firehose.create_delivery_stream(
        DeliveryStreamName="d", DeliveryStreamType="DirectPut", ExtendedS3DestinationConfiguration=target
    )
    other = firehose.create_delivery_stream(DeliveryStreamName="o", DeliveryStreamType="KinesisStreamAsSource",
                                            KinesisStreamSourceConfiguration=source, ExtendedS3DestinationConfiguration=target)  # fmt: skip
    plan = enable(vpc=vpc[0], to="firehose:" + direct["DeliveryStreamARN"])
    assert actions(plan) == [("keep", "Firehose stream"), ("create", "flow log")]
    with pytest.raises(fl.aws.RequestError, match="source is Direct PUT"):
        enable(vpc=vpc[0], to="firehose:" + other["DeliveryStreamARN"])


def test_firehose_of_another_account_tells_the_policies_of_both_roles(vpc, enable):
    cross = "arn:aws:iam::999999999999:role/AWSLogDeliveryFirehoseCrossAccountRole1"
    mine = f"arn:aws:iam::{ACCOUNT}:role/mine"
    plan = enable(vpc=vpc[0], to="firehose:arn:aws:firehose:eu-west-1:999999999999:deliverystream/s", deliver_role=mine,
                         cross_account_role=cross, dry_run=True)  # fmt: skip
    assert plan.policies[f"trust policy of {cross}"]["Statement"][0]["Principal"] == {"AWS": mine}
    assert "firehose:TagDeliveryStream" in str(plan.policies[f"permissions of {cross}"])
    assert "iam:PassRole" in str(plan.policies[f"permissions of {mine}"])


def test_transit_gateways_have_their_own_format_and_no_traffic_type(aws, enable):
    tgw = aws("ec2").create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    plan = enable(tgw=tgw, to=TO)
    assert plan.applied
    (log,) = aws("ec2").describe_flow_logs()["FlowLogs"]
    assert log["ResourceId"] == tgw and "TrafficType" not in log and "${tgw-id}" in log["LogFormat"]
    assert not enable(tgw=tgw, to=TO).changes


# Waiting, and what went wrong


def test_wait_ends_when_records_arrive(vpc, aws, enable, monkeypatch):
    sleep = time.sleep

    def deliver(_):
        """The first records come while it waits for the second look."""
        monkeypatch.setattr(time, "sleep", sleep)
        sleep(1)
        aws("logs").create_log_stream(logGroupName=GROUP, logStreamName=vpc[2][0] + "-all")
        event = {"timestamp": int(time.time() * 1000), "message": "2 - - - - - - - - - - - - NODATA"}
        aws("logs").put_log_events(logGroupName=GROUP, logStreamName=vpc[2][0] + "-all", logEvents=[event])

    enable(vpc=vpc[0], to=TO)
    monkeypatch.setattr(time, "sleep", deliver)
    plan = enable(vpc=vpc[0], to=TO, wait=20)
    assert plan.waited_seconds >= 1 and time.sleep is sleep
    with pytest.raises(fl.aws.AwsError, match="no record arrived in 0 s"):
        enable(vpc=vpc[0], to="cloudwatch:empty", wait=0.1)


def test_a_delivery_that_fails_is_explained_by_what_is_missing(vpc, aws, enable):
    enable(vpc=vpc[0], to=TO)
    aws("iam").put_role_policy(RoleName=ROLE, PolicyName=aws("iam").list_role_policies(RoleName=ROLE)["PolicyNames"][0],
                               PolicyDocument=json.dumps(NOTHING))  # fmt: skip
    aws("logs").delete_log_group(logGroupName=GROUP)
    log = facts.flow_logs(fl.aws.Session())[0]
    log.status, log.error = "FAILED", "Access error"
    told = fl.aws.arrival.told(fl.aws.Session(), log)
    assert told.startswith("Access error: there is no log group /vpc/flow-logs; the role")
    assert "lacks logs:CreateLogGroup, logs:CreateLogStream" in told and "logs:PutLogEvents" in told


def test_a_failed_delivery_ends_enable_with_an_error(vpc, aws, enable):
    fmt = fl.aws.formats.log_format(fl.aws.formats.RECOMMENDED)
    aws("ec2").create_flow_logs(ResourceIds=[vpc[0]], ResourceType="VPC", TrafficType="ALL", LogGroupName=GROUP, LogFormat=fmt,
                                DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/none", MaxAggregationInterval=60)  # fmt: skip
    with pytest.raises(
        fl.aws.AwsError, match="Access error: there is no log group /vpc/flow-logs; there is no role none"
    ):
        enable(vpc=vpc[0], to=TO)
