"""An inventory that `flowlogs aws inventory` wrote of what boto3 made: the names in it are the addresses of the things."""

import pytest

import flowlogs as fl
from flowlogs import inventory

IMAGE = "ami-12c6146b"


def tagged(kind, name):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


@pytest.fixture
def made(vpc, aws):
    """{what: its id} of a VPC with instances, a NAT gateway, an endpoint and a load balancer."""
    ec2 = aws("ec2")
    first, subnet, enis = vpc
    ec2.create_tags(Resources=[first], Tags=[{"Key": "Name", "Value": "prod"}])
    ec2.associate_vpc_cidr_block(VpcId=first, CidrBlock="10.7.0.0/16")
    second = ec2.create_subnet(VpcId=first, CidrBlock="10.7.1.0/24", AvailabilityZone="eu-west-1b")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=first)["GroupId"]
    run = dict(ImageId=IMAGE, SubnetId=subnet, SecurityGroupIds=[group], MinCount=1, MaxCount=1)
    one, two = (
        ec2.run_instances(**run, TagSpecifications=tagged("instance", name))["Instances"][0]["InstanceId"] for name in ("web-1", "web 2")
    )
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(InstanceId=one, AllocationId=address["AllocationId"])
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"],
                                 TagSpecifications=tagged("natgateway", "out"))["NatGateway"]["NatGatewayId"]  # fmt: skip
    ec2.create_network_interface(SubnetId=second, Description="ELB app/front/50dc6c495c0c9188", PrivateIpAddress="10.7.1.44")
    aws("elbv2").create_load_balancer(Name="front", Subnets=[subnet, second])
    return dict(vpc=first, subnet=subnet, second=second, enis=enis, group=group, one=one, two=two, public=address["PublicIp"], nat=nat)


def test_names_are_the_addresses_of_the_things(made, aws, command, tmp_path):
    """CONTRACT L4, L5"""
    ran = command("aws", "inventory", "-o", tmp_path / "all")
    assert ran.returncode == 0, ran.stderr
    known = inventory.read(tmp_path / "all")
    ec2 = aws("ec2")
    interfaces = ec2.describe_network_interfaces()["NetworkInterfaces"]
    by_instance = {}
    for item in interfaces:
        by_instance.setdefault((item.get("Attachment") or {}).get("InstanceId"), set()).add(item["PrivateIpAddress"])
    one = by_instance[made["one"]] | {made["public"]}
    assert len(one) == 2 and set(known.sets[made["one"]]) == set(known.sets["web-1"]) == one
    assert set(known.sets["web_2"]) == set(known.sets[made["two"]]) >= by_instance[made["two"]]
    assert set(known.sets[made["group"]]) == set(known.sets["web"]) == one | set(known.sets["web_2"])
    assert known.sets["prod"] == known.sets[made["vpc"]] == ["10.0.0.0/16", "10.7.0.0/16"]
    assert known.sets[made["subnet"]] == ["10.0.1.0/24"] and known.sets[made["second"]] == ["10.7.1.0/24"]
    assert set(known.internal) == {block["CidrBlock"] for v in ec2.describe_vpcs()["Vpcs"] for block in v["CidrBlockAssociationSet"]}
    for item in interfaces:
        assert item["PrivateIpAddress"] in known.sets[item["NetworkInterfaceId"]]
    gateway = ec2.describe_nat_gateways()["NatGateways"][0]["NatGatewayAddresses"][0]
    assert {gateway["PublicIp"]} <= set(known.sets["out"]) == set(known.sets[made["nat"]])
    assert "10.7.1.44" in known.sets["front"]

    record = "eni-1 {} 10.7.1.44 1234 443 6 ACCEPT\n"
    header = "interface-id srcaddr dstaddr srcport dstport protocol action\n"
    (tmp_path / "log").write_text(header + "".join(record.format(address) for address in sorted(one) + ["192.0.2.1"]))
    where = ["--where", "src in @web-1 and dst in @front and dst in internal"]
    ran = command("query", "--inventory", tmp_path / "all", "--agg", "n=count()", "-o", "csv", *where, tmp_path / "log")
    assert ran.stdout == "n\n2\n", ran.stderr
    logs = fl.scan(tmp_path / "log", inventory=[tmp_path / "all"])
    assert logs.filter(where[1]).count() == 2 and logs.filter("src in internal").count() == 1
