"""The examples of the README are true: commands print what it shows, its C++ is the example that the build compiles."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def consoles():
    for block in re.findall(r"```console\n(.*?)```", README, re.S):
        first, _, rest = block.partition("\n")
        assert first.startswith("$ flowlogs "), first
        yield first[2:], rest


@pytest.mark.parametrize("command, output", list(consoles()))
def test_a_command_prints_what_the_readme_shows(command, output):
    words = [sys.executable, "-m", *shlex.split(command)]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert run.returncode == 0, run.stderr
    assert run.stdout == output


def test_the_cpp_example_is_the_one_that_is_compiled():
    (name, shown), = re.findall(r"<!-- (docs/examples/\S+) -->\n```cpp\n(.*?)```", README, re.S)
    code = (ROOT / name).read_text()
    include = '#include "flowlogs/flowlogs.h"'
    assert shown.strip() == code[code.index(include) :].strip()


def test_the_examples_of_the_manual_are_those_that_are_compiled():
    header = (ROOT / "include/flowlogs/flowlogs.h").read_text()
    tests = (ROOT / "tests/query/manual_test.cc").read_text()
    sections = re.split(r"^// ---- ([A-Z ]+) -+\n", header, flags=re.M)
    names = sections[1::2]
    assert names == ["FORMATS AND VERSIONS", "READING", "TYPED FIELDS", "FILTERING", "AGGREGATING", "LIFETIME"]
    for name, section in zip(names, sections[2::2]):
        example = re.findall(r"^//   (.*)$", section, re.M)
        test = tests.partition(f"TEST(Manual, {name.title().replace(' ', '')}) {{\n")[2].partition("\n}\n")[0]
        assert len(example) > 3 and "\n".join(f"  {line}" for line in example) in test, name


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
