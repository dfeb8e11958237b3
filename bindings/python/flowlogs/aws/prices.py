"""What a flow log costs: list prices, with their date and source. An estimate says what it stands on."""

from __future__ import annotations

from typing import Any

REGION = "us-east-1"
DATE = "2026-11-25"
SOURCE = (
    "https://aws.amazon.com/cloudwatch/pricing (Logs, Vended Logs), as restated by third parties; first 10 TB a month"
)

# USD a GB delivered. Volume discounts begin beyond 10 TB a month.
DELIVERY = {
    "cloudwatch": 0.50,
    "cloudwatch-infrequent-access": 0.25,
    "s3": 0.25,
    "firehose": 0.25,
}
PARQUET = 0.035  # USD a GB converted, in addition
STORAGE = {
    "cloudwatch": 0.03,
    "cloudwatch-infrequent-access": 0.03,
    "s3": 0.023,
}  # USD a GB and month, stored compressed

# Records of an interface a minute: one (NODATA) while nothing happens, and what a server of little traffic writes.
IDLE_RECORDS = 1
QUIET_RECORDS = 50


def per_gb(destination: str, parquet: bool = False) -> float:
    return DELIVERY[destination] + (PARQUET if parquet else 0.0)


def estimate(destination: str, interfaces: int, bytes_per_record: int, parquet: bool) -> dict[str, Any]:
    """GB and USD a day, idle and quiet. Counted by the minute: Nitro interfaces have 60 s whatever interval is set."""

    def amount(records: int) -> dict[str, float]:
        gb = interfaces * records * 1440 * bytes_per_record / 1e9
        return {"gb_per_day": round(gb, 6), "usd_per_day": round(gb * per_gb(destination, parquet), 6)}

    return {
        "interfaces": interfaces,
        "bytes_per_record": bytes_per_record,
        "records_per_interface_and_minute": {"idle": IDLE_RECORDS, "quiet": QUIET_RECORDS},
        "idle": amount(IDLE_RECORDS),
        "quiet": amount(QUIET_RECORDS),
        "usd_per_gb": round(per_gb(destination, parquet), 4),
        "prices": {"region": REGION, "date": DATE, "source": SOURCE},
    }


# ---- The lab ---------------------------------------------------------------------------------------------------------

# USD an hour: instances (Linux, on demand), a public IPv4 address in use; USD a GB and month: gp3.
INSTANCE = {"t3.micro": 0.0104}
PUBLIC_ADDRESS = 0.005
DISK = 0.08
INSTANCE_SOURCE = "https://aws.amazon.com/ec2/pricing and /vpc/pricing, as restated by third parties"


def instances_per_hour(kind: str, instances: int, disk_gb: int) -> float:
    """USD an hour of instances with a public address, a disk each, and records of little traffic."""
    records_gb = QUIET_RECORDS * 60 * 300 / 1e9
    each = INSTANCE[kind] + PUBLIC_ADDRESS + DISK * disk_gb / 730 + records_gb * per_gb("cloudwatch")
    return round(instances * each, 4)
