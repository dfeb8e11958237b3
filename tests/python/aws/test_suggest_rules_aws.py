"""Suggested rules are taken by EC2 as they are, and found there again by the next inventory."""

import json
import shlex

import flowlogs as fl
from flowlogs.aws import collecting
from flowlogs.aws.session import Session

V5 = "interface-id flow-direction srcaddr dstaddr srcport dstport protocol start end action tcp-flags"


def test_ec2_takes_the_rules_of_the_script_and_they_are_there_afterwards(aws, endpoint, tmp_path):
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
    app, web = (ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("app", "web"))

    def interface(group, address):
        made = ec2.create_network_interface(SubnetId=subnet, Groups=[group], PrivateIpAddress=address)
        return made["NetworkInterface"]["NetworkInterfaceId"]

    eni, client = interface(app, "10.0.1.5"), interface(web, "10.0.2.5")
    assert client
    lines = [
        f"{eni} ingress 10.0.2.5 10.0.1.5 40000 8080 6 0 60 ACCEPT 2\n",
        f"{eni} ingress 10.9.0.1 10.0.1.5 40000 5000 17 0 60 ACCEPT 0\n",
        f"{eni} ingress 10.9.0.2 10.0.1.5 40000 5001 17 0 60 ACCEPT 0\n",
        f"{eni} ingress 10.9.0.3 10.0.1.5 0 0 1 0 60 ACCEPT 0\n",
        f"{eni} ingress fd00::3 fd00::5 40000 22 6 0 60 ACCEPT 2\n",
        f"{eni} egress 10.0.1.5 203.0.113.9 40000 443 6 0 60 ACCEPT 2\n",
        f"{eni} egress 10.0.1.5 203.0.113.9 0 0 47 0 60 ACCEPT 0\n",
        f"{eni} ingress 10.9.0.9 10.0.1.5 40000 22 6 0 60 REJECT 2\n",
    ]
    logs = fl.scan((V5 + "\n" + "".join(lines)).encode())
    session = Session(endpoint_url=endpoint)
    collecting.collect(session, str(tmp_path / "before"))
    before = logs.suggest_rules(app, inventory=tmp_path / "before")
    rules = [rule["text"] for way in ("ingress", "egress") for rule in before.targets[0][way]]
    assert f"ingress tcp/8080 from {web}" in rules and "egress gre to 203.0.113.9/32" in rules and len(rules) == 7
    # What a new group may do: everything, outwards.
    (everything,) = before.targets[0]["existing"]
    assert everything["text"] == "egress all to 0.0.0.0/0" and everything["seen"] and len(everything["narrower"]) == 2

    for line in before.to_cli().splitlines():
        if line.startswith("aws "):
            _, _, call, _, group, _, permissions = shlex.split(line)
            getattr(ec2, call.replace("-", "_"))(GroupId=group, IpPermissions=json.loads(permissions))
    collecting.collect(session, str(tmp_path / "after"))
    after = logs.suggest_rules(app, inventory=tmp_path / "after")
    assert [rule["text"] for way in ("ingress", "egress") for rule in after.targets[0][way]] == rules
    there = {row["text"]: row for row in after.targets[0]["existing"]}
    assert set(rules) <= set(there) and all(there[text]["seen"] for text in rules)
    assert all(rule["exists_as"] for way in ("ingress", "egress") for rule in after.targets[0][way])
    assert "aws ec2" not in after.to_cli()
