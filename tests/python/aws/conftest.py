"""A moto server that the tests start, emptied before each of them, and sessions whose calls are counted."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest

import flowlogs as fl
from .aws_killed import Killed
from .delivery import proxied

boto3 = pytest.importorskip("boto3", reason="the extra 'aws' is not installed")
pytest.importorskip("moto", reason="the extra 'lab' is not installed")

KEY_ID, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN"
REGION = "eu-west-1"
ACCOUNT = "123456789012"


# On a port that the system gives it, which nobody else can have taken: it is said when requests are answered.
SERVER = """
import threading
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    log = tmp_path_factory.mktemp("moto") / "log"
    environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "inf"}
    with open(log, "wb") as errors, subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=errors, env=environment
    ) as server:
        try:
            port = server.stdout.readline().decode().strip()
            assert port, log.read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def post(url, data=b""):
    request = urllib.request.Request(url, data=data, method="POST", headers={"Content-Type": "text/plain"})
    urllib.request.urlopen(request, timeout=60).close()


_CLIENTS = {}  # to make one takes as long as a hundred calls, and the server is one for all tests


@pytest.fixture(autouse=True)
def aws(endpoint, monkeypatch, tmp_path):
    """The environment of a caller, and an empty AWS. Gives clients: aws("ec2")."""
    post(endpoint + "/moto-api/reset")
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    values = {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    def client(service, region=REGION):
        if (service, region) not in _CLIENTS:
            _CLIENTS[service, region] = boto3.Session(region_name=region).client(service)
        return _CLIENTS[service, region]

    return client


@pytest.fixture
def command(command_process):
    """As users run it, with nothing of what this process knows of AWS."""
    return command_process


@pytest.fixture
def proxy(endpoint, monkeypatch):
    """A proxy of delivery.py in front of the server, which the environment names."""
    with proxied(endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.fixture
def enforced(endpoint):
    """Switches moto's IAM enforcement on: enforced(True)."""

    def switch(on):
        post(endpoint + "/moto-api/reset-auth", b"0" if on else b"inf")

    yield switch
    switch(False)


class Counted:
    """A boto3 session that notes each call as (service, operation), and may kill the run after the n-th, or the n-th change."""

    def __init__(self, **options):
        self.calls = []
        self.boto = boto3.Session(region_name=REGION, **options)
        self.kill_after = self.kill_after_writes = None
        self.session = fl.aws.Session(boto=self.boto)
        self.boto.events.register("before-call", self._note)
        self.boto.events.register("after-call", self._end)

    def _note(self, model, **kwargs):
        self.calls.append((model.service_model.service_name, model.name))

    def _end(self, **kwargs):
        if self.kill_after is not None and len(self.calls) >= self.kill_after:
            raise Killed
        if self.kill_after_writes is not None and len(self.writes) >= self.kill_after_writes:
            raise Killed

    def again(self, kill_after=None):
        """The session, which has called nothing yet."""
        self.calls, self.kill_after, self.kill_after_writes = [], kill_after, None
        self.session._identity.clear()
        return self.session

    @property
    def writes(self):
        return [call for call in self.calls if not call[1].startswith(("Describe", "Filter", "Get", "List"))]


@pytest.fixture(scope="session")
def sessions():
    return {}


@pytest.fixture
def counted(aws, sessions):
    """A session whose calls are counted: counted().session, .calls, .writes, .again(kill_after=n)."""

    def make():
        one = sessions.setdefault("counted", None) or Counted()
        sessions["counted"] = one
        one.again()
        return one

    return make


@pytest.fixture
def enable(aws, sessions):
    """fl.aws.enable() of a session that all tests share."""

    def run(**options):
        sessions["plain"] = sessions.get("plain") or Counted()
        return fl.aws.enable(**{"session": sessions["plain"].again(), **options})

    return run


@pytest.fixture
def restricted(aws, counted):
    """A user without permissions: (its session of flowlogs, a function that gives it a policy)."""
    iam = aws("iam")
    iam.create_user(UserName="restricted")
    key = iam.create_access_key(UserName="restricted")["AccessKey"]
    made = type(counted())(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])

    def give(document):
        iam.put_user_policy(UserName="restricted", PolicyName="p", PolicyDocument=document)

    return made, give


@pytest.fixture
def vpc(aws):
    """A VPC with a subnet and two interfaces: (vpc, subnet, [eni, eni])."""
    ec2 = aws("ec2")
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=made, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    enis = [ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"] for _ in range(2)]
    return made, subnet, enis


@pytest.fixture
def state(aws):
    """Everything that flowlogs makes or changes, without ids and times."""

    def look(buckets=()):
        logs = aws("ec2").describe_flow_logs()["FlowLogs"]
        for log in logs:
            del log["CreationTime"], log["FlowLogId"]
        roles = {}
        for role in aws("iam").list_roles()["Roles"]:
            name = role["RoleName"]
            policies = {
                policy: aws("iam").get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in aws("iam").list_role_policies(RoleName=name)["PolicyNames"]
            }
            roles[name] = [role["Path"], role["AssumeRolePolicyDocument"], role.get("Description"), policies]
        groups = {}
        for group in aws("logs").describe_log_groups()["logGroups"]:
            tags = aws("logs").list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"]
            groups[group["logGroupName"]] = [group.get("retentionInDays"), group.get("kmsKeyId"), tags]
        found = {"flow logs": sorted(logs, key=json.dumps), "roles": roles, "groups": groups}
        for bucket in buckets:
            try:
                found[bucket] = json.loads(aws("s3").get_bucket_policy(Bucket=bucket)["Policy"])
            except aws("s3").exceptions.ClientError:
                found[bucket] = None
        return found

    return look
