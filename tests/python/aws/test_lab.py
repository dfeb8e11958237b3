"""The tutorial on a moto server: up, traffic, check, down; twice, and killed at every call."""

import base64
import calendar
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

import flowlogs as fl
from flowlogs.aws import errors
from flowlogs.cli import GROUPS, main
from flowlogs.lab import building, checking, delivery, emulator, topology
from flowlogs.lab.found import Found
from .aws_killed import Killed
from .conftest import KEY_ID, SECRET, post

boto3 = pytest.importorskip("boto3", reason="the extra 'aws' is not installed")
ClientError = pytest.importorskip("botocore.exceptions").ClientError

GROUP = "/flowlogs/lab"
ONE, TWO = topology.HOSTS
SLEEP = time.sleep


@pytest.fixture
def caller(counted, monkeypatch):
    monkeypatch.setattr(building, "_PATIENCE_SECONDS", 0)
    monkeypatch.setattr(building.time, "sleep", lambda seconds: None)
    return counted()


@pytest.fixture
def network(aws, state):
    """Everything that the lab makes or changes, without ids and times: what there is, and how it hangs together."""

    def look():
        ec2, found = aws("ec2"), {}
        names = {}
        kinds = [
            ("vpc", ec2.describe_vpcs()["Vpcs"], "VpcId"),
            ("igw", ec2.describe_internet_gateways()["InternetGateways"], "InternetGatewayId"),
            ("subnet", ec2.describe_subnets()["Subnets"], "SubnetId"),
            ("table", ec2.describe_route_tables()["RouteTables"], "RouteTableId"),
            ("acl", ec2.describe_network_acls()["NetworkAcls"], "NetworkAclId"),
            ("group", ec2.describe_security_groups()["SecurityGroups"], "GroupId"),
            ("instance", [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]], "InstanceId"),
            ("eni", ec2.describe_network_interfaces()["NetworkInterfaces"], "NetworkInterfaceId"),
            ("volume", ec2.describe_volumes()["Volumes"], "VolumeId"),
        ]
        vpcs = {vpc["VpcId"] for vpc in kinds[0][1]}
        for kind, items, key in kinds:
            for item in items:
                tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
                tags.pop(topology.EXPIRES, None)
                names[item[key]] = f"{kind} {tags.get('Name', 'default' if item.get('IsDefault') else '')}"
                if item.get("State") == {"Code": 48, "Name": "terminated"} or item.get("VpcId", next(iter(vpcs))) not in vpcs:
                    continue  # moto remembers instances, and ACLs of VPCs, that are gone
                kept = {
                    name: item.get(name)
                    for name in ("CidrBlock", "MapPublicIpOnLaunch", "Attachments", "Routes", "Associations", "Entries", "IpPermissions",
                                 "IpPermissionsEgress", "PrivateIpAddress", "State", "VpcId", "SubnetId", "Groups")
                }  # fmt: skip
                found[item[key]] = [kind, tags, kept]
        text = json.dumps(sorted(found.values(), key=lambda one: json.dumps(one, default=str)), default=str, sort_keys=True)
        for id in sorted(names, key=len, reverse=True):
            text = text.replace(id, names[id])
        rest = state()
        for log in rest["flow logs"]:
            log["ResourceId"] = names[log["ResourceId"]]
        told = json.loads(text, object_hook=lambda o: {k: v for k, v in o.items() if "AssociationId" not in k and k not in ("AttachTime", "AttachmentId")})
        return json.dumps([sorted(told, key=json.dumps), rest], sort_keys=True)

    return look


def test_up_traffic_check_and_down_do_their_work_once(caller, network, aws):
    before = network()
    first = fl.lab.up(session=caller.session)
    assert first.applied and {step["action"] for step in first.steps} == {"create", "check"}
    assert [(i["name"], i["private"], i["state"]) for i in first.instances] == [("one", "10.42.1.10", "running"), ("two", "10.42.2.10", "running")]
    made = network()
    caller.again()
    second = fl.lab.up(session=caller.session)
    assert {step["action"] for step in second.steps} == {"keep"} and caller.writes == [] and network() == made
    assert second.instances == first.instances

    wrote = fl.lab.traffic(session=caller.session)
    assert wrote.emulator and all(one["written"] > 50 for one in wrote.streams)
    caller.again()
    assert all(one["written"] in (0, None) or one["from"] >= wrote.streams[0]["until"] for one in fl.lab.traffic(session=caller.session).streams)

    caller.again()
    checked = fl.lab.check(session=caller.session)
    assert checked.holds and all(step["holds"] is True for step in checked.steps), str(checked)
    assert [step["step"] for step in checked.steps][-6:] == [
        "log streams", "records", "each asks the other", "visitors are served", "SSH is rejected", "minutes without data"]  # fmt: skip
    assert caller.writes == [] and network() == made
    assert fl.lab.check(session=caller.session).steps[7]["evidence"][0].count("stands in") == 1

    gone = fl.lab.down(session=caller.session)
    assert {step["action"] for step in gone.steps} == {"delete", "check"} and network() == before
    caller.again()
    assert not fl.lab.down(session=caller.session).changes and caller.writes == [] and network() == before


@pytest.mark.parametrize("verb", ["up", "down"])
def test_killed_after_each_call_and_run_again_it_comes_to_the_same(verb, caller, network, endpoint):
    """A run that is killed after its first change, again and again, comes to the end, by way of the state after each call. From
    some of these states one whole run is tried too; FLOWLOGS_KILLS=all tries every call."""
    run = getattr(fl.lab, verb)

    def prepare():
        post(endpoint + "/moto-api/reset")
        if verb == "down":
            fl.lab.up(session=caller.again())

    prepare()
    run(session=caller.again())
    calls, wanted = list(caller.calls), network()
    changes = [n for n, call in enumerate(calls, 1) if call in caller.writes]

    prepare()
    runs = 0
    while True:
        caller.again()
        caller.kill_after_writes = 1
        try:
            run(session=caller.session)
            break
        except Killed:
            runs += 1
    assert runs == len(changes) and network() == wanted

    for n in range(1, len(calls) + 1) if os.environ.get("FLOWLOGS_KILLS") == "all" else changes[6::14]:
        prepare()
        with pytest.raises(Killed):
            run(session=caller.again(kill_after=n))
        run(session=caller.again())
        assert network() == wanted, f"killed after call {n}: {calls[n - 1]}"


def records_of(aws, stream):
    events = aws("logs").get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
    log = aws("ec2").describe_flow_logs()["FlowLogs"][0]
    names = log["LogFormat"].replace("${", "").replace("}", "").split()
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    lines = [event["message"].split(" ") for event in events]
    assert all(len(line) == len(names) for line in lines)
    records = [dict(zip(names, line)) for line in lines]
    assert [event["timestamp"] for event in events] == [int(record["start"]) * 1000 for record in records]
    return records


def test_the_records_are_those_that_the_network_gives(caller, aws):
    """Told by plain dictionaries, and not by the library that reads them."""
    instances = {i["name"]: i for i in fl.lab.up(session=caller.session).instances}
    began = time.time()
    fl.lab.traffic(session=caller.session)
    streams = [one["logStreamName"] for one in aws("logs").describe_log_streams(logGroupName=GROUP)["logStreams"]]
    assert sorted(streams) == sorted(instance["interface"] + "-all" for instance in instances.values())
    now, seen = time.time(), {}
    for host in topology.HOSTS:
        mine, other = instances[host.name], topology.other(host)
        records = records_of(aws, mine["interface"] + "-all")
        assert {(r["interface-id"], r["account-id"], r["version"]) for r in records} == {(mine["interface"], "123456789012", "11")}
        assert all(began - 360 < int(r["start"]) <= int(r["end"]) < now and int(r["end"]) - int(r["start"]) < 60 for r in records)
        quiet = [r for r in records if r["log-status"] == "NODATA"]
        assert len(quiet) == 1 and quiet[0] is records[0] and {quiet[0][n] for n in ("srcaddr", "dstport", "bytes", "action", "tcp-flags")} == {"-"}
        told = [r for r in records if r["log-status"] == "OK"]
        assert {(r["instance-id"], r["subnet-id"], r["protocol"], r["type"]) for r in told} == {(mine["instance"], mine["subnet"], "6", "IPv4")}
        for r in told:
            leaves = r["srcaddr"] == host.address
            assert r["flow-direction"] == ("egress" if leaves else "ingress") and host.address in (r["srcaddr"], r["dstaddr"])
            assert (r["pkt-srcaddr"], r["pkt-dstaddr"]) == (r["srcaddr"], r["dstaddr"])
            inside = other.address in (r["srcaddr"], r["dstaddr"])
            assert r["traffic-path"] == ("-" if not leaves else "1" if inside else "8") and (r["next-hop-az-id"] != "-") == inside
            if r["dstport"] == "22":
                assert (r["action"], r["tcp-flags"]) == ("REJECT", "2") and not leaves and not inside
            else:
                assert (r["action"], r["tcp-flags"]) == ("ACCEPT", "3" if r["dstport"] == "80" else "19")
        seen[host] = {
            tuple(r[n] for n in ("srcaddr", "dstaddr", "srcport", "dstport", "packets", "bytes", "start", "end"))
            for r in told if other.address in (r["srcaddr"], r["dstaddr"])
        }  # fmt: skip
        assert {r["dstport"] for r in told} >= {"22", "80"} and len(seen[host]) >= 4 * 4 * 4
        visits = {(r["srcaddr"], r["srcport"]) for r in told if r["dstport"] == "80" and r["srcaddr"] != other.address}
        assert visits and visits == {(r["dstaddr"], r["dstport"]) for r in told if r["srcport"] == "80" and r["dstaddr"] != other.address}
    assert seen[ONE] == seen[TWO]  # the same packets at both interfaces


def test_user_and_password_of_an_endpoint_are_not_told(endpoint, capsys):
    host = endpoint.partition("://")[2]
    for arguments in (["up", "--dry-run"], ["up", "--dry-run", "-o", "json"], ["up", "--yes"], ["traffic"], ["check"], ["down", "--yes"]):
        assert main(["lab", *arguments, "--endpoint-url", f"http://user:{SECRET}@{host}"]) in (0, 1)
        out, err = capsys.readouterr()
        assert host in out and SECRET not in out + err and KEY_ID not in out + err


def test_new_minutes_are_added_and_old_ones_are_not_written_twice(caller, aws, monkeypatch):
    interface = fl.lab.up(session=caller.session).instances[0]["interface"]
    now = time.time()
    monkeypatch.setattr(delivery.time, "time", lambda: now - 120)
    fl.lab.traffic(session=caller.session)
    before = records_of(aws, interface + "-all")
    monkeypatch.setattr(delivery.time, "time", lambda: now)
    (added, _) = fl.lab.traffic(session=caller.session).streams
    after = records_of(aws, interface + "-all")
    assert added["until"] - added["from"] == 120 and after[: len(before)] == before and len(after) == len(before) + added["written"]
    assert sum(record["log-status"] == "NODATA" for record in after) == 1


def test_a_flow_log_of_other_fields_and_traffic_gets_its_own(caller, aws):
    vpc = fl.lab.up(session=caller.session).instances and aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["flowlogs-lab"]}])["Vpcs"][0]["VpcId"]
    fl.aws.enable(vpc=vpc, to=f"cloudwatch:{GROUP}", format="action dstport", traffic="reject", session=caller.session)
    streams = fl.lab.traffic(session=caller.session).streams
    assert all(one["stream"] == one["interface"] + "-reject" for one in streams)
    messages = aws("logs").filter_log_events(logGroupName=GROUP)["events"]
    assert {event["message"] for event in messages} == {"REJECT 22", "- -"}


def break_group(ec2, found):
    ec2.authorize_security_group_ingress(GroupId=found.id("security group"), IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])  # fmt: skip


def break_acl(ec2, found):
    ec2.delete_network_acl_entry(NetworkAclId=found.id("network ACL"), RuleNumber=100, Egress=False)


def break_route(ec2, found):
    ec2.delete_route(RouteTableId=found.id("route table"), DestinationCidrBlock="0.0.0.0/0")


def break_subnet(ec2, found):
    ec2.modify_subnet_attribute(SubnetId=found.id("subnet"), MapPublicIpOnLaunch={"Value": False})


def break_gateway(ec2, found):
    ec2.detach_internet_gateway(InternetGatewayId=found.id("internet gateway"), VpcId=found.vpc)


def break_instance(ec2, found):
    ec2.terminate_instances(InstanceIds=[found.instance(ONE)["InstanceId"]])


def break_page(ec2, found):
    id = found.instance(TWO)["InstanceId"]
    ec2.stop_instances(InstanceIds=[id])
    ec2.modify_instance_attribute(InstanceId=id, UserData={"Value": base64.b64encode(b"#!/bin/sh\n")})
    ec2.start_instances(InstanceIds=[id])


def break_flow_log(ec2, found):
    ec2.delete_flow_logs(FlowLogIds=[found.flow_log().id])


BREAKS = {
    "security groups": break_group, "network ACL": break_acl, "route table": break_route, "public subnets": break_subnet,
    "internet gateway": break_gateway, "two EC2 instances": break_instance, "pages": break_page, "flow log": break_flow_log,
}  # fmt: skip


def test_check_says_of_each_step_that_is_broken_that_it_does_not_hold(caller, aws, endpoint):
    session = caller.session
    with pytest.raises(fl.aws.AwsError, match="there is no lab in eu-west-1; `flowlogs lab up` makes it"):
        fl.lab.check(session=session)
    fl.lab.up(session=session)
    assert [step["step"] for step in fl.lab.check(session=session).steps if not step["holds"]] == ["log streams"]
    fl.lab.traffic(session=session)
    found = Found(session)
    for broken in BREAKS.values():
        broken(aws("ec2"), found)
    answer = fl.lab.check(session=session)
    failed = [one["step"] for one in answer.steps if one["holds"] is False]
    assert set(failed) == {*BREAKS, "IAM role", "log streams"} and not answer.holds, failed
    assert all(step in " ".join(str(answer).partition("does not hold: ")[2].split()) for step in failed)
    fl.lab.up(session=session)  # makes again what is its own, and does not undo what is foreign
    fl.lab.traffic(session=session)  # the new instance has a new interface, and that a stream of its own
    answer = fl.lab.check(session=session)
    assert [one["step"] for one in answer.steps if one["holds"] is False] == ["security groups", "pages"], str(answer)
    (role,) = aws("iam").list_roles()["Roles"]
    aws("iam").delete_role_policy(RoleName=role["RoleName"], PolicyName=aws("iam").list_role_policies(RoleName=role["RoleName"])["PolicyNames"][0])
    (told,) = [one["evidence"][0] for one in fl.lab.check(session=session).steps if one["step"] == "IAM role"]
    assert "lacks logs:CreateLogGroup, logs:CreateLogStream" in told
    fl.lab.down(session=session)


def test_what_is_not_of_the_lab_stays(caller, vpc, aws, enable, network):
    enable(vpc=vpc[0], to="cloudwatch:/theirs")
    before = network()
    fl.lab.up(session=caller.session)
    lab = Found(caller.session).vpc
    theirs = aws("ec2").create_subnet(CidrBlock="10.42.9.0/24", VpcId=lab)["Subnet"]["SubnetId"]
    with pytest.raises(fl.aws.AwsError, match="something that is not of the lab is in its VPC: remove it, then run the same again"):
        fl.lab.down(session=caller.session)
    aws("ec2").delete_subnet(SubnetId=theirs)
    fl.lab.down(session=caller.session)
    assert network() == before


def test_the_user_data_is_a_script_whose_page_can_be_found(tmp_path):
    for host in topology.HOSTS:
        script = topology.user_data(host, 90)
        assert subprocess.run(["sh", "-n"], input=script.encode()).returncode == 0
        assert topology.page_in(script) == topology.page(host) and f"instance {host.name} " in topology.page(host)
        assert f"http://{topology.other(host).address}/" in script and "shutdown -h +90" in script and len(script) < 16384
        # As it runs, but for systemd and the folder: the page that is written is the page.
        safe = script.replace("/srv/lab", str(tmp_path)).replace("systemd-run", "true").replace("shutdown", "true")
        subprocess.run(["sh", "-c", safe], check=True)
        assert (tmp_path / "index.html").read_text() == topology.page(host)


def test_the_time_to_live_is_checked_and_noted(caller, aws):
    for wrong in ("", "2", "9m", "31d", "-1h", "2 h"):
        with pytest.raises(fl.aws.RequestError, match="give 10m to 30d"):
            fl.lab.up(ttl=wrong, session=caller.session)
    assert caller.writes == []
    began = time.time()
    fl.lab.up(ttl="90m", session=caller.session)
    (instance, _) = Found(caller.session).items["instance"]
    ends = time.strptime({tag["Key"]: tag["Value"] for tag in instance["Tags"]}[topology.EXPIRES], "%Y-%m-%dT%H:%M:%SZ")
    assert began - 1 < calendar.timegm(ends) - 5400 <= time.time()
    behaviour = aws("ec2").describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="instanceInitiatedShutdownBehavior")
    assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


def test_an_instance_that_was_stopped_is_made_anew_as_it_would_not_end_itself(caller, aws):
    one, two = fl.lab.up(session=caller.session).instances
    aws("ec2").stop_instances(InstanceIds=[one["instance"]])
    plan = fl.lab.up(session=caller.session)
    assert [step["name"] for step in plan.steps if step["action"] == "recreate"] == [f"flowlogs-lab-one {one['instance']}"]
    assert plan.instances[0]["instance"] != one["instance"] and plan.instances[0]["state"] == "running" and plan.instances[1] == two


def test_on_aws_records_are_waited_for(caller, aws, monkeypatch):
    monkeypatch.setattr(time, "sleep", SLEEP)
    monkeypatch.setattr(delivery, "_LOOK_SECONDS", 0.05)
    hosts = fl.lab.up(session=caller.session).instances
    log = Found(caller.session).flow_log()
    answer = delivery.Traffic(caller.session)
    began = int(time.time())
    with pytest.raises(fl.aws.AwsError, match=f"no record arrived in 0 s in {hosts[0]['interface']}-all and "):
        delivery.await_records(caller.session, answer, log, hosts, began, 0)
    old, new = began - 600, began + 1

    def deliver(at):
        for host in hosts:
            stream = host["interface"] + "-all"
            if at == old:
                aws("logs").create_log_stream(logGroupName=GROUP, logStreamName=stream)
            aws("logs").put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=[{"timestamp": at * 1000, "message": "x"}])

    deliver(old)
    with pytest.raises(fl.aws.AwsError, match="no record arrived"):
        delivery.await_records(caller.session, answer, log, hosts, began, 0)
    said = []
    late = threading.Timer(0.3, deliver, [new])
    late.start()
    delivery.await_records(caller.session, answer, log, hosts, began, 30, said.append)
    late.join()
    assert said and [one["name"] for one in answer.streams] == ["one", "two"]


def test_the_published_policy_is_what_is_needed_and_each_refusal_names_what_is_missing(caller, aws, restricted, enforced, monkeypatch):
    """Begins without any permission. What is refused is asked for again, once what our message names is allowed: so every action of
    the policy is seen to be needed, and all of them to be enough."""
    policy = fl.lab.up(session=caller.again(), dry_run=True).policies["permissions of whoever runs this"]
    published = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert len({statement["Sid"] for statement in policy["Statement"]}) == len(policy["Statement"]) and len(json.dumps(policy)) < 6144
    monkeypatch.setattr(checking, "_pages", lambda *_: None)  # what stands in for them on an emulator needs more
    iam = aws("iam")
    iam.create_user(UserName="admin")
    iam.put_user_policy(UserName="admin", PolicyName="p", PolicyDocument=ANYTHING)
    key = iam.create_access_key(UserName="admin")["AccessKey"]
    admin = fl.aws.Session(boto=boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="eu-west-1")).client("iam")
    granted = {"sts:GetCallerIdentity"}

    def grant(response, operation, **_):
        if not response or response[0].status_code < 300:
            return None
        told = errors.explained(ClientError(response[1], operation.name), operation.service_model.service_name, "step")
        if not isinstance(told, fl.aws.AccessError):
            return None
        assert f"the permission {told.permission} is missing" in str(told)
        assert told.permission in published - granted, told
        granted.add(told.permission)
        allow = {"Effect": "Allow", "Action": sorted(granted), "Resource": "*"}
        admin.put_user_policy(UserName="restricted", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
        return 0  # seconds until the same is asked for once more

    mine = restricted[0]
    mine.boto.events.register_first("needs-retry", grant)
    enforced(True)
    fl.lab.up(session=mine.session)
    enforced(False)
    fl.lab.traffic(session=caller.again())
    enforced(True)
    fl.lab.check(session=mine.session)
    fl.lab.down(session=mine.session)
    assert {action for action in published - granted if not action.startswith(OF_OTHER_CASES)} == set()


ANYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
# Of enable and disable where there is more to do; what moto does not ask for (see test_aws_permissions.py).
OF_OTHER_CASES = ("ec2:CreateTags", "ec2:DescribeNatGateways", "ec2:DescribeTransitGateway", "iam:PassRole", "iam:TagRole", "iam:UpdateRole",
                  "iam:UpdateAssumeRolePolicy", "kms:", "logs:AssociateKmsKey", "logs:DescribeLogStreams", "logs:TagResource")  # fmt: skip


# ---- As users run it, on an emulator of its own -----------------------------------------------------------------------


@pytest.fixture
def lab(command, tmp_path, monkeypatch):
    """Runs `flowlogs lab VERB --emulated`, with a state directory of its own. Nothing runs on when the test ends."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    told = []

    def run(verb, *options):
        ran = command("lab", verb, *options, "--emulated")
        told.append(ran.stdout + ran.stderr)
        return ran

    run.told, run.state = told, tmp_path / "state" / "flowlogs" / "lab"
    yield run
    emulator.stop()


def lives(pid):
    """Whether there is such a process; one that nobody has asked for its end is none."""
    try:
        return pathlib.Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_files(process):
    found = set()
    for file in process.joinpath("fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a connection that ended meanwhile
            found.add(os.readlink(file))
    return found


def test_a_person_without_an_account_sees_all_of_it(lab, aws, network):
    before = network()  # of the server that AWS_ENDPOINT_URL names: it is not touched
    ran = lab("up", "--yes", "--ttl", "30m")
    assert ran.returncode == 0, ran.stderr
    assert "USD an hour while the instances run" in ran.stdout and "after 30 min (--ttl)" in ran.stdout and "nothing of AWS is" in ran.stdout
    assert "an emulator of AWS is started: http://127.0.0.1:" in ran.stderr and "next: flowlogs lab traffic --emulated" in ran.stdout
    place = emulator.running()
    # It belongs to no terminal and no session of the caller's, holds none of its files, and knows no credential.
    process = pathlib.Path("/proc", str(place["pid"]))
    session, terminal = process.joinpath("stat").read_text().rpartition(")")[2].split()[3:5]
    assert terminal == "0" and int(session) not in (os.getsid(0), os.getpid()) and os.readlink(process / "cwd") == "/"
    assert not any(name.startswith(("pipe:", "/dev/pts", "/dev/tty")) for name in open_files(process)), open_files(process)
    assert b"AWS_" not in process.joinpath("environ").read_bytes()

    again = lab("up", "--yes")
    assert again.returncode == 0 and again.stderr == "flowlogs: everything is there already\n" and "create" not in again.stdout
    wrote = lab("traffic")
    assert wrote.returncode == 0 and "No packet moved" in wrote.stdout and wrote.stdout.count("records, ") == 2
    checked = lab("check")
    assert checked.returncode == 0 and checked.stderr == "" and " NO " not in checked.stdout, checked.stdout
    assert "every step of the tutorial holds" in checked.stdout and "stands in for http://" in " ".join(checked.stdout.split())
    off = lab("down", "--yes")
    assert off.returncode == 0 and "nothing of the lab is left" in off.stderr and "the emulator is ended" in off.stderr
    assert not lives(place["pid"]) and list(lab.state.iterdir()) == [] and network() == before
    twice = lab("down", "--yes")
    assert (twice.returncode, twice.stdout, twice.stderr) == (0, "", "flowlogs: there is nothing to remove: no emulator runs\n")
    assert not any(secret in text for text in lab.told for secret in (KEY_ID, SECRET))


def test_an_emulator_that_was_killed_is_known_to_be_gone(lab):
    first = emulator.start()
    assert first["started"] and emulator.start() == {**first, "started": False} and lives(first["pid"])
    files = b"".join(path.read_bytes() for path in lab.state.iterdir())
    assert b'"pid"' in files and not any(secret.encode() in files for secret in (KEY_ID, SECRET))
    ran = lab("up", "--dry-run")  # which does not end what was there
    assert ran.returncode == 0 and "create  VPC" in ran.stdout and ran.stderr == "" and lives(first["pid"])
    os.kill(first["pid"], signal.SIGKILL)
    while emulator._is_alive():
        time.sleep(0.01)
    # Whoever now has its number is left alone.
    assert emulator.running() is None and emulator.stop() is False and fl.lab.down(emulated=True) is None
    with pytest.raises(fl.aws.AwsError, match="no emulator runs; `flowlogs lab up --emulated` starts one"):
        fl.lab.check(emulated=True)
    ran = lab("up")  # without a word nothing is made, and nothing runs on
    assert ran.returncode == 2 and "create  VPC" in ran.stdout and "give --yes to do this" in ran.stderr
    assert "it is ended" in ran.stderr and emulator.running() is None and list(lab.state.iterdir()) == []
    ran = lab("up", "--yes", "--region", "eu-west-9")  # an error before anything is made
    assert ran.returncode == 2 and "check --region" in ran.stderr
    assert "it is ended" in ran.stderr and emulator.running() is None and list(lab.state.iterdir()) == []


def test_what_is_wrong_is_said_before_anything_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for arguments, told in [
        ([], "lab needs a verb; there are up, traffic, check, down"),
        (["up", "--emulated", "--ttl", "1y"], "--ttl: '1y' is no time to live; give 10m to 30d"),
        (["up", "--emulated", "x"], "up reads no FILES"),
        (["check", "--emulated", "--profile", "p"], "leave --profile and --role-arn out"),
        (["traffic", "--emulated", "--wait", "x"], "'x' is not a number of seconds"),
        (["traffic", "--emulated"], "no emulator runs"),
        (["check"], "there is no lab in eu-west-1"),
    ]:
        assert main(["lab", *arguments]) == 2
        out, err = capsys.readouterr()
        assert told in err and out == "", (arguments, err)
    assert not (tmp_path / "state").exists()
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    assert main(["lab", "up", "--emulated", "--yes"]) == 2
    assert "set XDG_STATE_HOME to a folder that can be written" in capsys.readouterr().err


@pytest.mark.parametrize("verb", GROUPS["lab"])
def test_every_help_has_an_example(verb, capsys):  # CONTRACT V7
    assert main(["lab", verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"example: flowlogs lab {verb} --emulated" in out and "--endpoint-url" in out
