"""Where findings are sent: sns:ARN, webhook:URL, exec:COMMAND. A finding is JSON, as `flowlogs detect -o json` writes it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SECONDS = 20  # that a receiver may take


class NotifyError(Exception):
    """A finding did not arrive; it can be sent again."""


def channel_of(text: str, session: Callable[[str], Any]) -> Callable[[dict[str, Any]], None]:
    """What sends one finding to `sns:ARN`, `webhook:URL` or `exec:COMMAND`, or raises NotifyError. session: gives a
    flowlogs.aws.session.Session of a region. Raises ArgumentError for anything else.
    """
    kind, _, where = text.partition(":")
    if kind == "sns" and where.startswith("arn:") and where.count(":") == 5:
        return _Sns(where, session(where.split(":")[3]))
    if kind == "webhook" and where.startswith(("https://", "http://")):
        return _Webhook(where)
    if kind == "exec" and where.strip():
        return _Exec(where)
    raise _core.ArgumentError(
        f"notify: '{text}': write sns:arn:aws:sns:REGION:ACCOUNT:TOPIC, webhook:https://..., or exec:COMMAND"
    )


def subject_of(finding: dict[str, Any]) -> str:
    """One line of at most 100 characters of ASCII, as SNS wants it."""
    text = f"flowlogs: {finding['severity']} {finding['kind']} by {finding['actor']}"
    return text.encode("ascii", "replace").decode()[:100]


class _Sns:
    def __init__(self, arn: str, session: Any) -> None:
        self._arn = arn
        self._client = session.client("sns")

    def __call__(self, finding: dict[str, Any]) -> None:
        from .aws.errors import explained

        try:
            self._client.publish(
                TopicArn=self._arn, Subject=subject_of(finding), Message=json.dumps(finding, indent=1, ensure_ascii=False)
            )
        except Exception as error:
            raise NotifyError(f"{self._arn}: {explained(error, 'sns', 'publish to it')}") from None


class _Webhook:
    """POST of {"text": one line, "finding": {...}}: Slack and its like show the text."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Paths of webhooks end in secrets, and what is before the @ of a host is one.
        scheme, _, rest = url.partition("://")
        host, slash, path = re.split(r"[?#]", rest)[0].partition("/")
        self._name = f"{scheme}://{host.rpartition('@')[2]}" + (slash + path.rpartition("/")[0]).rstrip("/")

    def __call__(self, finding: dict[str, Any]) -> None:
        import http.client
        import urllib.error
        import urllib.request

        body = json.dumps({"text": f"{subject_of(finding)}: {finding['why']}", "finding": finding}).encode()
        try:
            headers = {"Content-Type": "application/json", "User-Agent": "flowlogs"}
            request = urllib.request.Request(self._url, body, headers)
            with urllib.request.urlopen(request, timeout=_SECONDS):
                pass
        except urllib.error.HTTPError as error:
            raise NotifyError(f"webhook {self._name}/...: it answered {error.code} {error.reason}") from None
        except OSError as error:
            raise NotifyError(f"webhook {self._name}/...: {getattr(error, 'reason', error)}") from None
        except http.client.InvalidURL:
            raise NotifyError(
                f"webhook {self._name}/...: it cannot be asked for; a URL has no blanks (%20), and no user before its host"
            ) from None
        except (http.client.HTTPException, ValueError) as error:
            raise NotifyError(f"webhook {self._name}/...: its answer is no HTTP: {type(error).__name__}") from None


class _Exec:
    """A command, without a shell, that gets the finding on its standard input."""

    def __init__(self, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise _core.ArgumentError(f"notify: exec:{command}: {error}") from None

    def __call__(self, finding: dict[str, Any]) -> None:
        try:
            ran = subprocess.run(self._words, input=json.dumps(finding).encode(), timeout=_SECONDS, capture_output=True)
        except OSError as error:
            raise NotifyError(f"exec {self._words[0]}: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise NotifyError(f"exec {self._words[0]}: it took more than {_SECONDS} s and was ended") from None
        if ran.returncode != 0:
            said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
            raise NotifyError(f"exec {self._words[0]}: it ended with {ran.returncode}" + (f": {said[-1]}" if said else ""))
