"""What AWS would refuse is refused before the first call, each rule by itself; emulators take most of it."""

import boto3
import pytest

import flowlogs as fl
from flowlogs.aws import formats, rules, to_cloudwatch, wish
from flowlogs.aws.session import Session

VPC = "vpc-0123456789abcdef0"
TGW = "tgw-0123456789abcdef0"
STREAM = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/s"
OTHER_STREAM = "arn:aws:firehose:eu-west-1:999999999999:deliverystream/s"
ROLE = "arn:aws:iam::123456789012:role/r"
CROSS = "arn:aws:iam::999999999999:role/AWSLogDeliveryFirehoseCrossAccountRole1"
DEFAULT = {"vpc": VPC, "to": "cloudwatch:/g"}

REFUSED = {
    # Rows of the table of what emulators let through.
    "an unknown field": ({"format": "${version} ${nope}"}, "--format: 'nope' is no field"),
    "a field that is nearly one": ({"format": "${version} ${srcadr}"}, "did you mean srcaddr?"),
    "an unknown traffic type": ({"traffic": "WRONG"}, "--traffic: 'WRONG'"),
    "600 seconds for a transit gateway": ({"vpc": None, "tgw": TGW, "interval": 600}, "take 60"),
    "a traffic type for a transit gateway": ({"vpc": None, "tgw": TGW, "traffic": "all"}, "transit gateway has no accepted"),
    "an interval of 30 s": ({"interval": 30}, "--interval: 30 s"),
    "a retention of 8 days": ({"retention": 8}, "take 7"),
    "parquet to CloudWatch": ({"parquet": True}, "only S3 has"),
    "hive to Firehose": ({"to": "firehose:" + STREAM, "hive": True}, "only S3 has"),
    "the folder AWSLogs": ({"to": "s3://bucket/AWSLogs/"}, "the folder AWSLogs is AWS's own"),
    "the folder AWSLogs below another": ({"to": "s3://bucket/a/AWSLogs"}, "the folder AWSLogs is AWS's own"),
    "a role into S3": ({"to": "s3://bucket", "deliver_role": ROLE}, "takes no role"),
    "a Firehose ARN that is none": ({"to": "firehose:arn:aws:firehose:eu-west-1:1:x/y"}, "no ARN of a Firehose stream"),
    "a role of the other account that has another name": (
        {"to": "firehose:" + OTHER_STREAM, "deliver_role": ROLE, "cross_account_role": ROLE}, "AWSLogDeliveryFirehoseCrossAccountRole"),
    "a role of the other account for CloudWatch": ({"cross_account_role": CROSS}, "only Firehose"),
    "a role that is no ARN": ({"deliver_role": "role"}, "--deliver-role: 'role' is no role"),
    # Resources.
    "no resource": ({"vpc": None}, "no resource is named"),
    "an id that is none": ({"vpc": "vpc-xyz"}, "'vpc-xyz' is no id of a VPC"),
    "an id of another kind": ({"vpc": "subnet-0123456789abcdef0"}, "give it to --subnet"),
    "an id twice": ({"vpc": [VPC, VPC]}, "is named twice"),
    "VPC and transit gateway": ({"tgw": TGW}, "other fields than VPCs"),
    # Formats.
    "a field twice": ({"format": "version version"}, "'version' stands in it twice"),
    "no field": ({"format": ""}, "no field"),
    "a broken field": ({"format": "${version"}, "did you mean ${version}?"),
    "fields without a blank between": ({"format": "${version}${srcaddr}"}, "--format"),
    "a transit gateway's field of a VPC": ({"format": "version tgw-id"}, "tgw-id is a field of transit gateway flow logs"),
    "a VPC's field of a transit gateway": ({"vpc": None, "tgw": TGW, "format": "version action"}, "action is a field of VPC flow logs"),
    # Destinations.
    "no destination": ({"to": "nowhere"}, "'nowhere' is no destination"),
    "a group's name with a blank": ({"to": "cloudwatch:a b"}, "no name of a log group"),
    "a group's name that begins with aws/": ({"to": "cloudwatch:aws/x"}, "did you mean /aws/x?"),
    "a group's name that is too long": ({"to": "cloudwatch:" + "x" * 513}, "no name of a log group"),
    "an empty group": ({"to": "cloudwatch:"}, "no name of a log group"),
    "a bucket in capitals": ({"to": "s3://Bucket"}, "'Bucket' is no name of a bucket"),
    "a bucket of two letters": ({"to": "s3://ab"}, "'ab' is no name of a bucket"),
    "a bucket that is an address": ({"to": "s3://10.0.0.1"}, "no name of a bucket"),
    "a folder that is empty": ({"to": "s3://bucket/a//b"}, "an empty folder"),
    "a retention that is a text": ({"retention": "30"}, "--retention: '30' is no number of days"),
    "an interval that is a text": ({"interval": "60"}, "--interval: '60' s is not possible"),
    "a destination that is none": ({"to": None}, "'None' is no destination"),
    "a folder that is empty at the beginning": ({"to": "s3://bucket//a"}, "an empty folder"),
    "a folder that is a wildcard of policies": ({"to": "s3://bucket/a*"}, "the bucket's policy would take for others' names"),
    "a folder that is a variable of policies": ({"to": "s3://bucket/${aws:username}"}, "for others' names"),
    "an unknown class": ({"log_class": "delivery"}, "--log-class: 'DELIVERY'"),
    "a retention of a bucket": ({"to": "s3://bucket", "retention": 7}, "--retention: s3 has nothing of the kind"),
    "a key's alias": ({"kms_key": "alias/mine"}, "not the ARN of a key"),
    "a key's id": ({"kms_key": "1234abcd-12ab-34cd-56ef-1234567890ab"}, "not the ARN of a key"),
    "an account of 3 digits": ({"to": "s3://bucket", "destination_account": "123"}, "--destination-account"),
    # Roles and tags.
    "a role's name with a blank": ({"role_name": "a b"}, "no name of a role"),
    "a role's name that is too long": ({"role_name": "x" * 65}, "no name of a role"),
    "a role's description in Greek": ({"role_description": "ρόλος"}, "--role-description"),
    "two roles": ({"deliver_role": ROLE, "role_name": "r"}, "give either"),
    "a tag of AWS": ({"tags": {"aws:x": "1"}}, "not beginning with aws:"),
    "a key that is too long": ({"tags": {"x" * 129: "1"}}, "1 to 128 characters"),
    "a value that is too long": ({"tags": {"x": "1" * 257}}, "at most 256"),
    "a name that is too long": ({"name": "x" * 257}, "--name: the value of 'Name' has 257 characters"),
    "two names": ({"name": "a", "tags": {"Name": "b"}}, "Name is b, and --name is a; give either"),
    "51 tags": ({"tags": {f"k{i}": "" for i in range(49)}}, "at most 50"),
    # Tag fields.
    "tag fields without keys": ({"format": "version instance-tag"}, "no key is given"),
    "one key for two fields": ({"format": "version instance-tag instance-tag-2", "tag_fields": {"instance": ["Name"]}}, "name as many"),
    "three keys": ({"tag_fields": {"instance": ["a", "b", "c"]}}, "one or two"),
    "tags of a VPC": ({"tag_fields": {"vpc": ["a"]}}, "'vpc' is no kind of resource"),
    "an empty key": ({"tag_fields": {"instance": [""]}}, "a key has 1 to 128"),
    "tag fields of a transit gateway": ({"vpc": None, "tgw": TGW, "tag_fields": {"instance": ["a"]}}, "transit gateway"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_wrong_wish_is_refused_before_the_first_call(what, counted):
    options, told = REFUSED[what]
    session = counted()
    with pytest.raises(fl.aws.RequestError) as error:
        fl.aws.enable(**{**DEFAULT, **options}, session=session.session)
    assert told in str(error.value)
    assert session.calls == []
    assert all(problem.where and problem.what and problem.fix for problem in error.value.problems)
    assert isinstance(error.value, (fl.Error, ValueError))


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(fl.aws.RequestError) as error:
        fl.aws.enable(vpc="vpc-1", to="s3://B", traffic="some", interval=5)
    assert [problem.where for problem in error.value.problems] == ["--vpc", "--traffic", "--interval", "--to"]
    with pytest.raises(fl.aws.RequestError) as error:
        fl.aws.enable(vpc="vpc-1", to="cloudwatch:/a", format="srcadr", retention=8)
    assert [problem.where for problem in error.value.problems] == ["--format", "--vpc", "--retention"]
    assert error.value.problems[0].fix == "did you mean srcaddr?"
    with pytest.raises(fl.aws.RequestError) as error:  # and nothing that only follows from something else
        fl.aws.enable(vpc=VPC, tgw=TGW, to="cloudwatch:/a")
    assert [problem.where for problem in error.value.problems] == ["--tgw"]
    with pytest.raises(fl.aws.RequestError) as error:
        fl.aws.enable(vpc=VPC, to="cloudwatch:/a", tag_fields={"vpc": "Name"})
    assert [problem.where for problem in error.value.problems] == ["--tag-field"]


def test_all_fields_are_those_that_need_no_key_and_those_whose_keys_are_given():
    every = [name for name in fl.Format.all().fields if not name.endswith(("-tag", "-tag-2"))]
    assert wish.Wish(resources={"vpc": VPC}, to="cloudwatch:/a", format="all").fields == every
    with_keys = wish.Wish(resources={"vpc": VPC}, to="cloudwatch:/a", format="all", tag_fields={"instance": ["Name", "team"]})
    assert with_keys.fields == [*every, "instance-tag", "instance-tag-2"]


def test_the_tag_name_is_the_name():
    request = wish.Wish(resources={"vpc": VPC}, to="cloudwatch:/a", tags={"Name": "mine"}).request("VPC", [VPC], ROLE)
    assert {"Key": "Name", "Value": "mine"} in request["TagSpecifications"][0]["Tags"]


# What depends on who calls, and where: one call is needed for it, sts:GetCallerIdentity.
@pytest.mark.parametrize("options, told", [
    ({"deliver_role": "arn:aws:iam::999999999999:role/r"}, "of another account than this (123456789012)"),
    ({"to": "firehose:" + OTHER_STREAM}, "the stream is of account 999999999999"),
    ({"to": "firehose:" + STREAM, "cross_account_role": CROSS}, "the stream is of this account"),
    ({"kms_key": "arn:aws:kms:us-east-1:123456789012:key/1234abcd"}, "the key is in us-east-1"),
])  # fmt: skip
def test_a_wish_that_does_not_fit_the_caller_is_refused(options, told, counted):
    session = counted()
    with pytest.raises(fl.aws.RequestError, match=told.replace("(", r"\(").replace(")", r"\)")):
        fl.aws.enable(**{**DEFAULT, **options}, session=session.session)
    assert set(session.calls) <= {("sts", "GetCallerIdentity")}


# Requests of CreateFlowLogs that the options cannot make, but a program could.
@pytest.mark.parametrize("change, told", [
    ({"ResourceType": "Vpc"}, "'Vpc' is none"),
    ({"ResourceIds": [f"vpc-{i:017x}" for i in range(301)]}, "at most 300"),
    ({"ResourceType": "TransitGateway", "TrafficType": None, "ResourceIds": [f"tgw-{i:017x}" for i in range(26)],
      "MaxAggregationInterval": 60}, "at most 25"),
    ({"LogDestinationType": "kafka"}, "'kafka' is no destination"),
    ({"LogGroupName": None}, "no destination is named"),
    ({"LogDestination": "arn:aws:logs:eu-west-1:123456789012:log-group:g"}, "both given"),
    ({"LogGroupName": None, "LogDestination": "arn:aws:s3:::b"}, "no ARN of a log group"),
    ({"DeliverLogsPermissionArn": None}, "needs a role"),
    ({"LogDestinationType": "s3", "DeliverLogsPermissionArn": None, "LogDestination": "arn:aws:s3:::bucket"}, "has no log group"),
    ({"LogDestinationType": "s3", "DeliverLogsPermissionArn": None, "LogGroupName": None, "LogDestination": "bucket"}, "no ARN of a bucket"),
    ({"DestinationOptions": {"FileFormat": "orc"}}, "'orc' is none"),
    ({"DestinationOptions": {"PerHourPartition": "yes"}}, "neither true nor false"),
    ({"TagSpecifications": [{"ResourceType": "vpc", "Tags": []}]}, "it is vpc-flow-log"),
    ({"TagSpecifications": [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}]}, "given twice"),
    ({"TagFieldSpecifications": [{"ResourceType": "instance", "TagKeys": ["a"]}] * 2}, "instance is given twice"),
    ({"ClientToken": "x" * 65}, "at most 64"),
    ({"LogFormat": "version srcaddr"}, "not of the form AWS takes"),
    ({"Destination": "x"}, "no such parameter"),
    ({"MaxAggregationInterval": True}, "take 60 or 600"),
])  # fmt: skip
def test_a_wrong_request_is_refused(change, told):
    request = {
        "ResourceType": "VPC",
        "ResourceIds": [VPC],
        "TrafficType": "ALL",
        "LogGroupName": "g",
        "DeliverLogsPermissionArn": ROLE,
    }
    assert rules.check_request(request) == []
    changed = {name: value for name, value in {**request, **change}.items() if value is not None}
    assert any(told in str(problem) for problem in rules.check_request(changed)), rules.check_request(changed)


def test_every_retention_that_aws_takes_is_taken():
    from botocore.session import get_session

    told = get_session().get_service_model("logs").shape_for("Days").documentation
    for days in rules.RETENTION_DAYS:
        assert f" {days}" in told and rules.check_group("g", days) == []


@pytest.mark.parametrize("options", [
    {"to": "cloudwatch:/g", "retention": 30, "tag_fields": {"instance": ["Name", "team"], "network-interface": "x"}},
    {"to": "s3://bucket/a/b/", "parquet": True, "hive": True, "hourly": True},
    {"to": "firehose:" + STREAM},
    {"to": "firehose:" + OTHER_STREAM, "deliver_role": ROLE, "cross_account_role": CROSS},
    {"to": "arn:aws:logs:eu-west-1:123456789012:log-group:/g:*", "traffic": "reject", "interval": 600, "format": "all",
     "tag_fields": {"instance": "a,b".split(","), "network-interface": ["a", "b"], "auto-scaling-group": ["a", "b"]}},
])  # fmt: skip
def test_requests_have_the_shape_of_the_service_model(options):
    from botocore.validate import ParamValidator

    wanted = wish.Wish(resources={"vpc": VPC}, **options)
    request = wanted.request("VPC", [VPC], ROLE)
    shape = (
        boto3.Session(region_name="eu-west-1")
        .client("ec2")
        .meta.service_model.operation_model("CreateFlowLogs")
        .input_shape
    )
    assert ParamValidator().validate(request, shape).generate_report() == ""


def test_the_recommended_format_is_the_14_and_16_more():
    names = formats.names_of("recommended", transit=False)
    assert names[:14] == fl.Format.default().fields
    assert (
        names[14:]
        == (
            "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id pkt-src-aws-service pkt-dst-aws-service "
            "flow-direction traffic-path reject-reason interface-type next-hop-az-id"
        ).split()
    )
    assert formats.names_of("recommended", transit=True) == fl.Format.transit_gateway().fields
    assert formats.losses_of(names) == []


def test_pages_of_an_answer_are_all_read(monkeypatch):
    from botocore.stub import Stubber

    from flowlogs.aws import facts

    session = Session(region="eu-west-1")
    page = {"FlowLogs": [{"FlowLogId": "fl-1", "ResourceId": VPC, "LogGroupName": "g"}], "NextToken": "more"}
    with Stubber(session.client("ec2")) as stub:
        stub.add_response("describe_flow_logs", page, {})
        stub.add_response(
            "describe_flow_logs", {"FlowLogs": [{**page["FlowLogs"][0], "FlowLogId": "fl-2"}]}, {"NextToken": "more"}
        )
        assert [log.id for log in facts.flow_logs(session)] == ["fl-1", "fl-2"]


def test_import_of_flowlogs_does_not_load_boto3():  # CONTRACT P8
    import subprocess
    import sys

    code = "import sys, flowlogs, flowlogs.cli; print([m for m in ('boto3', 'botocore', 'flowlogs.aws') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_policy_names_and_role_names_keep_the_limits():
    wanted = wish.Wish(resources={"vpc": VPC}, to="cloudwatch:" + "/x" * 256)
    assert rules.check_role(wanted.role_of("ap-southeast-2")) == []
    assert len(to_cloudwatch.policy_name_of("ap-southeast-2", "/x" * 256)) <= 128
