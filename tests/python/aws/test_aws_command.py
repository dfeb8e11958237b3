"""The verbs of aws as users run them."""

import contextlib
import json
import os
import pty
import re
import shlex
import sys

import pytest

from flowlogs.cli import GROUPS

TO = "cloudwatch:/vpc/flow-logs"
KEY_ID, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN"


def test_enable_status_streams_disable(command, vpc, aws, state):  # CONTRACT V1
    before = state()
    ran = command(
        "aws", "enable", "--vpc", vpc[0], "--eni", *vpc[2], "--to", TO, "--retention", 7, "--tag", "team=net", "--yes"
    )
    assert ran.returncode == 0, ran.stderr
    assert f"flow log     {vpc[0]}" in ran.stdout and "flowlogs: create log group /vpc/flow-logs" in ran.stderr
    again = command(
        "aws",
        "enable",
        "--vpc",
        vpc[0],
        "--eni",
        ",".join(vpc[2]),
        "--to",
        TO,
        "--retention",
        7,
        "--tag",
        "team=net",
        "--yes",
    )
    assert (
        again.returncode == 0
        and again.stderr == "flowlogs: everything is there already\n"
        and "create" not in again.stdout
    )
    told = json.loads(command("aws", "status", "-o", "json").stdout)
    assert {log["resource"] for log in told["flow_logs"]} == {vpc[0], *vpc[2]} and vpc[0] not in told["not_covered"]
    assert "not covered: " in command("aws", "status").stdout
    assert (
        command("aws", "streams", "/vpc/flow-logs").stdout
        == "/vpc/flow-logs has no streams: no record has arrived yet\n"
    )
    aws("logs").create_log_stream(logGroupName="/vpc/flow-logs", logStreamName=vpc[2][0] + "-all")
    rows = json.loads(command("aws", "streams", TO, "-o", "json").stdout)
    assert rows["streams"][0]["interface"] == vpc[2][0]
    for wish, line in [("csv", "stream,interface,"), ("tsv", "stream\tinterface\t"), ("ndjson", '{"stream":')]:
        ran = command("aws", "streams", "cloudwatch://" + TO.partition(":")[2], "-o", wish)  # as the verbs that read it are given it
        assert ran.returncode == 0 and ran.stdout.startswith(line) and vpc[2][0] + "-all" in ran.stdout, ran.stderr
    off = command("aws", "disable", "--all", "--yes")
    assert off.returncode == 0 and "delete   flow log" in re.sub(" +", " ", off.stdout).replace(
        "delete flow log", "delete   flow log"
    )
    assert state() == before
    twice = command("aws", "disable", "--all", "--yes")
    assert twice.returncode == 0 and twice.stderr == "flowlogs: there is nothing to remove\n" and state() == before


def test_nothing_is_changed_without_a_word(command, vpc, state):
    before = state()
    for options, code in [(["--dry-run"], 0), ([], 2), (["--dry-run", "-o", "json"], 0)]:
        ran = command("aws", "enable", "--vpc", vpc[0], "--to", TO, *options)
        assert ran.returncode == code and "/vpc/flow-logs" in ran.stdout and state() == before
    assert json.loads(ran.stdout)["policies"]["permissions of whoever runs this"]["Statement"]
    assert "give --yes to do this" in command("aws", "enable", "--vpc", vpc[0], "--to", TO).stderr


def test_every_problem_is_a_line_on_stderr(command):
    ran = command("aws", "enable", "--vpc", "vpc-1", "--to", "s3://Bucket", "--interval", 30, "--yes")
    assert ran.returncode == 2 and ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 3 and "--interval: 30 s is not possible; take 60 or 600" in ran.stderr
    for arguments, told in [
        (["aws"], "aws needs a verb; there are enable, status"),
        (["aws", "enabel"], "'enabel' is no verb of aws"),
        (["aws", "enable", "--vpc", "vpc-12345678"], "--to"),
        (["aws", "enable", "x.log", "--vpc", "vpc-12345678", "--to", TO], "reads no FILES"),
        (["aws", "enable", "--vpc", "vpc-12345678", "--to", TO, "--tag", "x"], "it is KEY=VALUE"),
        (["aws", "disable", "--yes"], "nothing is named"),
        (["aws", "streams"], "it needs one GROUP"),
        (["aws", "status", "--region", "nowhere"], "'nowhere' is no region"),
        (["aws", "status", "--profile", "nobody"], "(nobody)"),
        (["aws", "status", "--endpoint-url", "nowhere"], "'nowhere' is no URL"),
    ]:
        ran = command(*arguments)
        assert ran.returncode == 2 and told in ran.stderr and ran.stdout == "", (arguments, ran.stderr)


def test_what_is_not_there_and_what_is_not_aws_is_told_with_what_to_do(command):
    ran = command("aws", "streams", "/none")
    assert "DescribeLogStreams: ResourceNotFoundException); check the name, --region and --profile" in ran.stderr
    ran = command("aws", "status", "--region", "eu-west-9")  # of which moto answers with a page
    assert ran.returncode == 2 and "<" not in ran.stderr and len(ran.stderr.splitlines()) == 1
    assert "what answered does not speak as AWS does; check --region and --endpoint-url" in ran.stderr


def test_who_is_asked_sees_the_plan_with_o_too(vpc, state, tmp_path):
    before = state()
    pid, terminal = pty.fork()
    if pid == 0:
        words = ["aws", "enable", "--vpc", vpc[0], "--to", TO, "-o", str(tmp_path / "plan.json")]
        os.execv(sys.executable, [sys.executable, "-m", "flowlogs", *words])
    os.write(terminal, b"n\n")
    told = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while piece := os.read(terminal, 4096):
            told += piece
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
    plan, asked, rest = told.decode().partition("Do this? [y/N]")
    assert asked and "log group" in plan and "flow log" in plan and "nothing was changed" in rest and state() == before


def test_endpoint_and_region_are_options_as_well(command, endpoint, vpc):  # CONTRACT V4
    environment = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "us-east-1"}
    ran = command(
        "aws",
        "enable",
        "--vpc",
        vpc[0],
        "--to",
        TO,
        "--dry-run",
        "--endpoint-url",
        endpoint,
        "--region",
        "eu-west-1",
        env=environment,
    )
    assert ran.returncode == 0 and vpc[0] in ran.stdout
    ran = command("aws", "status", "--endpoint-url", endpoint, "--region", "us-west-2")
    assert "in us-west-2" in ran.stdout


def test_without_credentials_and_without_region_it_says_what_to_do(command, endpoint, monkeypatch):
    monkeypatch.delenv("AWS_REGION")
    assert "give --region, or set AWS_REGION" in command("aws", "status").stderr
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    ran = command("aws", "status")
    assert ran.returncode == 2 and "no AWS credentials were found; give --profile" in ran.stderr


def test_no_credential_is_in_any_output_or_file(command, vpc, tmp_path, monkeypatch, enforced, endpoint):
    """Also of errors, of credentials in the endpoint's URL, and of files in the home and working directories."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    host = endpoint.partition("://")[2]
    told = []

    def run(*arguments, **options):
        ran = command("aws", *arguments, cwd=tmp_path, **options)
        told.append(ran.stdout + ran.stderr)
        return ran

    assert run("enable", "--vpc", vpc[0], "--to", TO, "--yes").returncode == 0
    run("enable", "--vpc", vpc[0], "--to", TO, "-o", "plan.json", "--yes")
    run("status", "-o", "status.json")
    run("streams", "/none")
    run("status", "--endpoint-url", f"http://user:{SECRET}@127.0.0.1:9")
    run("status", "--endpoint-url", f"http://user:{SECRET}@{host}")
    run("status", "--role-arn", "arn:aws:iam::123456789012:role/none")
    enforced(True)  # the keys are of nobody
    assert run("status").returncode == 2 and run("disable", "--all", "--yes").returncode == 2
    enforced(False)
    run("disable", "--all", "-o", "json", "--yes")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"plan.json", "status.json"}
    told += [path.read_bytes().decode("utf-8", "replace") for path in files]
    for text in told:
        assert not any(secret in text for secret in (KEY_ID, SECRET, TOKEN)), text
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == SECRET


@pytest.mark.parametrize("verb", GROUPS["aws"])
def test_every_help_has_an_example_that_works(command, verb, vpc, aws, tmp_path):  # CONTRACT V7
    aws("logs").create_log_group(logGroupName="/vpc/flow-logs")
    ran = command("aws", verb, "--help")
    assert ran.returncode == 0 and ran.stderr == ""
    words = shlex.split(ran.stdout.partition("example: ")[2])
    assert words[:3] == ["flowlogs", "aws", verb]
    ran = command(*words[1:], cwd=tmp_path)
    assert ran.returncode == 0 and ran.stdout and ran.stderr == "", ran.stderr


def test_the_help_lists_the_verbs(command):
    for arguments in (["--help"], ["aws", "--help"]):
        for verb in GROUPS["aws"]:
            assert f"  aws {verb} " in command(*arguments).stdout
