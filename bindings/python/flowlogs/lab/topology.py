"""What the tutorial is made of: its names, addresses, rules, pages and user data. Nothing is called here."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..aws import facts
from ..aws.errors import Problem, RequestError

# On everything that the lab makes; what lacks it is neither changed nor removed.
TAG = facts.LAB
VALUE = "tutorial"
EXPIRES = "flowlogs:lab-expires"  # of an instance: when it ends itself, as 2026-09-01T12:00:00Z
NAME = "flowlogs-lab"
VPC_CIDR = "10.42.0.0/16"
TO = facts.Destination("cloudwatch", "/flowlogs/lab")
RETENTION_DAYS = 1
ROLE_DESCRIPTION = "Lets the flow log of the tutorial write into CloudWatch Logs; made by flowlogs lab"
INSTANCE_TYPE = "t3.micro"
DISK_GB = 8
IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"  # SSM has the newest under this name
CALL_SECONDS = 15  # each instance asks the other for its page so often

WEB, SSH = 80, 22
ANYWHERE = "0.0.0.0/0"
# What the network ACL lets in, (number of the rule, first and last TCP port): the pages; SSH, so that it is the security
# group that rejects it; replies to what the instances ask. Everything may leave.
ACL_IN = ((100, WEB, WEB), (110, SSH, SSH), (120, 1024, 65535))
ACL_OUT = 100


class Host(NamedTuple):
    """An instance. Its private address is fixed: the other one knows where to ask, and none is made twice."""

    name: str
    subnet: str
    address: str

    @property
    def full_name(self) -> str:
        return f"{NAME}-{self.name}"


HOSTS = (Host("one", "10.42.1.0/24", "10.42.1.10"), Host("two", "10.42.2.0/24", "10.42.2.10"))


def other(host: Host) -> Host:
    return HOSTS[1] if host == HOSTS[0] else HOSTS[0]


def page(host: Host) -> str:
    """What the host serves."""
    return f"""<!DOCTYPE html>
<title>{host.full_name}</title>
<h1>This is instance {host.name} of the flow logs tutorial</h1>
<p>Its private address is {host.address}. Every {CALL_SECONDS} seconds it asks {other(host).name} ({other(host).address}) for its page.</p>
"""


def user_data(host: Host, minutes: int) -> str:
    """The script that an instance runs when it first starts. minutes: it ends itself after so long."""
    return f"""#!/bin/sh
# Made by flowlogs lab: serves the page of {host.name}, asks {other(host).name} for its own, and ends after {minutes} minutes.
mkdir -p /srv/lab
cat > /srv/lab/index.html <<'PAGE'
{page(host)}PAGE
systemd-run --unit=lab-page --property=Restart=always --property=WorkingDirectory=/srv/lab \\
  /usr/bin/python3 -m http.server {WEB}
systemd-run --unit=lab-call --on-active=5s --on-unit-active={CALL_SECONDS}s --timer-property=AccuracySec=1s \\
  /usr/bin/curl --silent --max-time 5 --output /dev/null http://{other(host).address}/
shutdown -h +{minutes}
"""


def page_in(script: str) -> str | None:
    """The page that an instance with this user data serves."""
    found = re.search(r"<<'PAGE'\n(.*?)^PAGE$", script, re.DOTALL | re.MULTILINE)
    return found[1] if found else None


def minutes_of(ttl: str) -> int:
    """2h as 120. Raises RequestError for anything that is not between ten minutes and thirty days."""
    found = re.fullmatch(r"(\d{1,6})(m|h|d)", ttl)
    minutes = int(found[1]) * {"m": 1, "h": 60, "d": 1440}[found[2]] if found else 0
    if not 10 <= minutes <= 30 * 1440:
        raise RequestError([Problem("--ttl", f"'{ttl}' is no time to live", "give 10m to 30d, as 90m, 2h, 1d")])
    return minutes
