"""cloudwatch:// as a source: streams, formats, pages."""

import time

import pytest

import flowlogs as fl

from . import delivery as made

GROUP = "/vpc/flow-logs"
URL = f"cloudwatch://{GROUP}"


@pytest.fixture
def logs(aws):
    delivery = made.Delivery(aws)
    delivery.group(GROUP)
    return delivery


@pytest.fixture
def now():
    return int(time.time()) // 60 * 60 - 600


@pytest.fixture
def flow_log(aws, vpc):
    """Makes a flow log into the group, as AWS would know it."""
    role = aws("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def make(fields=made.DEFAULT, resource=None, traffic="ALL", interval=60):
        kind = {"eni": "NetworkInterface", "subnet": "Subnet"}.get((resource or "").partition("-")[0], "VPC")
        answer = aws("ec2").create_flow_logs(
            ResourceIds=[resource or vpc[0]], ResourceType=kind, TrafficType=traffic, LogGroupName=GROUP,
            DeliverLogsPermissionArn=role, LogFormat=" ".join("${" + field + "}" for field in fields),
            MaxAggregationInterval=interval,
        )  # fmt: skip
        assert not answer["Unsuccessful"], answer
        return answer["FlowLogIds"][0]

    return make


def all_once(logs):
    return dict.fromkeys(logs.records.made, 1)


def test_the_format_is_what_the_flow_log_says(logs, flow_log, vpc, now):  # CONTRACT F2, L13
    flow_log(made.CUSTOM)
    for eni in vpc[2]:
        logs.events(GROUP, f"{eni}-all", logs.records.make(20, now, made.CUSTOM, eni), now - 60)
    scan = fl.scan(URL)
    assert made.read(scan) == all_once(logs)
    rows = scan.group_by("_log_group", "_log_stream", "_source").agg(n="count()").collect()
    assert [(r["_log_group"], r["_log_stream"], r["_source"], r["n"]) for r in rows] == [
        (GROUP, f"{eni}-all", f"{URL}?stream={eni}-all", 20) for eni in sorted(vpc[2])
    ]
    stats = scan.agg("count()").collect().stats
    assert (stats.records, stats.lines, stats.headers) == (40, 40, 0)
    row = scan.select("_event_time", "_event_id", "start").head(1).collect()[0]
    assert row["_event_time"] == row["start"] * 1000 and row["_event_id"]
    assert len(made.read(fl.scan(f"{URL}?stream={vpc[2][0]}-all"))) == 20
    assert len(made.read(fl.scan(f"{URL}?stream=eni-*"))) == 40
    # Who gives a format knows better.
    assert fl.scan(URL, format=" ".join(made.CUSTOM)).filter("dstport = 22").count() > 0


def test_more_than_ten_thousand_events_are_read_each_once(logs, flow_log, now):
    flow_log()
    logs.events(GROUP, "eni-1-all", logs.records.make(10_500, now), now - 60)
    logs.events(GROUP, "eni-2-all", logs.records.make(30, now), now - 60)
    scan = fl.scan(URL)
    assert made.read(scan) == all_once(logs)
    assert sum(row["n"] for row in scan.group_by("direction").agg(n="count()").collect()) == 10_530  # CONTRACT D1


def test_a_window_is_asked_of_the_service_and_holds_every_record_that_overlaps_it(logs, flow_log, now):  # CONTRACT V3
    flow_log()
    for minutes in range(0, 300, 20):
        logs.events(GROUP, "eni-1-all", logs.records.make(5, now - minutes * 60), now - minutes * 60 - 60)
    for since, until in [(now - 3600, now - 1800), (now - 1200, None), (None, now - 6000)]:
        tests = [f"end >= {since}"] * (since is not None) + [f"start < {until}"] * (until is not None)
        window = fl.scan(URL, since=since, until=until)
        assert made.read(window) == made.read(fl.scan(URL).filter(" and ".join(tests))) != {}
        assert window.agg("count()").collect().stats.records < 75


def test_messages_of_several_flow_logs_in_one_stream_are_told_by_their_length(logs, flow_log, vpc, now):  # CONTRACT F2, F3
    eni = vpc[2][0]
    flow_log()
    flow_log(made.CUSTOM, resource=eni)
    lines = [line for pair in zip(logs.records.make(50, now, made.DEFAULT, eni), logs.records.make(50, now, made.CUSTOM, eni))
             for line in pair]  # fmt: skip
    logs.events(GROUP, f"{eni}-all", lines, now - 60)
    logs.events(GROUP, f"{vpc[2][1]}-all", logs.records.make(10, now, made.DEFAULT, vpc[2][1]), now - 60)
    scan = fl.scan(URL)
    assert made.read(scan) == all_once(logs)
    assert {len(form["fields"]): form["records"] for form in scan.agg("count()").collect().stats.formats} == {14: 60, 8: 50}


def test_formats_of_the_same_length_are_told_by_their_values_or_not_at_all(logs, flow_log, vpc, now):
    eni = vpc[2][0]
    swapped = tuple(reversed(made.CUSTOM))
    flow_log(made.CUSTOM, resource=eni)
    flow_log(swapped)
    logs.events(GROUP, f"{eni}-all", logs.records.make(9, now, made.CUSTOM, eni), now - 60)
    logs.events(GROUP, f"{eni}-all", logs.records.make(9, now, swapped, eni), now - 60)
    assert made.read(fl.scan(URL)) == all_once(logs)
    alike = ("interface-id", "dstaddr", "srcaddr", *made.CUSTOM[3:])
    flow_log(alike, resource=vpc[1])
    with pytest.raises(fl.InputError, match="which, cannot be told; give the format"):
        fl.scan(URL).agg("count()").collect()


def test_without_a_flow_log_the_records_tell_their_format(logs, now):
    logs.events(GROUP, "eni-1-all", logs.records.make(20, now), now - 60)
    logs.events(GROUP, "tgw-1", logs.records.make(20, now, made.TRANSIT), now - 60)
    assert made.read(fl.scan(URL)) == all_once(logs)


def test_a_missing_right_to_see_flow_logs_is_a_warning(logs, aws, enforced, now):
    import json

    import boto3

    logs.events(GROUP, "eni-1-all", logs.records.make(20, now), now - 60)
    iam = aws("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps(policy))
    enforced(True)
    caller = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=made.REGION)
    with pytest.warns(fl.aws.SourceWarning, match="the permission ec2:DescribeFlowLogs is missing"):
        scan = fl.scan(URL, aws=caller)
    assert made.read(scan) == all_once(logs)


def test_streams_of_odd_names_are_read_by_them(logs, now):
    for stream in ("eni-1-all", "a b", "a+b", "a&b=c", "50%", "x[1]", "é;/y"):
        logs.events(GROUP, stream, logs.records.make(2, now), now - 60)
    names = [row["_source"] for row in fl.scan(URL).group_by("_source").collect()]
    assert len(names) == 7 and f"{URL}?stream=eni-1-all" in names and f"{URL}?stream=x[1]" in names
    for name in names:  # as answers tell them
        assert [row["_source"] for row in fl.scan(name).group_by("_source").collect()] == [name]


@pytest.mark.parametrize("url", ["cloudwatch:///none", "cloudwatch://", f"{URL}?stream=none", f"{URL}?color=red"])
def test_what_is_not_there_fails_before_anything_is_read(logs, url):
    with pytest.raises(fl.Error, match="none|write cloudwatch"):
        fl.scan(url)


def test_the_verbs_read_it(logs, flow_log, command, now):
    flow_log(made.CUSTOM)
    logs.events(GROUP, "eni-1-all", logs.records.make(50, now, made.CUSTOM), now - 60)
    ran = command("query", "--group-by", "action", "--agg", "n=count()", "-o", "csv", URL)
    assert ran.stdout == "action,n\nACCEPT,37\nREJECT,13\n" and ran.stderr == "", ran.stderr
    assert command("summary", URL).returncode == 0
