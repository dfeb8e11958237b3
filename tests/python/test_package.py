"""import flowlogs: what it loads, what it has, how it is documented."""

import pathlib
import re
import subprocess
import sys

import pytest

import flowlogs as fl

HEAVY = ["argparse", "rich", "json", "typing", "re", "decimal", "datetime", "subprocess", "numpy", "pyarrow", "pandas"]


@pytest.mark.parametrize("name", ["watch.Watch", "detect.detect", "enrichment.table_of", "evidence.verify", "inventory.Inventory",
                                  "aws.Session", "lab"])  # fmt: skip
def test_what_the_docs_name_is_there_after_import_flowlogs(name):
    subprocess.run([sys.executable, "-c", f"import flowlogs; flowlogs.{name}"], check=True)


def test_import_loads_the_core_and_nothing_heavy():  # CONTRACT P8
    code = f"import sys; import flowlogs; print([m for m in {HEAVY!r} if m in sys.modules])"
    # -S: the packages of the environment may hook themselves into the start.
    paths = [str(pathlib.Path(fl.__file__).parent.parent)]
    code = f"import sys; sys.path[:0] = {paths!r}; " + code
    assert (
        subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    )


def test_importtime_shows_only_the_package_itself():  # CONTRACT P8
    code = f"import sys; sys.path[:0] = [{str(pathlib.Path(fl.__file__).parent.parent)!r}]; import flowlogs"
    lines = subprocess.run(
        [sys.executable, "-S", "-X", "importtime", "-c", code], capture_output=True, text=True, check=True
    ).stderr.splitlines()
    names = [line.split("|")[2].strip() for line in lines]
    own = names[names.index("encodings.utf_8") :] if "encodings.utf_8" in names else names
    assert {"flowlogs", "flowlogs._core"} <= set(own)
    assert not {name.split(".")[0] for name in own} & set(HEAVY)


def test_the_version_is_that_of_the_distribution():
    assert re.fullmatch(r"\d+\.\d+\.\d+", fl.__version__)


def test_every_public_name_exists_and_is_documented():
    for name in fl.__all__:
        value = getattr(fl, name)
        assert name == "__version__" or value.__doc__, name
    for kind in (fl.Format, fl.Record, fl.Stats, fl.Table, fl.Query, fl.Run):
        for name, member in vars(kind).items():
            assert name.startswith("_") or member.__doc__, f"{kind.__name__}.{name}"


def test_the_classes_are_made_by_functions_only():
    for kind in (fl.Format, fl.Record, fl.Stats, fl.Table, fl.Query, fl.Run):
        with pytest.raises(TypeError):
            kind()


def test_fields_lists_all_72():  # CONTRACT V6
    fields = fl.fields()
    assert len(fields) == 72
    assert list(fields[0]) == ["name", "column", "since", "product", "type", "unit", "meaning"]
    by_name = {field["name"]: field for field in fields}
    assert by_name["pkt-srcaddr"] == {
        "name": "pkt-srcaddr",
        "column": "pkt_srcaddr",
        "since": 3,
        "product": "vpc",
        "type": "text",
        "unit": "IP address",
        "meaning": by_name["pkt-srcaddr"]["meaning"],
    }
    assert by_name["bytes"]["type"] == "int64" and by_name["srcport"]["type"] == "int32"
    assert {field["product"] for field in fields} == {"vpc", "transit-gateway", "both"}
    assert {field["since"] for field in fields} == set(range(2, 12))


def test_every_field_is_a_property_of_record():
    for field in fl.fields():
        assert field["meaning"] in getattr(fl.Record, field["column"]).__doc__
