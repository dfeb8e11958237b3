"""The checks of tools/ find what they are there to find, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import check_includes  # noqa: E402


@pytest.fixture
def tree(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_cc", ".cc").replace("_h", ".h").replace("_md", ".md")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [str(fault) for fault in check_includes.check(tmp_path)]

    return write


def test_a_tree_in_order_has_no_faults(tree):
    assert tree(
        include__flowlogs__schema__a_h="#include <vector>\n",
        include__flowlogs__parse__record_h='#include "flowlogs/schema/a.h"\n#include <optional>\n',
        include__flowlogs__flowlogs_h='#include "flowlogs/parse/record.h"\n#include "absl/status/statusor.h"\n',
        lib__query__b_cc='#include "lib/query/b.h"\n#include "flowlogs/parse/record.h"\n#include <re2/re2.h>\n',
        lib__query__b_h='#include "absl/strings/str_cat.h"\n',
    ) == []


@pytest.mark.parametrize("room, other", [("schema", "parse"), ("io", "schema"), ("parse", "query"), ("synth", "insight")])
def test_an_include_that_points_up_is_a_fault(tree, room, other):
    faults = tree(**{f"lib__{other}__x_h": "", f"lib__{room}__y_cc": f'\n#include "lib/{other}/x.h"\n'})
    assert len(faults) == 1
    assert faults[0].startswith(f'lib/{room}/y.cc:2: room {room} must not include "lib/{other}/x.h" of room {other}')


def test_rooms_must_not_include_the_header_of_everything(tree):
    assert len(tree(include__flowlogs__flowlogs_h="", lib__query__y_cc='#include "flowlogs/flowlogs.h"\n')) == 1


def test_a_relative_include_is_followed(tree):
    assert len(tree(lib__query__x_h="", lib__io__y_cc='#include "../query/x.h"\n')) == 1


def test_public_headers_show_of_abseil_only_status(tree):
    faults = tree(include__flowlogs__io__a_h='#include "absl/strings/string_view.h"\n#include "absl/status/status.h"\n')
    assert len(faults) == 1 and "a.h:1: a public header must not include absl/strings" in faults[0]


def test_public_headers_include_no_intrinsics_and_no_private_header(tree):
    assert len(tree(include__flowlogs__io__a_h='#include <immintrin.h>\n#include "lib/io/x.h"\n', lib__io__x_h="")) == 2


def test_record_needs_the_standard_library_only_by_whatever_way(tree):
    faults = tree(
        include__flowlogs__parse__record_h='#include <array>\n#include "flowlogs/parse/other.h"\n',
        include__flowlogs__parse__other_h='#include "absl/status/status.h"\n',
    )
    assert len(faults) == 1
    assert faults[0].startswith("include/flowlogs/parse/record.h:2: needs the standard library only")
    assert "by way of include/flowlogs/parse/other.h" in faults[0]


def test_an_include_of_a_file_that_is_not_there_is_a_fault(tree):
    assert len(tree(lib__io__y_cc='#include "flowlogs/io/gone.h"\n')) == 1


def test_paths_in_architecture_exist(tree):
    faults = tree(
        lib__io__y_cc="",
        ARCHITECTURE_md="`lib/io/y.cc` `lib/io/` `lib/*/y.cc` `make test` `a/<b>` `https://x/y` `build/dev` `absl/status/*`\n"
        "```\n`lib/fenced.cc`\n```\n"
        "see `lib/io/z.cc` and `tests/*_test.cc`\n",
    )
    assert [fault.split(" does")[0] for fault in faults] == [
        "ARCHITECTURE.md:5: `lib/io/z.cc`",
        "ARCHITECTURE.md:5: `tests/*_test.cc`",
    ]


@pytest.mark.skipif(not (shutil.which("c++") and shutil.which("nm")), reason="needs a compiler and nm")
def test_a_weak_symbol_in_a_kernel_is_a_fault(tmp_path):
    folder = tmp_path / "parse"
    folder.mkdir()

    def check(name, source):
        (folder / f"{name}.cc").write_text(source)
        subprocess.run(["c++", "-c", "-O0", folder / f"{name}.cc", "-o", folder / f"{name}.cc.o"], check=True)
        command = [sys.executable, TOOLS / "check_kernels.py", folder / f"{name}.cc.o"]
        return subprocess.run(command, stdout=subprocess.PIPE, universal_newlines=True)

    shared = "inline int Shared(int x) { return x + 1; }\nint Entry(int x) { return Shared(x); }\n"
    bad = check("kernel_bad", shared)
    assert bad.returncode == 1 and bad.stdout.startswith("lib/parse/kernel_bad.cc: defines the weak symbol Shared(int)")
    good = check("kernel_good", shared.replace("inline", "static"))
    assert good.returncode == 0 and good.stdout == "1 kernels, no weak symbol\n"
    assert check("other", shared).returncode == 0
