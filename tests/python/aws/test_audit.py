"""Audits of logs on AWS: how buckets and log groups keep them, what there is to be logged, and packs of objects and events."""

import gzip
import hashlib
import json
import time

import pytest

import flowlogs as fl
from flowlogs import evidence
from flowlogs.aws import facts
from flowlogs.aws.caller_policy import caller_policy

from . import delivery as made
from .conftest import ACCOUNT, REGION

DAY = 86400
NOW = int(time.time())
BUCKET = "vpc-logs"


@pytest.fixture
def logs(aws):
    return made.Delivery(aws)


@pytest.fixture
def audited(counted):
    """The audit of a source, by a session that all tests share: to make a client takes longer than all that it is asked."""
    session = counted().session

    def run(source, **options):
        return fl.scan(source, aws=session).audit(aws=session, **options)

    return run


@pytest.fixture
def verified(counted):
    session = counted().session
    return lambda pack: evidence.verify(pack, sources=True, aws=session)


def fill(logs, days=400, step=1):
    """Records of each day, up to now."""
    logs.file(NOW - 300, lines=[line for day in range(0, days, step) for line in logs.records.make(1, NOW - day * DAY - 300)])


def control(answer, number):
    (row,) = [row for row in answer.controls if row["control"] == number]
    return row


def expire(aws, days, prefix="", status="Enabled", **more):
    rule = {"ID": "r", "Status": status, "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}, **more}
    aws("s3").put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]})


def test_facts_of_a_bucket_come_with_call_and_time(aws, logs, audited):
    logs.file(NOW - 300)
    (place,) = audited("s3://vpc-logs").places
    assert place["place"] == "s3://vpc-logs" and place["keeps_days"] is None
    assert {name: fact["call"] for name, fact in place["facts"].items()} == {
        "versioning": "s3:GetBucketVersioning",
        "object_lock": "s3:GetObjectLockConfiguration",
        "lifecycle": "s3:GetBucketLifecycleConfiguration",
        "encryption": "s3:GetBucketEncryption",
        "public_access_block": "s3:GetPublicAccessBlock",
    }
    assert all(NOW <= fact["time"] <= time.time() and "error" not in fact for fact in place["facts"].values())


@pytest.mark.parametrize("state, status", [("none", "FAIL"), ("versioning", "WARN"), ("GOVERNANCE", "WARN"), ("COMPLIANCE", "PASS")])
def test_what_protects_the_bucket_decides_whether_files_can_be_modified(aws, state, status, audited):
    logs = made.Delivery(aws, bucket=f"locked-{state.lower()}") if state in ("GOVERNANCE", "COMPLIANCE") else made.Delivery(aws)
    if state == "versioning":
        aws("s3").put_bucket_versioning(Bucket=logs.bucket, VersioningConfiguration={"Status": "Enabled"})
    elif state != "none":
        aws("s3").delete_bucket(Bucket=logs.bucket)
        aws("s3").create_bucket(Bucket=logs.bucket, ObjectLockEnabledForBucket=True,
                                CreateBucketConfiguration={"LocationConstraint": REGION})  # fmt: skip
        rule = {"DefaultRetention": {"Mode": state, "Days": 365}}
        aws("s3").put_object_lock_configuration(
            Bucket=logs.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
    logs.file(NOW - 300)
    row = control(audited(f"s3://{logs.bucket}"), "10.3.2")
    assert row["status"] == status and "s3:GetObjectLockConfiguration, 20" in row["why"]


@pytest.mark.parametrize(
    "days, rule, status",
    [
        (400, None, "PASS"),
        (400, {"days": 400}, "PASS"),
        (400, {"days": 90}, "FAIL"),
        (400, {"days": 90, "prefix": "other/"}, "PASS"),
        (400, {"days": 90, "status": "Disabled"}, "PASS"),
        (400, {"days": 400, "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]}, "WARN"),
        (100, {"days": 400}, "WARN"),  # it would keep them; no record is so old
    ],
)
def test_retention_is_the_oldest_record_and_how_the_bucket_expires(aws, logs, days, rule, status, audited):
    fill(logs, days)
    if rule is not None:
        expire(aws, **rule)
    answer = audited("s3://vpc-logs")
    row = control(answer, "10.5.1")
    assert row["status"] == status, row
    oldest = answer.retention["oldest"]
    assert oldest["age_days"] == days - 1 and oldest["record"] and oldest["source"].startswith("s3://vpc-logs/")
    assert oldest["record"].split()[10] == str(oldest["time"])


def test_a_hole_in_the_last_three_months_is_no_pass(aws, logs, audited):
    fill(logs, 400, step=2)
    row = control(audited("s3://vpc-logs"), "10.5.1")
    assert row["status"] == "WARN" and "have no record" in row["why"]


@pytest.mark.parametrize("days, status", [(None, "WARN"), (400, "WARN"), (30, "FAIL")])
def test_retention_of_a_log_group(aws, logs, days, status, audited):
    logs.group("/vpc/flow")
    if days:
        aws("logs").put_retention_policy(logGroupName="/vpc/flow", retentionInDays=days)
    logs.events("/vpc/flow", "eni-0a-all", logs.records.make(5, NOW - 600), NOW - 600)
    answer = audited("cloudwatch:///vpc/flow")
    (place,) = answer.places
    assert place["keeps_days"] == days and place["facts"]["retention"]["call"] == "logs:DescribeLogGroups"
    row = control(answer, "10.5.1")
    assert row["status"] == status and ("for ever" if days is None else f"for {days} days") in row["why"]
    assert answer.retention["oldest"]["record"]
    assert control(answer, "10.3.2")["status"] == "MANUAL"


def test_the_population_is_asked_for_and_vpcs_without_a_flow_log_fail(aws, logs, vpc, enable, audited):
    made_vpc, _, _ = vpc
    for item in aws("ec2").describe_vpcs()["Vpcs"]:
        if item["VpcId"] != made_vpc:
            enable(vpc=item["VpcId"], to="cloudwatch:/vpc/all")
    logs.file(NOW - 300)
    answer = audited("s3://vpc-logs")
    people = answer.population
    assert people["source"] == "aws" and answer.caller.startswith("arn:aws:")
    assert [(one["call"], one["account"], one["region"]) for one in people["lists"]["vpcs"]] == [("ec2:DescribeVpcs", ACCOUNT, REGION)]
    row = control(answer, "3.7")
    assert row["status"] == "FAIL" and f"{made_vpc} without a flow log" in row["why"]
    enable(vpc=made_vpc, to="cloudwatch:/vpc/all")
    row = control(audited("s3://vpc-logs"), "3.7")
    assert row["status"] == "PASS" and "ec2:DescribeVpcs of 123456789012 in eu-west-1, 20" in row["why"]


def test_rules_that_admit_everybody_fail(aws, logs, vpc, audited):
    logs.file(NOW - 300)
    group = aws("ec2").create_security_group(GroupName="g", Description="g", VpcId=vpc[0])["GroupId"]
    assert control(audited("s3://vpc-logs"), "5.3")["status"] == "PASS"
    aws("ec2").authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=20, ToPort=30, CidrIp="0.0.0.0/0")
    row = control(audited("s3://vpc-logs"), "5.3")
    assert row["status"] == "FAIL" and f"{group} admits 0.0.0.0/0 to port 22" in row["why"]
    # The ACLs that there are by default admit everybody.
    assert control(audited("s3://vpc-logs"), "5.2")["status"] == "WARN"


def test_what_may_not_be_asked_is_manual_and_names_the_permission(aws, logs, restricted, enforced):
    logs.file(NOW - 300)
    session, give = restricted
    give('{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}]}')
    enforced(True)
    answer = fl.scan("s3://vpc-logs", aws=session.session).audit(aws=session.session)
    for number, permission in (("3.7", "ec2:DescribeFlowLogs"), ("10.3.2", "s3:GetBucketVersioning"), ("10.5.1", "s3:GetLifecycleConfiguration")):
        row = control(answer, number)
        assert row["status"] == "MANUAL" and permission in row["why"], row
    assert not any(row["status"] == "PASS" for row in answer.controls if row["control"] != "10.2.2")


@pytest.mark.parametrize("url, to", [("s3://vpc-logs", "s3://vpc-logs"), ("cloudwatch:///g", "cloudwatch:/g")], ids=["s3", "cloudwatch"])
def test_the_policy_for_audits_is_enough_and_each_action_is_needed(aws, logs, restricted, enforced, url, to):
    logs.file(NOW - 300)
    logs.group("/g")
    logs.events("/g", "eni-0a-all", logs.records.make(5, NOW - 600), NOW - 600)
    policies = [caller_policy(verb, "aws", ACCOUNT, REGION, facts.destination_of(to)) for verb in ("read", "audit")]
    session, give = restricted

    def errors(without=None):
        statements = [statement for policy in policies for statement in policy["Statement"]]
        allowed = [{"Effect": "Allow", "Resource": "*", "Action": kept}
                   for one in statements if (kept := [action for action in one["Action"] if action != without])]  # fmt: skip
        give(json.dumps({"Version": "2012-10-17", "Statement": allowed}))
        enforced(True)
        try:
            answer = fl.scan(url, aws=session.session).audit(aws=session.again())
        finally:
            enforced(False)
        told = [*answer.population["missing"].values()]
        return " ".join(told + [fact["error"] for place in answer.places for fact in place["facts"].values() if "error" in fact])

    # moto looks for s3:ListBucket where AWS wants these of S3, and allows GetCallerIdentity to everybody.
    assert errors() == ""
    needed = {action for statement in policies[1]["Statement"] for action in statement["Action"]}
    needed -= {"s3:GetEncryptionConfiguration", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketPublicAccessBlock", "sts:GetCallerIdentity"}
    # Without these the format of a log group is told by its records alone, with a warning.
    needed -= {"ec2:DescribeFlowLogs", "ec2:DescribeNetworkInterfaces"} if to.startswith("cloudwatch") else set()
    assert len(needed) >= 4
    for action in sorted(needed):
        assert f"the permission {action} is missing" in errors(without=action), action


def test_files_on_a_disk_ask_nobody_unless_a_caller_is_named(aws, logs, vpc, tmp_path, counted):
    log = tmp_path / "flow.log"
    log.write_bytes(fl.generate(records=20))
    session = counted()
    assert fl.scan(log).audit().population["source"] == "records" and session.calls == []
    answer = fl.scan(log).audit(aws=session.session)
    assert answer.population["source"] == "aws" and answer.places == []
    assert ("ec2", "DescribeNetworkInterfaces") in session.calls and session.writes == []
    assert control(answer, "10.2.1")["status"] in ("FAIL", "WARN", "PASS")


def test_a_pack_of_objects_has_etag_version_and_hash(aws, logs, tmp_path, audited, verified):
    aws("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    urls = [logs.file(NOW - 300 * i) for i in range(1, 4)]
    audited("s3://vpc-logs", pack=tmp_path / "e.zip")
    found = verified(tmp_path / "e.zip")
    assert found["problems"] == [] and found["sources_checked"] == 3
    sources = {source["key"]: source for source in found["manifest"]["sources"]}
    assert sorted(sources) == sorted(urls)
    for url, source in sources.items():
        held = aws("s3").get_object(Bucket=BUCKET, Key=url.partition(f"{BUCKET}/")[2])
        body = held["Body"].read()
        assert source["sha256"] == hashlib.sha256(body).hexdigest() and source["size"] == len(body)
        assert source["etag"] == held["ETag"].strip('"') and source["version"] == held["VersionId"] and source["records"] == 10
    assert {"s3:GetBucketVersioning", "ec2:DescribeVpcs"} <= {call["call"] for call in found["manifest"]["calls"]}
    assert found["manifest"]["caller"].startswith("arn:aws:")

    # A version that was read is there when another one is put over it; when it is gone, that is told.
    key = urls[0].partition(f"{BUCKET}/")[2]
    aws("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(b"another"))
    assert verified(tmp_path / "e.zip")["problems"] == []
    aws("s3").delete_object(Bucket=BUCKET, Key=key, VersionId=sources[urls[0]]["version"])
    (problem,) = verified(tmp_path / "e.zip")["problems"]
    assert key in problem


def test_an_object_that_is_changed_meanwhile_gives_no_pack(aws, logs, tmp_path):
    url = logs.file(NOW - 300)
    session = fl.aws.Session()
    packing = evidence.Packing(tmp_path / "e.zip", [url], session, (None, None))
    answer = fl.scan(url).audit()
    aws("s3").put_object(Bucket=BUCKET, Key=url.partition(f"{BUCKET}/")[2], Body=b"x")
    with pytest.raises(fl.Error, match="changed while it was audited"):
        packing.write(answer, [url])
    assert not (tmp_path / "e.zip").exists()


def test_a_pack_of_a_log_group_hashes_the_events(aws, logs, tmp_path, audited, verified):
    logs.group("/vpc/flow")
    for stream in ("eni-0a-all", "eni-0b-all"):
        logs.events("/vpc/flow", stream, logs.records.make(7, NOW - 600), NOW - 600)
    audited("cloudwatch:///vpc/flow", pack=tmp_path / "pack")
    found = verified(tmp_path / "pack")
    assert found["problems"] == []
    assert [(source["key"], source["events"], source["records"]) for source in found["manifest"]["sources"]] == [
        (f"cloudwatch:///vpc/flow?stream={stream}", 7, 7) for stream in ("eni-0a-all", "eni-0b-all")
    ]
    logs.events("/vpc/flow", "eni-0a-all", logs.records.make(1, NOW - 500), NOW - 500)
    (problem,) = verified(tmp_path / "pack")["problems"]
    assert "eni-0a-all" in problem


def test_the_command_audits_a_bucket(aws, logs, command, tmp_path):
    logs.file(NOW - 300)
    ran = command("audit", "s3://vpc-logs", "--pack", tmp_path / "e.zip", "--controls", "pci-dss-4")
    assert ran.returncode == 1 and "neither Object Lock nor versioning" in ran.stdout
    assert "s3          s3://vpc-logs: versioning off, no Object Lock" in ran.stdout
    assert command("audit", "verify", tmp_path / "e.zip", "--sources", "--region", REGION).returncode == 0


def test_an_inventory_of_aws_tells_the_command_what_there_is(aws, vpc, command, tmp_path):
    log = tmp_path / "flow.log"
    log.write_bytes(fl.generate(records=20))
    assert command("aws", "inventory", "-o", tmp_path / "inventory").returncode == 0
    ran = command("audit", "--inventory", tmp_path / "inventory", "--controls", "cis-aws", "--pack", tmp_path / "e.zip", log)
    assert ran.returncode == 1 and "without a flow log of the VPC (ec2:DescribeVpcs of 123456789012 in eu-west-1, 20" in ran.stdout
    assert evidence.verify(tmp_path / "e.zip", sources=True)["problems"] == []
