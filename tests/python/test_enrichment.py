"""Files as tables behind addresses and ids (CONTRACT L14): what is read of them, and longest prefixes beside ipaddress."""

import ipaddress
import json
import random
from pathlib import Path

import pytest

import flowlogs as fl
from flowlogs import enrichment

MMDB = Path(__file__).resolve().parents[1] / "query" / "mmdb"
LOG = b"""interface-id srcaddr dstaddr bytes start end
eni-1 10.1.2.3 198.51.100.9 1 1000 1060
eni-1 198.51.100.9 10.1.2.3 2 2000 2060
eni-2 2001:db8:1::5 10.9.9.9 4 3000 3060
eni-3 - - 8 3000 3060
"""


def values(query, column):
    return [row[column] for row in query.to_dicts()]


# ---- Prefixes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_the_longest_prefix_is_the_one_that_ipaddress_finds(seed):
    made = random.Random(seed)
    networks = {}
    for i in range(400):
        if made.random() < 0.7:
            bits = made.choice([0x0A000000, 0xC0A80000, 0, 0xFFFFFF00]) | made.getrandbits(made.choice([8, 16, 20]))
            network = ipaddress.ip_network((bits, made.randint(6, 32)), strict=False)
        else:
            bits = (0x20010DB8 << 96) | (made.getrandbits(8) << made.choice([0, 64, 88, 96]))
            network = ipaddress.ip_network((bits, made.randint(4, 128)), strict=False)
        networks[network] = str(i)
    edges = [int(each) + step for n in networks for each in (n[0], n[-1]) for step in (-1, 0, 1)]
    v4 = [ipaddress.IPv4Address(n) for n in edges if 0 <= n < 2**32] + [ipaddress.IPv4Address(made.getrandbits(32)) for _ in range(300)]
    v6 = [ipaddress.IPv6Address(n) for n in edges if 2**48 <= n < 2**128]
    addresses = made.sample(v4, 900) + made.sample(v6, min(400, len(v6)))
    expected = []
    for address in addresses:
        found = [n for n in networks if n.version == address.version and address in n]
        expected.append(networks[max(found, key=lambda n: n.prefixlen)] if found else None)
    assert None in expected and len(set(expected)) > 50
    table = enrichment.table_of((str(network), {"n": value}, None) for network, value in networks.items())
    log = "srcaddr\n" + "".join(f"{address}\n" for address in addresses)
    for threads in (1, 7):
        scanned = fl.scan(log.encode(), enrich=table, threads=threads, block_bytes=400)
        assert values(scanned.select(n="srcaddr.n"), "n") == expected


# ---- Files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path):
    def written(name, text):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    return written


def test_csv_has_its_columns_and_times(write):
    path = write("t.csv", "Network,team,since,on call\n10.0.0.0/8,old,,a\n10.0.0.0/8,new,1970-01-01T00:30:00Z,\n198.51.100.9,\"x, y\",,b\n")
    logs = fl.scan(LOG, enrich=path)
    assert values(logs.select(t="srcaddr.team"), "t") == ["old", "x, y", None, None]
    assert values(logs.select(t="dstaddr.team"), "t") == ["x, y", "new", "new", None]
    assert values(logs.select(t="dstaddr.on_call"), "t") == ["b", None, None, None]  # an empty cell is none


def test_csv_by_a_field(write):
    path = write("t.tsv", "interface-id\towner\neni-1\tann\n\neni-2\tbob\n")
    logs = fl.scan(LOG, enrich=[path])
    assert values(logs.select(t="interface-id.owner"), "t") == ["ann", "ann", "bob", None]
    assert values(logs.group_by("interface-id.owner"), "interface_id_owner") == ["ann", "bob", None]
    with pytest.raises(fl.ExpressionError, match="no table that was given says anything of srcaddr"):
        logs.select("srcaddr.owner")


def test_names_keep_columns_apart(write):
    a, b = write("a.csv", "prefix,team\n10.0.0.0/8,a\n"), write("b.csv", "prefix,team\n10.0.0.0/8,b\n")
    with pytest.raises(fl.ExpressionError, match="two tables have 'team' for srcaddr"):
        fl.scan(LOG, enrich=[a, b]).select("srcaddr.team")
    logs = fl.scan(LOG, enrich={"x": a, "y": b})
    assert logs.select("srcaddr.x.team", "srcaddr.y.team").head(1).to_dicts() == [{"srcaddr_x_team": "a", "srcaddr_y_team": "b"}]


def test_ip_ranges_gives_the_service_that_says_most(write):
    def item(prefix, service, region="eu-west-1"):
        key = "ipv6_prefix" if ":" in prefix else "ip_prefix"
        return {key: prefix, "region": region, "service": service, "network_border_group": region}

    path = write(
        "ip-ranges.json",
        {
            "syncToken": "1",
            "prefixes": [
                item("198.51.100.0/24", "AMAZON"), item("198.51.100.0/24", "EC2"), item("198.51.100.0/24", "S3"),
                item("10.1.0.0/16", "S3"), item("10.1.2.0/24", "AMAZON"), item("10.9.0.0/16", "AMAZON", "us-east-1"),
            ],
            "ipv6_prefixes": [item("2001:db8::/32", "EC2"), item("2001:db8::/32", "AMAZON")],
        },
    )  # fmt: skip
    logs = fl.scan(LOG, enrich=path)
    assert values(logs.select(s="srcaddr.aws_service"), "s") == ["S3", "S3", "EC2", None]
    assert values(logs.select(s="dstaddr.aws_service"), "s") == ["S3", "S3", "AMAZON", None]
    assert values(logs.select(s="dstaddr.aws_region"), "s") == ["eu-west-1", "eu-west-1", "us-east-1", None]


def test_mmdb():
    try:
        logs = fl.scan(LOG, enrich=[MMDB / "asn.mmdb", {"geo": MMDB / "city.mmdb"}])
    except fl.ArgumentError as error:
        if "built without libmaxminddb" not in str(error):
            raise
        pytest.skip(str(error))
    rows = logs.select(a="srcaddr.asn", n="srcaddr.as_name", c="srcaddr.geo.country").to_dicts()
    assert rows == [
        {"a": None, "n": None, "c": None},
        {"a": "64496", "n": "Example Net", "c": "DE"},
        {"a": "4200000000", "n": "Six", "c": "US"},
        {"a": None, "n": None, "c": None},
    ]


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.csv", "prefix,team\n10.0.0.1/8,a\n", r"a\.csv: '10\.0\.0\.1/8' .* did you mean 10\.0\.0\.0/8\?"),
        ("a.csv", "colour,team\nred,a\n", "its first column is called 'colour'"),
        ("a.csv", "prefix\n10.0.0.0/8\n", "at least two columns"),
        ("a.csv", "prefix,team\n10.0.0.0/8\n", "line 2: 1 cells, and the first line has 2"),
        ("a.csv", "prefix,team,since\n10.0.0.0/8,a,soon\n", "line 2: 'soon' is no time"),
        ("a.json", "{", "it is no JSON"),
        ("a.csv", "", r"a\.csv: it is empty"),
        ("a.csv", "prefix,team,team\n10.0.0.0/8,a,b\n", "its first line names 'team' twice"),
        ("a.csv", "prefix,,team\n10.0.0.0/8,a,b\n", "its first line names no column at its place 2"),
        ("a.csv", 'prefix,team\n10.0.0.0/8,"' + "a" * 200_000, "a quotation mark may lack its second one"),
        ("a.json", {"prefixes": [5]}, "this has no prefix: 5"),
        ("a.json", {"prefixes": [{"x": 1}]}, "this has no prefix"),
        ("a.json", {}, "no list `prefixes`"),
        ("a.mmdb", "nonsense", "a.mmdb"),
    ],
)
def test_a_file_that_is_no_table_is_an_error_that_names_it(write, name, text, message):
    with pytest.raises(fl.ArgumentError, match=message) as raised:
        fl.scan(LOG, enrich=write(name, text))
    assert name in str(raised.value)


def test_a_file_that_is_not_there():
    with pytest.raises(fl.ArgumentError, match="/nowhere.csv: No such file"):
        fl.scan(LOG, enrich="/nowhere.csv")


# ---- Inventories -----------------------------------------------------------------------------------------------------


def inventory(directory, time, interfaces, region="eu-west-1", **kinds):
    directory.mkdir()
    files = {"network-interfaces": interfaces, **{k.replace("_", "-"): v for k, v in kinds.items()}}
    head = {"account": "000000000001", "region": region, "caller": "x", "time": time}
    (directory / "manifest.json").write_text(json.dumps({**head, "files": {name: len(items) for name, items in files.items()}}))
    for name, items in files.items():
        (directory / f"{name}.json").write_text(json.dumps({**head, "items": items}))
    return directory


def interface(key, address, **more):
    return {"NetworkInterfaceId": key, "PrivateIpAddress": address, "VpcId": "vpc-1", "SubnetId": "subnet-1", "TagSet": [], **more}


def test_an_inventory_names_interfaces_and_addresses(tmp_path):
    web = {"InstanceId": "i-1", "Tags": [{"Key": "Name", "Value": "web"}, {"Key": "aws:team", "Value": "x"}]}
    groups = [{"GroupName": "ssh", "GroupId": "sg-2"}, {"GroupName": "http", "GroupId": "sg-1"}]
    path = inventory(
        tmp_path / "i",
        500,
        [
            interface("eni-1", "10.1.2.3", Attachment={"InstanceId": "i-1"}, Groups=groups, Association={"PublicIp": "198.51.100.9"}),
            interface("eni-2", "10.1.2.4", Description="ELB app/front", Ipv6Addresses=[{"Ipv6Address": "2001:db8:1::5"}]),
        ],
        instances=[web],
        subnets=[{"SubnetId": "subnet-9", "VpcId": "vpc-1", "CidrBlock": "10.9.0.0/16", "AvailabilityZone": "eu-west-1a"}],
        vpcs=[{"VpcId": "vpc-1", "CidrBlock": "10.9.0.0/16", "CidrBlockAssociationSet": [{"CidrBlock": "2001:db8::/32"}]}],
    )
    logs = fl.scan(LOG, inventory=path)
    assert values(logs.select(n="interface-id.name"), "n") == ["web", "web", "front", None]
    assert values(logs.select(n="interface-id.instance"), "n") == ["i-1", "i-1", None, None]
    assert values(logs.select(n="interface-id.groups"), "n") == ["http ssh", "http ssh", None, None]
    assert values(logs.select(n="interface-id.tag.aws_team"), "n") == ["x", "x", None, None]
    assert values(logs.select(n="srcaddr.name"), "n") == ["web", "web", "front", None]
    assert values(logs.select(n="srcaddr.interface"), "n") == ["eni-1", "eni-1", "eni-2", None]
    assert values(logs.select(n="dstaddr.subnet"), "n") == ["subnet-1", "subnet-1", "subnet-9", None]
    assert values(logs.select(n="dstaddr.vpc"), "n") == ["vpc-1", "vpc-1", "vpc-1", None]
    assert values(logs.select(n="dstaddr.zone"), "n") == [None, None, "eu-west-1a", None]


def test_snapshots_hold_since_their_time(tmp_path):
    def named(name):
        return [{"Key": "Name", "Value": name}]

    directories = [
        inventory(tmp_path / "c", 2500, [interface("eni-2", "10.1.2.3", TagSet=named("third"))]),
        inventory(tmp_path / "a", 1500, [interface("eni-1", "10.1.2.3", TagSet=named("first"))]),
        inventory(tmp_path / "b", 2000, [interface("eni-1", "10.1.2.3", TagSet=named("second"))]),
        inventory(tmp_path / "d", 2500, [], vpcs=[], instances=[{"InstanceId": "i-9"}], region="us-east-1"),
    ]
    log = b"interface-id srcaddr start\n" + b"".join(b"eni-1 10.1.2.3 %d\n" % start for start in (1, 1500, 1999, 2000, 2499, 2500, 9000))
    logs = fl.scan(log, inventory=directories)
    first, second = ["first"] * 3, ["second"] * 2
    assert values(logs.select(n="srcaddr.name"), "n") == [*first, *second, "third", "third"]
    assert values(logs.select(n="interface-id.name"), "n") == [*first, *second, "second", "second"]  # an id is one thing's for ever
    gone = fl.scan(log, inventory=[directories[1], inventory(tmp_path / "e", 2000, [])])
    assert values(gone.select(n="srcaddr.name"), "n") == [*first, None, None, None, None]


def test_an_address_in_two_vpcs_says_what_both_share(tmp_path):
    path = inventory(tmp_path / "i", 5, [interface("eni-1", "10.1.2.3"), interface("eni-2", "10.1.2.3", VpcId="vpc-2")])
    logs = fl.scan(LOG, inventory=path)
    assert values(logs.select(a="srcaddr.vpc", b="srcaddr.subnet").head(1), "b") == ["subnet-1"]
    assert values(logs.select(a="srcaddr.vpc").head(1), "a") == [None]


def test_columns_of_files_and_of_an_inventory_stand_beside_one_another(write, tmp_path, command):
    path = inventory(tmp_path / "i", 5, [interface("eni-1", "10.1.2.3", TagSet=[{"Key": "Name", "Value": "web"}])])
    table = write("t.csv", "prefix,team\n10.0.0.0/8,inside\n")
    row = fl.scan(LOG, inventory=path, enrich=table).select("srcaddr.name", "srcaddr.team").head(1).to_dicts()
    assert row == [{"srcaddr_name": "web", "srcaddr_team": "inside"}]
    run = command("query", "--inventory", path, "--enrich", table, "--where", "interface-id.name = 'web'", "--group-by", "srcaddr.team", "-", stdin=LOG)
    assert run.stdout == "srcaddr_team\tcount\ninside\t1\n\t1\n", run.stderr


def test_a_directory_is_an_inventory(tmp_path):
    with pytest.raises(fl.ArgumentError, match="is given as inventory=, --inventory"):
        fl.scan(LOG, enrich=tmp_path)
    (tmp_path / "manifest.json").write_text('{"files": {"subnets": 1}}')
    (tmp_path / "subnets.json").write_text('{"account": "1", "region": "x", "time": "noon", "items": []}')
    with pytest.raises(fl.ArgumentError, match="subnets.json: .* write the inventory again"):
        fl.scan(LOG, inventory=tmp_path)


# ---- The command -----------------------------------------------------------------------------------------------------


def test_every_verb_that_filters_takes_tables(write, command):
    path = write("t.csv", "prefix,team\n10.0.0.0/8,inside\n198.51.100.0/24,far\n")
    run = command("query", "--enrich", path, "--group-by", "srcaddr.team", "--agg", "b=sum(bytes)", "-o", "json", "-", stdin=LOG)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [{"srcaddr_team": "far", "b": 2}, {"srcaddr_team": "inside", "b": 1}, {"srcaddr_team": None, "b": 12}]
    run = command("records", "--enrich", f"x={path}", "--where", "addr.x.team = 'far' and bytes > 1", "--fields", "bytes,dstaddr.x.team", "-", stdin=LOG)
    assert run.stdout == "bytes\tdstaddr_x_team\n2\tinside\n", run.stderr
    run = command("top", "dstaddr.team", "--enrich", path, "-o", "csv", "-", stdin=LOG)
    assert run.returncode == 0 and "inside" in run.stdout, run.stderr
    run = command("summary", "--enrich", path, "--where", "dstaddr.team = 'far'", "-o", "json", "-", stdin=LOG)
    assert json.loads(run.stdout)["records"] == 1, run.stderr


def test_errors_of_the_command(write, command):
    path = write("t.csv", "prefix,team\n10.0.0.0/8,inside\n")
    run = command("query", "--group-by", "srcaddr.asn", "-", stdin=LOG)
    assert run.returncode == 2 and "a column of a table, and none was given" in run.stderr
    run = command("query", "--enrich", path, "--group-by", "srcaddr.taem", "-", stdin=LOG)
    assert run.returncode == 2 and "did you mean srcaddr.team?" in run.stderr
    run = command("query", "--enrich", "nowhere.csv", "--group-by", "srcaddr.team", "-", stdin=LOG)
    assert run.returncode == 2 and "enrich: nowhere.csv: No such file" in run.stderr
    run = command("query", "--enrich", path, "--where", "srcaddr.team = 'inisde'", "-", stdin=LOG)
    assert run.returncode == 0, run.stderr
