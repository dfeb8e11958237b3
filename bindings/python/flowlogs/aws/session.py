"""Who calls AWS, and where: profile, region, role, endpoint. boto3 is loaded here, and when it is needed only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import __version__
from .errors import AwsError, explained


class Session:
    """The clients of one caller in one region. Credentials stay inside boto3: nothing here shows or stores them.

    profile       of ~/.aws/config; None: as AWS_PROFILE says, or the default chain of boto3
    region        None: as AWS_REGION, AWS_DEFAULT_REGION or the profile say
    role_arn      a role to be assumed first, renewed while it is used
    endpoint_url  another place than AWS, for all services; None: as AWS_ENDPOINT_URL says
    boto          a boto3.Session to be used in the place of profile and region
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        region: str | None = None,
        role_arn: str | None = None,
        endpoint_url: str | None = None,
        boto: Any = None,
    ) -> None:
        try:
            import boto3  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            raise AwsError("this needs boto3: pip install 'flowlogs[aws]'") from None
        if endpoint_url is not None and not re.match(r"https?://[^/\s]", endpoint_url):
            raise AwsError(f"--endpoint-url: '{endpoint_url}' is no URL; give one as http://127.0.0.1:5000")
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}
        self._identity: dict[str, str] = {}
        with told("find the credentials", "sts"):
            region = region or os.environ.get("AWS_REGION")
            self._boto = boto or boto3.Session(profile_name=profile, region_name=region)
            name = (boto is not None and region) or self._boto.region_name
            if not name:
                raise AwsError("no region is known; give --region, or set AWS_REGION")
            if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d+", name):
                raise AwsError(f"--region: '{name}' is no region; they are called as eu-west-1")
            self.region: str = name
            if role_arn is not None:
                self._assume(role_arn)

    def _assume(self, role_arn: str) -> None:
        import botocore.credentials  # type: ignore[import-untyped,import-not-found,unused-ignore]
        import botocore.session  # type: ignore[import-untyped,import-not-found,unused-ignore]

        if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", role_arn):
            raise AwsError(f"--role-arn: '{role_arn}' is no role; give it as arn:aws:iam::123456789012:role/NAME")
        source = self._boto.get_credentials()
        if source is None:
            raise AwsError("--role-arn: no AWS credentials were found to assume it with; give --profile too")

        def client(service: str, **options: Any) -> Any:
            return self._boto.client(service, region_name=self.region, endpoint_url=self._endpoint_url, **options)

        fetcher = botocore.credentials.AssumeRoleCredentialFetcher(
            client, source, role_arn, extra_args={"RoleSessionName": "flowlogs"}
        )
        inner = botocore.session.get_session()
        inner._credentials = botocore.credentials.DeferredRefreshableCredentials(
            method="assume-role", refresh_using=fetcher.fetch_credentials
        )
        self._boto = type(self._boto)(botocore_session=inner, region_name=self.region)

    def client(self, service: str, *, total_max_attempts: int = 5, retry_mode: str = "standard", **config: Any) -> Any:
        """The client of a service, as "ec2". config: further options of botocore's Config."""
        name = " ".join([service, str(total_max_attempts), retry_mode, *map(str, config.values())])
        if name not in self._clients:
            from botocore.config import Config  # type: ignore[import-untyped,import-not-found,unused-ignore]

            options: dict[str, Any] = dict(config)
            # What stands in for S3 elsewhere seldom has a name for each bucket.
            elsewhere = (
                self._endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_S3")
            )
            if service == "s3" and elsewhere:
                options["s3"] = {"addressing_style": "path"}
            if elsewhere and re.match(r"https?://(127\.|localhost\b|\[::1\])", elsewhere):
                options["proxies"] = {}  # this machine is not asked for by way of another one
            retries = {"mode": retry_mode, "total_max_attempts": total_max_attempts}
            made = Config(retries=retries, connect_timeout=10, read_timeout=60,
                          user_agent_extra=f"flowlogs/{__version__}", **options)  # fmt: skip
            with told("reach AWS", service):
                self._clients[name] = self._boto.client(
                    service, region_name=self.region, endpoint_url=self._endpoint_url, config=made
                )
        return self._clients[name]

    def _caller(self) -> dict[str, str]:
        if not self._identity:
            with told("find out who calls", "sts"):
                answer = self.client("sts").get_caller_identity()
                self._identity = {"account": answer["Account"], "arn": answer["Arn"]}
        return self._identity

    @property
    def account(self) -> str:
        return self._caller()["account"]

    @property
    def caller(self) -> str:
        """The ARN of the caller."""
        return self._caller()["arn"]

    @property
    def partition(self) -> str:
        """aws, aws-cn, aws-us-gov: the second part of ARNs."""
        return str(self._boto.get_partition_for_region(self.region))

    @contextmanager
    def doing(self, step: str, service: str) -> Iterator[None]:
        """Errors of the calls inside are raised in our words, with the step that they were for."""
        with told(step, service, self._identity.get("arn", "")):
            yield

    def pages(self, service: str, operation: str, key: str, step: str, **arguments: Any) -> Iterator[Any]:
        """All items of an operation that answers in pages. operation: as describe_flow_logs."""
        with self.doing(step, service):
            for page in self.client(service).get_paginator(operation).paginate(**arguments):
                yield from page.get(key, [])


@contextmanager
def told(step: str, service: str, caller: str = "") -> Iterator[None]:
    """As Session.doing(), before there is one."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("botocore", "boto3")):
            raise
        raise explained(error, service, step, caller) from None
