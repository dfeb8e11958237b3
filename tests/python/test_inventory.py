"""--inventory and fl.scan(inventory=): names for addresses, and what is internal. tests/python/aws has one that AWS's emulator wrote."""

import json
import pathlib
import shutil

import pytest

import flowlogs as fl
from flowlogs import inventory

HERE = pathlib.Path(__file__).resolve().parent / "inventory"
WEB = {"10.0.0.138", "198.51.100.1", "2001:db8:1::8"}
HEADER = "srcaddr dstaddr\n"


def of(noise, **options):
    return fl.scan(noise, inventory=HERE, **options)


@pytest.mark.parametrize(
    "names, values",
    [
        (["i-0a1b2c3d4e5f60701", "eni-07e5d76940fbaa5c6", "web-1"], WEB),
        (["web", "sg-0a1b2c3d4e5f60701"], {*WEB, "10.0.0.236", "198.51.100.2", "10.0.0.16/28"}),
        (["vpc-0a1b2c3d4e5f60718", "prod"], {"10.0.0.0/24", "2001:db8:1::/56"}),
        (["subnet-0a1b2c3d4e5f60711", "prod_a"], {"10.0.0.0/25"}),
        (["eni-0b2fc5457066bc156", "spare_old"], {"10.0.0.164", "198.51.100.3"}),
        (["front"], {"10.0.0.89"}),
        (["nat-0a1b2c3d4e5f60701", "out"], {"10.0.0.33", "198.51.100.4"}),
        (["unused", "sg-0a1b2c3d4e5f60703"], set()),
    ],
)
def test_things_are_sets_by_their_ids_and_names(names, values):  # CONTRACT L5
    known = inventory.read(HERE)
    assert [set(known.sets[name]) for name in names] == [values] * len(names)


def test_what_has_no_addresses_is_no_set():
    with pytest.raises(fl.ExpressionError, match="there is no set @vpce-0a1b2c3d4e5f60701"):
        fl.scan(HEADER.encode(), inventory=HERE).filter("dst in @vpce-0a1b2c3d4e5f60701").count()


def test_names_stand_in_filters(noise):
    assert of(noise).filter("dstaddr in @web-1").count() == fl.scan(noise).filter("dstaddr = 10.0.0.138").count() > 50
    written = "dst in (10.0.0.138, 10.0.0.236, 10.0.0.16/28) and src not in 10.0.0.0/24"
    assert of(noise).filter("dst in @web and src not in @prod").count() == fl.scan(noise).filter(written).count() > 50
    assert of(noise).filter("addr in @unused").count() == 0


def test_an_unknown_name_is_told_with_one_that_is_near(noise):
    with pytest.raises(fl.ExpressionError, match="there is no set @web-3: did you mean @web-[12]?"):
        of(noise).filter("dst in @web-3").count()


def test_the_vpcs_are_internal_unless_it_is_said():  # CONTRACT L4
    log = (HEADER + "10.0.0.7 10.0.1.7\n2001:db8:1::1 2001:db8:9::1\n10.9.0.1 10.0.0.8\n").encode()

    def internal(**options):
        rows = fl.scan(log, **options).select("srcaddr", "dstaddr").collect()
        both = [row[name] for row in rows for name in ("srcaddr", "dstaddr")]
        known = fl.scan(log, **options)
        return [a for a in both if known.filter(f"srcaddr = {a} and srcaddr in internal or dstaddr = {a} and dstaddr in internal").count()]

    assert internal(inventory=HERE) == ["10.0.0.7", "2001:db8:1::1", "10.0.0.8"]
    assert internal(inventory=HERE, internal="10.0.1.0/24") == ["10.0.1.7"]
    assert internal(inventory=str(HERE), internal=["10.9.0.0/16"]) == ["10.9.0.1"]


def test_sets_go_before_names(noise):
    assert of(noise, sets={"web-1": ["10.0.0.89"]}).filter("dstaddr in @web-1").count() == fl.scan(noise).filter("dstaddr = 10.0.0.89").count()


def test_several_are_one(noise, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(HERE, other)
    vpcs = json.loads((other / "vpcs.json").read_text())
    vpcs["items"] = [{"VpcId": "vpc-1", "CidrBlock": "172.31.0.0/16", "Tags": [{"Key": "Name", "Value": "prod"}]}]
    (other / "vpcs.json").write_text(json.dumps(vpcs))
    both = inventory.read([HERE, other])
    assert both.internal == ["10.0.0.0/24", "2001:db8:1::/56", "172.31.0.0/16"]
    assert both.sets["prod"] == both.internal and both.sets["vpc-1"] == ["172.31.0.0/16"]
    assert set(both.sets["web-1"]) == WEB and len(both.sets["web-1"]) == 3


def test_interfaces_are_called_as_people_call_them(noise):
    assert inventory.read(HERE).names | {"vpc-0a1b2c3d4e5f60718": "prod"} == inventory.read(HERE).names
    who = fl.scan(noise).who("10.0.0.138", inventory=HERE)
    assert {row["interface_id"]: row["name"] for row in who.interfaces} == {
        "eni-07e5d76940fbaa5c6": "web-1", "eni-0858304751c757b2e": "web-2", "eni-0b2fc5457066bc156": "spare (old)",
    }  # fmt: skip
    assert "spare (old)" in str(who) and "name" not in fl.scan(noise).who("10.0.0.138").interfaces[0]
    assert inventory.read(HERE).names["eni-0bf22c72ebe087ac9"] == "front"
    assert inventory.read(HERE).names["eni-0a1b2c3d4e5f60710"] == "out"


def test_who_takes_a_name(noise):
    named, address = of(noise).who("@web-1"), fl.scan(noise).who("10.0.0.138")
    assert named.subject == {"text": "@web-1", "kind": "set", "scope": None}
    assert {**named, "subject": 0, "stats": 0} == {**address, "subject": 0, "stats": 0}


@pytest.mark.parametrize(
    "name, text, told",
    [
        ("manifest", None, "No such file or directory; write it with `flowlogs aws inventory -o DIR`"),
        ("subnets", None, "No such file or directory; write the inventory again"),
        ("vpcs", "{", "Expecting property name"),
        ("vpcs", "[]", "it is no object of JSON"),
        ("vpcs", '{"items": [{"Tags": []}]}', "not as AWS describes things .KeyError: 'VpcId'.; write it again"),
        ("vpcs", '{"items": [7]}', "not as AWS describes things"),
    ],
)
def test_what_is_no_inventory_is_told(tmp_path, name, text, told):
    copy = tmp_path / "copy"
    shutil.copytree(HERE, copy)
    (copy / f"{name}.json").unlink() if text is None else (copy / f"{name}.json").write_text(text)
    with pytest.raises(fl.ArgumentError, match=told) as raised:
        fl.scan(HEADER.encode(), inventory=copy)
    assert str(copy) in str(raised.value)


def test_what_an_inventory_lacks_is_a_warning(tmp_path, command, noise):
    copy = tmp_path / "copy"
    shutil.copytree(HERE, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["files"]["vpcs"]
    manifest["missing"] = {"vpcs": "list vpcs: the permission ec2:DescribeVpcs is missing", "route-tables": "not read"}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(UserWarning, match="lacks vpcs: `internal` is not told by it .*ec2:DescribeVpcs") as told:
        fl.scan(HEADER.encode(), inventory=copy)
    assert len(told) == 1
    ran = command("query", "--agg", "n=count()", "--inventory", copy, noise)
    assert ran.returncode == 0 and ran.stderr.count("the inventory lacks vpcs") == 1


# The command


def test_every_verb_that_reads_takes_it(command, noise):  # CONTRACT V4
    for verb in (["summary"], ["top", "srcaddr"], ["query", "--agg", "count()"], ["records"], ["check"], ["conversations"],
                 ["timeline"], ["tail"], ["detect"]):  # fmt: skip
        ran = command(*verb, "--inventory", HERE, noise, *([] if verb == ["check"] else ["--where", "addr in @web-1"]))
        assert ran.returncode in (0, 1) and ran.stdout and "there is no set" not in ran.stderr, (verb, ran.stderr)
    ran = command("who", "@web-1", noise, "--inventory", HERE)
    assert ran.returncode == 0 and "web-2" in ran.stdout and ran.stdout.startswith("@web-1, set")
    ran = command("diff", noise, noise, "--inventory", HERE, "--where", "addr in @web-1")
    assert ran.returncode == 0, ran.stderr


def test_a_name_goes_before_a_file_of_that_name(command, noise, tmp_path):
    (tmp_path / "web-1").write_text("192.0.2.1\n")
    (tmp_path / "mine").write_text("10.0.0.89\n")
    run = ["query", "--agg", "n=count()", "-o", "csv", "--inventory", HERE, noise, "--where"]
    assert command(*run, "dstaddr in @web-1", cwd=tmp_path).stdout == "n\n56\n"
    assert command(*run, "dstaddr in @mine", cwd=tmp_path).stdout == "n\n11\n"
    assert command(*run, "dstaddr in @web-1", "--set", "web-1=mine", cwd=tmp_path).stdout == "n\n11\n"
    ran = command(*run, "dstaddr in @web-9", cwd=tmp_path)
    assert ran.returncode == 2 and "did you mean @web-" in ran.stderr


def test_what_matched_nothing_is_told_of_names_too(command, noise):  # CONTRACT L11
    ran = command("query", "--agg", "count()", "--inventory", HERE, noise, "--where", "dstaddr in @unused")
    assert ran.returncode == 0 and "none of 99 records matches --where" in ran.stderr


def test_names_are_no_list_of_bad_addresses(command, noise):
    plain, named = (json.loads(command("detect", "-o", "json", noise, *more).stdout) for more in ([], ["--inventory", HERE]))
    assert {finding["kind"] for finding in named["findings"]}.isdisjoint({"listed-address"})
    assert all(f"--inventory {HERE}" in finding["rerun"] for finding in named["findings"])


def test_what_is_no_inventory_ends_the_command(command, noise, tmp_path):
    ran = command("summary", "--inventory", tmp_path, noise)
    assert ran.returncode == 2 and "write it with `flowlogs aws inventory -o DIR`" in ran.stderr and not ran.stdout
