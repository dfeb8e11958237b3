"""s3:// as a source, read from what a delivery wrote, through networks and services that fail."""

import gzip
from concurrent.futures import ThreadPoolExecutor

import pytest

import flowlogs as fl
from flowlogs.aws import objects
from flowlogs.windows import Window

from . import delivery as made
from .conftest import KEY_ID, SECRET

NOON = 1764331200  # 2025-11-28 12:00:00Z


@pytest.fixture
def logs(aws):
    return made.Delivery(aws)


def all_once(logs):
    return dict.fromkeys(logs.records.made, 1)


@pytest.mark.parametrize("layout", made.LAYOUTS)
def test_every_layout_is_read_and_pruned_by_time_account_and_region(logs, proxy, layout):
    """CONTRACT P1, L13"""
    for hour in range(30):
        logs.file(NOON + hour * 3600, 3, layout=layout)
    logs.file(NOON, 3, layout=layout, account="999999999999")
    logs.file(NOON, 3, layout=layout, region="us-east-1")
    assert made.read(fl.scan("s3://vpc-logs")) == all_once(logs)

    rows = fl.scan("s3://vpc-logs", since=NOON, until=NOON + 60).group_by("_account", "_region", "_flow_log_id").collect()
    assert {(r["_account"], r["_region"]) for r in rows} == {
        (made.ACCOUNT, made.REGION), ("999999999999", made.REGION), (made.ACCOUNT, "us-east-1")
    }  # fmt: skip
    assert {r["_flow_log_id"] for r in rows} == {"fl-0a1b2c3d"}

    del proxy.requests[:]
    window = fl.scan("s3://vpc-logs", since=NOON + 7200, until=NOON + 7300, accounts=made.ACCOUNT, regions=[made.REGION])
    assert len(made.read(window)) == 3 and len(set(proxy.gets())) <= 2
    assert {row["_source"] for row in window.select("_source").collect()} <= {
        f"s3://vpc-logs/{item['Key']}" for item in logs.s3.list_objects_v2(Bucket="vpc-logs")["Contents"]
    }


def test_records_that_come_late_are_in_the_window_that_they_belong_to(logs):
    """Up to an hour, and in the folder of the next day; as reading everything says."""
    midnight = 1764374400
    logs.file(midnight - 30, 5)
    logs.file(midnight + 1200, lines=logs.records.make(4, midnight - 40))  # twenty minutes late
    logs.file(midnight - 300, 3, delivered=midnight + 700)  # in the folder of the next day
    logs.file(midnight + 3000, lines=logs.records.make(2, midnight - 10))
    logs.file(midnight + 40_000, 7)
    for since, until in [(midnight - 100, midnight), (midnight - 3600, midnight - 290), (midnight, None), (None, midnight)]:
        tests = [f"end >= {since}"] * (since is not None) + [f"start < {until}"] * (until is not None)
        everything = fl.scan("s3://vpc-logs").filter(" and ".join(tests))
        assert made.read(fl.scan("s3://vpc-logs", since=since, until=until)) == made.read(everything) != {}


def test_more_than_a_thousand_keys_are_read_each_once(logs):
    bodies = [made.content(logs.records.make(1, NOON)) for _ in range(1003)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: logs.put(f"AWSLogs/{i:04}.log", bodies[i]), range(1003)))
    logs.put("AWSLogs/", b"")
    logs.put("AWSLogs/aws-logs-write-test", b"Permission Check Successful")
    logs.put("AWSLogs/123456789012/CloudTrail/eu-west-1/2025/11/28/a.json.gz", gzip.compress(b"{}"))
    scan = fl.scan("s3://vpc-logs/AWSLogs")
    assert made.read(scan) == all_once(logs)
    pruned = fl.scan("s3://vpc-logs/", since=NOON, accounts=[made.ACCOUNT])
    assert repr(pruned).count("1000 more") == repr(scan).count("1000 more") == 1


def test_what_a_path_names(logs):
    first, second = logs.file(NOON, 2), logs.file(NOON + 300, 2)
    other = logs.file(NOON, 2, region="us-east-1")
    assert len(made.read(fl.scan(first))) == 2
    assert len(made.read(fl.scan([first, second]))) == 4
    assert len(made.read(fl.scan("s3://vpc-logs/AWSLogs/*/vpcflowlogs/eu-*/"))) == 4
    assert len(made.read(fl.scan("s3://vpc-logs/AWSLogs/*/vpcflowlogs/*/2025/11/28/*.log.gz"))) == 6
    assert fl.scan(["s3://vpc-logs", first]).count() == 8
    names = [row["_source"] for row in fl.scan("s3://vpc-logs").group_by("_source").collect()]
    assert sorted(names) == sorted([first, second, other])


def test_who_asks_is_a_session():
    with pytest.raises(TypeError, match="aws= is a flowlogs.aws.Session, a boto3.Session, or a mapping of its arguments, not str"):
        fl.scan("s3://vpc-logs", aws="security")


def test_keys_of_odd_characters_are_read_by_their_names(logs):
    keys = ["a b/plus+.log", "per%20cent.log", "q?x=1.log", "[br].log", "star*.log", "a//b.log", "hash#1.log", "ünï/ø.log"]
    for key in keys:
        logs.put(key, (logs.records.make(1, NOON)[0] + "\n").encode())
    names = [row["_source"] for row in fl.scan("s3://vpc-logs").group_by("_source").collect()]
    assert sorted(names) == sorted("s3://vpc-logs/" + key for key in keys)
    for name in names:  # as answers tell them
        assert [row["_source"] for row in fl.scan(name).group_by("_source").collect()] == [name]
    assert fl.scan("s3://vpc-logs/[a-q]*.log").count() == 3  # and globs are globs


@pytest.mark.parametrize(
    "options, told",
    [
        ({"since": 1}, "no object is there in that time; check"),
        ({"accounts": "999999999999"}, "no object is there of account 999999999999; check"),
        ({"regions": ["eu-west-9", "eu-west-8"]}, "no object is there in eu-west-8 or eu-west-9; check"),
        ({"accounts": "abc"}, "'abc' is no account; give its 12 digits"),
        ({"regions": "Ireland"}, "'Ireland' is no region; they are called as eu-west-1"),
    ],
)
def test_what_a_selection_leaves_out_is_said_in_its_words(logs, options, told):
    if "since" in options:
        options = {"since": NOON + 90000}
    logs.file(NOON)
    with pytest.raises(fl.aws.SourceError, match=told):
        fl.scan("s3://vpc-logs", **options)


@pytest.mark.parametrize(
    "url, told",
    [
        ("s3:/vpc-logs/x", "did you mean s3://vpc-logs/x\\?"),
        ("S3://vpc-logs", "did you mean s3://vpc-logs\\?"),
        ("cloudwatch:/vpc/logs", "did you mean cloudwatch:///vpc/logs\\?"),
        ("s3://vpc-logs/none", "no object is there"),
        ("s3://vpc-logs/AWSLogs/9*", "no object is there"),
        ("s3://no-such-bucket/x", "NoSuchBucket"),
        ("s3://Upper/x", "no name of a bucket"),
    ],
)
def test_what_is_not_there_fails_before_anything_is_read(logs, url, told):  # CONTRACT P5
    logs.file(NOON)
    with pytest.raises(fl.Error, match=told):
        fl.scan(["s3://vpc-logs", url])


FAULTS = [made.slow_down, made.too_many, made.internal_error, made.reset, made.half]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_what_fails_is_read_again_from_where_it_stopped(logs, proxy, fault, monkeypatch):
    monkeypatch.setattr("flowlogs.aws.objects._LARGE", 1 << 20)
    big = logs.big_file(NOON)
    for i in range(5):
        logs.file(NOON + 300 * i)
    proxy.fail(fault, times=3)
    proxy.fail(fault, path=big[-20:], begins=f"bytes={256 << 10}-", times=2)
    scan = fl.scan("s3://vpc-logs")
    assert made.read(scan) == all_once(logs)
    table = scan.agg("count()").collect()
    assert table.stats.complete and not table.stats.errors and table.stats.inputs == 6


@pytest.mark.parametrize("fault", [made.slow_down, made.half], ids=lambda fault: fault.__name__)
def test_what_fails_again_and_again_is_damage_of_that_input_alone(logs, proxy, fault, monkeypatch):  # CONTRACT P5
    monkeypatch.setattr("flowlogs.aws.objects._PAUSE", 0.01)
    good, bad = logs.file(NOON), logs.file(NOON + 300)
    if fault is made.half:
        logs.s3.put_object(Bucket="vpc-logs", Key="AWSLogs/bad", Body=b"x")
        bad = "s3://vpc-logs/AWSLogs/bad"
        fault = made.reset
    proxy.fail(fault, path=bad[-12:], times=1000)
    with pytest.raises(fl.InputError, match="5 times in a row") as raised:
        fl.scan("s3://vpc-logs", format=made.DEFAULT).group_by("bytes").agg(n="count()").collect()
    stats = raised.value.stats
    assert [error["source"] for error in stats.errors] == [bad] and not stats.complete
    assert len(raised.value.table) == (10 if bad.endswith("bad") is False else 20)
    assert good not in [error["source"] for error in stats.errors]


def test_an_object_that_is_cut_is_reported_and_the_rest_is_read(logs):
    logs.file(NOON)
    body = gzip.compress(made.content(logs.records.make(2000, NOON)))
    cut = logs.put(logs.key(NOON + 300), body[: len(body) // 2])
    whole = fl.scan("s3://vpc-logs", on_error="skip").agg(n="count()").collect()
    assert [error["source"] for error in whole.stats.errors] == [cut]
    assert "stops in the middle" in whole.stats.errors[0]["message"] and 10 < whole[0]["n"] < 2010


def test_files_that_came_twice_and_files_of_other_formats(logs):
    lines = logs.records.make(10, NOON)
    logs.file(NOON, lines=lines)
    logs.file(NOON, lines=lines, flow_log="fl-0b")  # by an overlapping flow log
    logs.file(NOON + 300, 10, fields=made.CUSTOM)
    logs.file(NOON + 300, 10, fields=made.TRANSIT)
    scan = fl.scan("s3://vpc-logs")
    assert made.read(scan.dedup()) == all_once(logs)
    assert sorted(made.read(scan).values()) == [1] * 20 + [2] * 10
    assert {len(form["fields"]) for form in scan.agg("count()").collect().stats.formats} == {8, 14, 36}


def test_an_object_that_was_replaced_before_it_was_read_is_read_as_it_is_now(logs, proxy):
    url = logs.file(NOON)
    key = url.partition("vpc-logs/")[2]
    scan = fl.scan("s3://vpc-logs")
    logs.records.made.clear()
    logs.put(key, made.content(logs.records.make(33, NOON)))
    assert made.read(scan) == all_once(logs)


def test_an_object_that_is_replaced_while_it_is_read_is_damage_not_a_mixture(logs, proxy, monkeypatch):
    monkeypatch.setattr("flowlogs.aws.objects._LARGE", 1 << 20)
    url = logs.big_file(NOON)
    key = url.partition("vpc-logs/")[2]
    other = gzip.compress(made.content(logs.records.make(50_000, NOON)), 0)
    proxy.fail(made.then(lambda: logs.put(key, other)), begins=f"bytes={256 << 10}-")
    with pytest.raises(fl.InputError, match="changed since it was listed") as raised:
        fl.scan("s3://vpc-logs").agg(n="count()").collect()
    assert raised.value.offset == 256 << 10 and raised.value.table[0]["n"] < 40_000


def test_derived_columns_read_the_objects_twice_and_say_what_files_would(logs, tmp_path):  # CONTRACT D1
    for i in range(4):
        logs.file(NOON + i * 300, 50)
    for i, item in enumerate(logs.s3.list_objects_v2(Bucket="vpc-logs")["Contents"]):
        body = logs.s3.get_object(Bucket="vpc-logs", Key=item["Key"])["Body"].read()
        (tmp_path / f"{i}.log.gz").write_bytes(body)
    keys = ("direction", "client", "server_port", "orientation")
    for threads in (1, 3):
        remote, local = (
            fl.scan(source, threads=threads).group_by(*keys).agg("count()", "sum(bytes)").collect().to_dicts()
            for source in ("s3://vpc-logs", str(tmp_path))
        )
        assert remote == local and len(remote) > 10


def test_rows_come_in_the_order_of_the_keys(logs):  # CONTRACT F10
    for i in range(40):
        logs.file(NOON + i * 300, 30)
    rows = fl.scan("s3://vpc-logs", threads=3).select("bytes").collect()
    assert [row["bytes"] for row in rows] == sorted(logs.records.made)
    assert fl.scan("s3://vpc-logs").head(5).collect().stats.complete is False


def test_parquet_objects_are_read_by_position(logs, proxy):
    pytest.importorskip("pyarrow")
    logs.parquet(NOON, 50)
    logs.file(NOON + 300, 20)
    assert made.read(fl.scan("s3://vpc-logs")) == all_once(logs)
    rows = fl.scan("s3://vpc-logs").filter("dstport = 443").group_by("_account").agg(n="count()").collect()
    assert rows.to_dicts() == [{"_account": made.ACCOUNT, "n": 33 + 13}]


KEYS = ["a b+c=d&e.log", "\u00fc/\u20ac%41.log", "x//y/~!'()*.log", "p:@;,?#.log"]


def calls_of(client, operation):
    calls = []
    client.meta.events.register(f"before-call.s3.{operation}", lambda **kwargs: calls.append(operation))
    return calls


@pytest.mark.parametrize("token", [False, True], ids=["user", "role"])
def test_requests_after_the_first_are_as_good_as_those_of_boto3(logs, aws, enforced, proxy, token):
    """moto checks the signature of each."""
    import json

    iam = aws("iam")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=json.dumps(policy))
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps(policy))
    if token:
        session = fl.aws.Session(role_arn=f"arn:aws:iam::{made.ACCOUNT}:role/reader")
    else:
        import boto3

        key = iam.create_access_key(UserName="reader")["AccessKey"]
        session = fl.aws.Session(boto=boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=made.REGION))
    bodies = {key: made.content(logs.records.make(20, NOON)) for key in KEYS}
    for key, body in bodies.items():
        logs.put(f"AWSLogs/{key}", body)
    bucket = objects.Bucket(session, "vpc-logs")
    asked = calls_of(bucket.client, "GetObject")
    found = bucket.find("AWSLogs", objects.Wanted(Window(None, None)))
    enforced(True)
    read = {item.key: item.file().read() for item in found}
    assert read == {f"AWSLogs/{key}": body for key, body in bodies.items()} and len(asked) == 1
    proxy.fail(made.moved)
    assert found[1].file().read() == bodies[found[1].key[8:]] and len(asked) == 2
    assert found[2].file().read() == bodies[found[2].key[8:]] and len(asked) == 2
    # Those that boto3 has to explain are asked of it again: here the permission is gone.
    for holder in ("user", "role"):
        enforced(False)
        name = {"UserName": "reader"} if holder == "user" else {"RoleName": "reader"}
        getattr(iam, f"delete_{holder}_policy")(**name, PolicyName="p")
    enforced(True)
    with pytest.raises(fl.aws.AccessError, match="the permission s3:GetObject is missing"):
        found[3].file().read()


def test_a_missing_permission_is_named(logs, aws, enforced):
    import json

    url = logs.file(NOON)
    iam = aws("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]

    def allow(*actions):
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
        iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps(policy))

    import boto3

    caller = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=made.REGION)
    for actions, missing in [(["s3:GetObject"], "s3:ListBucket"), (["s3:ListBucket"], "s3:GetObject")]:
        allow(*actions)
        enforced(True)
        with pytest.raises(fl.Error, match=f"the permission {missing} is missing") as raised:
            fl.scan(url, aws=caller).agg("count()").collect()
        enforced(False)
        for secret in (key["AccessKeyId"], key["SecretAccessKey"], KEY_ID, SECRET):
            assert secret not in str(raised.value)
    allow("s3:ListBucket", "s3:GetObject")
    enforced(True)
    assert fl.scan(url, aws=caller).count() == 10


def test_verbs_read_urls(logs, command, endpoint):  # CONTRACT V, V3, V4
    for i in range(3):
        logs.file(NOON + i * 300)
    for verb in (["summary"], ["top", "srcaddr"], ["query", "--agg", "count()"], ["records"], ["check"], ["conversations"],
                 ["timeline"], ["who", "10.1.0.9"]):  # fmt: skip
        ran = command(*verb, "s3://vpc-logs/AWSLogs")
        assert ran.returncode == 0 and ran.stdout, (verb, ran.stderr)
    ran = command("query", "--agg", "n=count()", "--since", NOON + 300, "--until", NOON + 301, "s3://vpc-logs", "-o", "csv",
                  "--endpoint-url", endpoint, "--region", made.REGION, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})  # fmt: skip
    assert ran.stdout == "n\n10\n", ran.stderr
    ran = command("summary", "s3://vpc-logs/none")
    assert ran.returncode == 2 and "no object is there" in ran.stderr
    ran = command("query", "--where", "dstport = 1", "--agg", "count()", "s3://vpc-logs")
    assert ran.returncode == 0 and "none of 30 records matches --where" in ran.stderr
