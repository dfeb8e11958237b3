"""flowlogs detect --follow of a log group, findings sent to SNS."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from flowlogs.aws.session import Session
from flowlogs.notify import NotifyError, channel_of

from . import delivery as made
from .conftest import ACCOUNT, REGION

GROUP = "/vpc/flow-logs"


@pytest.fixture
def topic(aws):
    """An SNS topic, and what arrives at a queue behind it."""
    arn = aws("sns").create_topic(Name="findings")["TopicArn"]
    queue = aws("sqs").create_queue(QueueName="findings")["QueueUrl"]
    aws("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:findings")

    def arrived():
        messages = aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    return arn, arrived


def test_a_finding_of_a_log_group_arrives_at_a_topic_once(aws, topic):
    arn, arrived = topic
    logs = made.Delivery(aws)
    logs.group(GROUP)
    now = int(time.time()) - 120
    line = f"2 {ACCOUNT} eni-a 198.51.100.7 10.0.0.5 50000 {{}} 6 1 40 {now} {now + 20} REJECT OK"
    logs.events(GROUP, "eni-a-all", [line.format(port) for port in range(100, 140)], now)
    command = [sys.executable, "-m", "flowlogs", "detect", "--follow", "--every", "0.3", "--notify", f"sns:{arn}", f"cloudwatch://{GROUP}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        messages, deadline = [], time.monotonic() + 120
        while not messages and time.monotonic() < deadline:
            messages = arrived()
            time.sleep(0.1)
        time.sleep(1)
        messages += arrived()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert [message["Subject"] for message in messages] == ["flowlogs: low port-scan by 198.51.100.7"], err
    assert json.loads(messages[0]["Message"]) == json.loads(out)
    assert b"CloudWatch usually lags 5 min" in err


def test_a_topic_that_is_not_there_is_told():
    channel = channel_of(f"sns:arn:aws:sns:{REGION}:{ACCOUNT}:nosuch", lambda region: Session(region=region))
    with pytest.raises(NotifyError, match="nosuch: publish to it: .*does not exist"):
        channel({"severity": "low", "kind": "port-scan", "actor": "198.51.100.7"})
