"""troubleshoot with an inventory as AWS (its emulator) describes things: the rule is named, and the command it gives mends it."""

import shlex

import pytest

import flowlogs as fl

HEADER = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags flow-direction\n"


@pytest.fixture
def hosts(aws):
    """Two instances in two subnets: {"web": (interface, address), "db": ...}, the ACL of db's subnet, the group of each."""
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    found = {}
    for name, block in (("web", "10.0.1.0/24"), ("db", "10.0.2.0/24")):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        image = ec2.describe_images()["Images"][0]["ImageId"]
        (instance,) = ec2.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group], InstanceType="t3.micro",
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
        )["Instances"]  # fmt: skip
        (interface,) = instance["NetworkInterfaces"]
        found[name] = {"eni": interface["NetworkInterfaceId"], "address": interface["PrivateIpAddress"], "group": group, "subnet": subnet}
    return {"ec2": ec2, "vpc": vpc, **found}


def ask(hosts, directory, rejected):
    """What is told of a connection whose request, or whose reply, db's interface rejected."""
    fl.aws.inventory(str(directory))
    web, db = hosts["web"]["address"], hosts["db"]["address"]
    lines = f"5 1 {hosts['db']['eni']} {web} {db} 40000 5432 6 1 60 1700000000 1700000050 {'REJECT' if rejected == 'request' else 'ACCEPT'} OK 2 ingress\n"
    if rejected == "reply":
        lines += f"5 1 {hosts['db']['eni']} {db} {web} 5432 40000 6 1 60 1700000000 1700000050 REJECT OK 18 egress\n"
    return fl.scan((HEADER + lines).encode()).troubleshoot(from_="web", to="db:5432", inventory=str(directory))


def run(ec2, command):
    """Does what a command line of AWS says."""
    words = shlex.split(command)
    assert words[:2] == ["aws", "ec2"]
    options = dict(zip(words[3::2], words[4::2]))
    if words[2] == "authorize-security-group-ingress":
        parts = dict(part.split("=", 1) for part in options["--ip-permissions"].split(",") if "Ranges" not in part)
        block = options["--ip-permissions"].split("CidrIp=")[1].rstrip("}]")
        permission = {"IpProtocol": parts["IpProtocol"], "FromPort": int(parts["FromPort"]), "ToPort": int(parts["ToPort"]), "IpRanges": [{"CidrIp": block}]}
        ec2.authorize_security_group_ingress(GroupId=options["--group-id"], IpPermissions=[permission])
        return
    assert words[2] == "create-network-acl-entry"
    flag = next(word for word in words if word in ("--egress", "--ingress"))
    words.remove(flag)
    options = dict(zip(words[3::2], words[4::2]))
    ports = dict(part.split("=") for part in options["--port-range"].split(","))
    ec2.create_network_acl_entry(
        NetworkAclId=options["--network-acl-id"], RuleNumber=int(options["--rule-number"]), Protocol=options["--protocol"],
        RuleAction=options["--rule-action"], Egress=flag == "--egress", CidrBlock=options["--cidr-block"],
        PortRange={name: int(port) for name, port in ports.items()},
    )  # fmt: skip


def test_a_group_without_the_rule(hosts, tmp_path):
    made = ask(hosts, tmp_path, "request")
    assert (made.verdict, made.confidence) == ("request-rejected", "certain")
    assert [rule["id"] for rule in made.rules if rule["allows"] is False] == [hosts["db"]["group"]]
    assert "web" in made.why and hosts["db"]["group"] in made.why
    run(hosts["ec2"], made.fix)
    mended = ask(hosts, tmp_path, "request")
    assert all(rule["allows"] for rule in mended.rules) and "changed since" in mended.why and mended.fix == ""


def test_an_acl_without_the_ephemeral_ports(hosts, tmp_path):
    ec2 = hosts["ec2"]
    acl = ec2.create_network_acl(VpcId=hosts["vpc"])["NetworkAcl"]["NetworkAclId"]
    filters = [{"Name": "association.subnet-id", "Values": [hosts["db"]["subnet"]]}]
    (old,) = ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
    association = next(one for one in old["Associations"] if one["SubnetId"] == hosts["db"]["subnet"])
    ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)
    ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Protocol="-1", RuleAction="allow", Egress=False, CidrBlock="0.0.0.0/0")
    made = ask(hosts, tmp_path, "reply")
    assert (made.verdict, made.at["side"]) == ("reply-rejected", "destination")
    (rule,) = made.rules
    assert (rule["kind"], rule["id"], rule["direction"], rule["allows"]) == ("network-acl", acl, "egress", False)
    run(ec2, made.fix)
    assert ask(hosts, tmp_path, "reply").rules[0]["allows"] is True
