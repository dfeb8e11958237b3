"""What AWS answered, or would answer, in words: what went wrong, where, and what to do."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .._core import Error, InputError


class Problem(NamedTuple):
    """A part of a request that AWS would not take. where: the option; what: what is wrong; fix: what to do."""

    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"


class AwsError(Error):
    """Something about AWS: no credentials, no answer, a refusal."""


class SourceError(AwsError, InputError):
    """A URL names nothing that can be read."""


class SourceWarning(UserWarning):
    """What is to be known of a source, and is no error."""


class RequestError(AwsError, ValueError):
    """What was asked for is not possible. problems: every reason that was found. Nothing was changed."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class AccessError(AwsError):
    """The caller may not do it. permission: the action that is missing, as ec2:CreateFlowLogs; step: what for."""

    def __init__(self, message: str, permission: str, step: str) -> None:
        super().__init__(message)
        self.permission = permission
        self.step = step


# Where the permission is not called as the operation is.
_PERMISSIONS = {
    ("s3", "GetBucketEncryption"): "s3:GetEncryptionConfiguration",
    ("s3", "GetBucketLifecycleConfiguration"): "s3:GetLifecycleConfiguration",
    ("s3", "GetObjectLockConfiguration"): "s3:GetBucketObjectLockConfiguration",
    ("s3", "GetPublicAccessBlock"): "s3:GetBucketPublicAccessBlock",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "DeleteBucketPolicy"): "s3:DeleteBucketPolicy",
}
_PREFIXES = {"monitoring": "cloudwatch", "elbv2": "elasticloadbalancing"}
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403")
_KEY_ID = re.compile(r"\b(A[KS]IA|ABIA|ACCA)[A-Z0-9]{12,}\b")


def clean(text: str) -> str:
    """The text without what could be a credential: access keys, user and password of a URL, signatures."""
    text = _KEY_ID.sub("(access key)", text)
    text = re.sub(r"://[^/@\s]+@", "://", text)
    return re.sub(r"(?i)((?:x-amz-)?(?:signature|security-token|credential)=)[^&\s,]+", r"\1(hidden)", text)


def code_of(error: Any) -> str:
    """The code of a ClientError, as InvalidVpcID.NotFound."""
    return str(error.response.get("Error", {}).get("Code", ""))


def permission_of(service: str, operation: str) -> str:
    """The IAM action that an operation needs."""
    service = _PREFIXES.get(service, service)
    return _PERMISSIONS.get((service, operation), f"{service}:{operation}")


def explained(error: Exception, service: str, step: str, caller: str = "") -> AwsError:
    """The error of a call in our words. step: what the call was for; caller: who asked, an ARN."""
    from botocore import exceptions as boto  # type: ignore[import-untyped,import-not-found,unused-ignore]

    if isinstance(error, AwsError):
        return error
    if isinstance(error, boto.ClientError):
        code, operation = code_of(error), str(error.operation_name)
        message = clean(str(error.response.get("Error", {}).get("Message", "")).strip())
        if code in _DENIED or code.startswith("AccessDenied"):
            told = re.search(r"not authorized to perform:? ([a-z0-9-]+:\w+)", message)
            named = told is not None and told[1].rpartition(":")[2] != operation  # as iam:PassRole of CreateFlowLogs
            service = "sts" if operation.startswith("AssumeRole") else service
            permission = told[1] if told is not None and named else permission_of(service, operation)
            text = f"{step}: the permission {permission} is missing" + (f" (caller: {caller})" if caller else "")
            return AccessError(f"{text}; allow it, then run the same again", permission, step)
        if code in ("ExpiredToken", "ExpiredTokenException", "RequestExpired"):
            return AwsError(
                f"{step}: the credentials have expired; get new ones (aws sso login), then run the same again"
            )
        if code in ("InvalidClientTokenId", "AuthFailure", "InvalidAccessKeyId", "SignatureDoesNotMatch",
                    "UnrecognizedClientException"):  # fmt: skip
            return AwsError(f"{step}: AWS does not know these credentials ({code}); check --profile and --region")
        refusal = message.rstrip(".") or "refused"
        is_absent = re.search(r"NotFound|NoSuch", code) is not None
        fix = "; check the name, --region and --profile" if is_absent else ""
        return AwsError(f"{step}: {refusal} ({operation}: {code}){fix}")
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError)):
        return AwsError(f"{step}: no AWS credentials were found; give --profile, or run aws configure or aws sso login")
    if isinstance(error, boto.ProfileNotFound):
        return AwsError(f"{clean(str(error))}; `aws configure list-profiles` tells those there are")
    if isinstance(error, (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ReadTimeoutError,
                          boto.ConnectionClosedError)):  # fmt: skip
        return AwsError(f"{step}: no answer: {clean(str(error))}; check the network, --region and --endpoint-url")
    if type(error).__name__ == "ResponseParserError":  # with the whole page in its text
        return AwsError(f"{step}: what answered does not speak as AWS does; check --region and --endpoint-url")
    return AwsError(f"{step}: {' '.join(clean(str(error)).split())}")
