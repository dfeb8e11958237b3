"""Switched off: what enable made, and nothing else; twice, and killed at every call."""

import json
import time

import pytest

import flowlogs as fl
from .aws_killed import Killed

ACCOUNT = "123456789012"
TO = "cloudwatch:/vpc/flow-logs"
OTHERS = {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "s3:GetObject",
          "Resource": "arn:aws:s3:::bucket/*"}  # fmt: skip


@pytest.fixture
def bucket(aws):
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws("s3").put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [OTHERS]}))
    return "bucket"


@pytest.fixture
def theirs(aws, vpc):
    """A flow log, a role and a group that others made."""
    aws("logs").create_log_group(logGroupName="theirs")
    aws("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument="{}")
    aws("ec2").create_flow_logs(ResourceIds=[vpc[0]], ResourceType="VPC", TrafficType="ALL", LogGroupName="theirs",
                                DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/theirs")  # fmt: skip


@pytest.fixture
def disable(counted):
    return lambda **options: fl.aws.disable(**{"session": counted().session, **options})


def test_disable_removes_what_enable_made_and_nothing_else(vpc, theirs, bucket, enable, disable, state, aws):
    before = state([bucket])
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    policy = aws("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    enable(vpc=vpc[0], subnet=vpc[1], to=TO, retention=7, kms_key=key)
    enable(vpc=vpc[0], to="s3://bucket", hive=True)
    plan = disable(vpc=vpc[0], subnet=vpc[1])
    assert plan.applied and state([bucket]) == before
    assert json.loads(aws("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]) == json.loads(policy)
    assert ("keep", "flow log") in [(step["action"], step["kind"]) for step in plan.steps]
    again = disable(vpc=vpc[0], subnet=vpc[1])
    assert not again.changes and state([bucket]) == before


def test_what_is_shared_goes_with_the_last_flow_log(vpc, bucket, enable, disable, state):
    for to in (TO, "s3://bucket"):
        enable(vpc=vpc[0], subnet=vpc[1], to=to)
    both = state([bucket])
    disable(subnet=vpc[1])
    one = state([bucket])
    assert len(one["flow logs"]) == 2 and {**both, "flow logs": 0} == {**one, "flow logs": 0}
    disable(vpc=vpc[0])
    left = state([bucket])
    assert left["flow logs"] == [] and left["roles"] == left["groups"] == {} and left[bucket]["Statement"] == [OTHERS]


def test_a_group_that_others_made_or_use_stays(vpc, aws, enable, disable, state):
    aws("logs").create_log_group(logGroupName="theirs")
    enable(vpc=vpc[0], to="cloudwatch:theirs")
    enable(vpc=vpc[0], to=TO)
    aws("ec2").create_flow_logs(ResourceIds=[vpc[1]], ResourceType="Subnet", TrafficType="ALL", LogGroupName="/vpc/flow-logs",
                                DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/x")  # fmt: skip
    plan = disable(everything=True)
    reasons = {step["name"]: step["detail"] for step in plan.steps if step["action"] == "keep"}
    assert reasons == {"theirs": "it was not made by flowlogs", "/vpc/flow-logs": "other flow logs deliver into it"} | {
        step["name"]: step["detail"] for step in plan.steps if step["kind"] == "flow log" and step["action"] == "keep"}  # fmt: skip
    found = state()
    assert (
        set(found["groups"]) == {"theirs", "/vpc/flow-logs"} and len(found["flow logs"]) == 1 and found["roles"] == {}
    )


def test_keep_logs_keeps_the_records(vpc, enable, disable, state):
    enable(vpc=vpc[0], to=TO)
    plan = disable(vpc=vpc[0], keep_logs=True, dry_run=True)
    assert not any("are lost" in note for note in plan.notes)
    assert any("are lost" in note for note in disable(vpc=vpc[0], dry_run=True).notes)
    disable(vpc=vpc[0], keep_logs=True)
    assert set(state()["groups"]) == {"/vpc/flow-logs"} and state()["roles"] == {}


@pytest.mark.parametrize("how", ["vpc", "to", "everything"])
def test_killed_after_any_call_and_run_again_it_ends_in_the_same_state(how, vpc, bucket, enable, counted, state):
    empty = state([bucket])
    options = {"vpc": {"vpc": vpc[0]}, "to": {"to": TO}, "everything": {"everything": True}}[how]
    both = how != "to"

    def prepare():
        enable(vpc=vpc[0], to=TO)
        if both:
            enable(vpc=vpc[0], to="s3://bucket")

    prepare()
    session = counted()
    fl.aws.disable(**options, session=session.again())
    calls = session.calls
    assert state([bucket]) == empty and len(session.writes) >= 4
    for n in range(1, len(calls) + 1):
        prepare()
        with pytest.raises(Killed):
            fl.aws.disable(**options, session=session.again(kill_after=n))
        fl.aws.disable(**options, session=session.again())
        assert state([bucket]) == empty, f"killed after call {n}: {calls[n - 1]}"


@pytest.mark.parametrize("options", [{"everything": True}, {"to": TO}])
def test_disable_also_removes_what_an_enable_left_that_was_killed(options, vpc, enable, counted, state):
    empty, session = state(), counted()
    enable(vpc=vpc[0], to=TO)
    fl.aws.disable(everything=True, session=session.again())
    for n in range(1, 40):
        try:
            fl.aws.enable(vpc=vpc[0], to=TO, session=session.again(kill_after=n))
        except Killed:
            fl.aws.disable(**options, session=session.again())
            assert state() == empty, f"killed after call {n}"
        else:
            break
    assert n > 10


def test_nothing_is_switched_off_unless_it_is_named(counted):
    for options, told in [({}, "nothing is named"), ({"vpc": "vpc-1"}, "is no id of a VPC"),
                          ({"everything": True, "vpc": "vpc-12345678"}, "give either")]:  # fmt: skip
        session = counted()
        with pytest.raises(fl.aws.RequestError, match=told):
            fl.aws.disable(**options, session=session.session)
        assert session.calls == []


def test_what_the_lab_made_is_of_lab_down_unless_it_is_named(vpc, aws, enable, disable, state):
    plain = state()
    enable(vpc=vpc[0], to="cloudwatch:/lab", tags={"flowlogs:lab": "tutorial"})
    before = state()
    enable(vpc=vpc[0], to=TO)
    plan = disable(everything=True)
    assert state() == before
    (kept,) = [step for step in plan.steps if step["action"] == "keep"]
    assert kept["kind"] == "flow log" and "`flowlogs lab down` removes it" in kept["detail"]
    aws("ec2").delete_flow_logs(FlowLogIds=[log["FlowLogId"] for log in aws("ec2").describe_flow_logs()["FlowLogs"]])
    assert not disable(everything=True).changes and state()["roles"] == before["roles"]  # of a lab that is half down
    disable(to="cloudwatch:/lab")
    assert state() == plain


# Status and streams


def test_the_report_of_status_says_format_interval_destination_and_the_last_event_of_each_stream(vpc, aws, enable, counted):
    enable(vpc=vpc[0], to=TO, traffic="reject", interval=600, format="default")
    aws("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    (log,) = [one for one in enable(vpc=vpc[0], to="s3://bucket", parquet=True).flow_logs]
    now = int(time.time())
    for i in range(12):
        aws("logs").create_log_stream(logGroupName="/vpc/flow-logs", logStreamName=f"eni-{i:08x}-reject")
        event = {"timestamp": (now - 100 - 60 * i) * 1000, "message": "x"}
        aws("logs").put_log_events(logGroupName="/vpc/flow-logs", logStreamName=f"eni-{i:08x}-reject", logEvents=[event])
    name = f"{ACCOUNT}_vpcflowlogs_eu-west-1_{log['id']}_%Y%m%dT%H%MZ_0123abcd.log.parquet"
    key = time.strftime(f"AWSLogs/{ACCOUNT}/vpcflowlogs/eu-west-1/%Y/%m/%d/{name}", time.gmtime())
    aws("s3").put_object(Bucket="bucket", Key=key, Body=b"x" * 10**6)
    found = fl.aws.status(session=counted().session)
    text = found.to_text(width=80)
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    assert f"reject traffic, every 600 s, 14 fields (default), to {TO}" in words
    assert "all traffic, every 60 s, 30 fields (recommended), parquet, to s3://bucket" in words
    assert "eni-00000000-reject" in words and "10 min ago" in words and "eni-0000000a" not in words
    assert "and 2 more: `flowlogs aws streams /vpc/flow-logs`" in words
    assert "12 streams, GB a day not told by CloudWatch's metrics" in words
    assert "newest file" in words and "1.00 MB in the last day, at least 0.00025 USD" in words
    (bucket,) = [place for place in found.destinations if place["kind"] == "s3"]
    assert bucket["usd_per_day"] == pytest.approx(0.00025)


def test_status_tells_every_resource_against_the_flow_logs_that_cover_it(vpc, aws, enable, counted):
    made, subnet, enis = vpc
    tgw = aws("ec2").create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    enable(subnet=subnet, to=TO, traffic="reject")
    found = fl.aws.status(session=counted().session)
    (log,) = found.flow_logs
    assert (log["resource"], log["traffic"], log["interval"], log["destination"], log["status"]) == (
        subnet,
        "reject",
        60,
        TO,
        "SUCCESS",
    )
    assert log["recommended"] and log["ours"] and log["error"] is None
    by_id = {one["id"]: one for one in found.resources}
    assert (
        by_id[made]["covered_by"] == [] and by_id[subnet]["covered_by"] == [log["id"]] == by_id[enis[0]]["covered_by"]
    )
    assert by_id[subnet]["traffic"] == "reject" and (by_id[made]["interfaces"], by_id[made]["interfaces_covered"]) == (
        2,
        2,
    )
    assert tgw in found.not_covered and subnet not in found.not_covered and made not in found.not_covered
    default = next(v["VpcId"] for v in aws("ec2").describe_vpcs()["Vpcs"] if v["IsDefault"])
    assert default in found.not_covered
    text = str(found)
    assert "nothing has arrived yet" in text and default in text and "2 of 2" in text
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_status_explains_a_delivery_that_fails(vpc, aws, enable, counted):
    enable(vpc=vpc[0], to=TO)
    aws("ec2").create_flow_logs(ResourceIds=[vpc[1]], ResourceType="Subnet", TrafficType="ALL", LogGroupName="none",
                                DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/none")  # fmt: skip
    found = fl.aws.status(session=counted().session)
    failed = next(log for log in found.flow_logs if log["resource"] == vpc[1])
    assert (
        failed["status"] == "FAILED"
        and failed["error"] == "Access error: there is no log group none; there is no role none"
    )
    assert "there is no role none" in " ".join(str(found).split())
    assert f"1 flow log that delivers nothing: {failed['id']}" in str(found)


def test_streams_are_one_for_each_interface_the_newest_first(vpc, aws, enable, counted):
    enable(vpc=vpc[0], to=TO)
    now = int(time.time())
    for i, eni in enumerate(vpc[2]):
        aws("logs").create_log_stream(logGroupName="/vpc/flow-logs", logStreamName=eni + "-all")
        event = {"timestamp": (now - 100 + i) * 1000, "message": "x"}
        aws("logs").put_log_events(logGroupName="/vpc/flow-logs", logStreamName=eni + "-all", logEvents=[event])
    found = fl.aws.streams("/vpc/flow-logs", session=counted().session)
    assert [stream["interface"] for stream in found] == vpc[2][::-1]
    assert found[0]["last_event"] == now - 99 and found[0]["stream"] == vpc[2][1] + "-all"
    status = fl.aws.status(session=counted().session)
    assert status.destinations[0]["last_event"] == now - 99 and status.destinations[0]["streams"] == 2
    with pytest.raises(fl.aws.AwsError, match="list the streams of none"):
        fl.aws.streams("none", session=counted().session)


def test_the_policy_that_a_bucket_lacks_is_named(vpc, bucket, aws, enable):
    enable(vpc=vpc[0], to="s3://bucket")
    session = fl.aws.Session()
    log = fl.aws.facts.flow_logs(session)[0]
    assert fl.aws.diagnose.faults(session, log) == []
    aws("s3").put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [OTHERS]}))
    assert fl.aws.diagnose.faults(session, log) == [
        "the policy of the bucket bucket lacks s3:PutObject for delivery.logs.amazonaws.com",
        "the policy of the bucket bucket lacks s3:GetBucketAcl for delivery.logs.amazonaws.com",
    ]
    aws("s3").delete_bucket_policy(Bucket="bucket")
    aws("s3").delete_bucket(Bucket="bucket")
    assert fl.aws.diagnose.faults(session, log) == ["there is no bucket bucket"]


def test_inventory_writes_what_aws_says_with_account_region_caller_and_time(vpc, enable, counted, tmp_path):
    enable(vpc=vpc[0], to=TO)
    session = counted()
    manifest = fl.aws.inventory(str(tmp_path / "a" / "b"), session=session.session)
    assert manifest["missing"] == {} and session.writes == [] and manifest["files"]["network-interfaces"] == 2
    read = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "a" / "b").iterdir()}
    assert set(read) == {"manifest", *manifest["files"]} and read["manifest"] == manifest
    with pytest.raises(fl.aws.AwsError, match="nothing could be listed, and .* is as it was: list flow logs: "):
        fl.aws.inventory(str(tmp_path / "a" / "b"), region="eu-west-9")  # of which moto answers with a page
    assert {path.stem: json.loads(path.read_text()) for path in (tmp_path / "a" / "b").iterdir()} == read
    interfaces = read["network-interfaces"]
    assert {item["NetworkInterfaceId"] for item in interfaces["items"]} == set(vpc[2])
    assert (interfaces["account"], interfaces["region"], interfaces["call"]) == (
        ACCOUNT,
        "eu-west-1",
        "ec2:DescribeNetworkInterfaces",
    )
    assert read["flow-logs"]["items"][0]["ResourceId"] == vpc[0] and interfaces["time"] >= manifest["time"]
