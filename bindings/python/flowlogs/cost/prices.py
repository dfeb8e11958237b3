"""Prices of bytes, with their date and sources: of prices.json beside this file, or of one of the same form.

    {"currency": "USD", "date": "2026-11-29", "bytes_per_gb": 1073741824,
     "sources": {"our-agreement": {"what": "...", "url": "..."}},
     "regions": {"us-east-1": {"nat-processing": [0.031, "our-agreement"], "internet-out": 0.05}}}

A price is a number, or a number and the name of its source. A charge to or from one region has the other's name behind it:
"inter-region-out us-east-2". What is not there has no price.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal

from .. import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    File = Union[str, "os.PathLike[str]"]

OWN = os.path.join(os.path.dirname(__file__), "prices.json")
CHARGES = (
    "internet-out", "inter-region-out", "cross-az", "nat-processing", "transit-gateway-processing", "endpoint-processing",
)  # fmt: skip


class Prices:
    """currency, date, and price(): exact, as Decimal."""

    def __init__(self, path: File | None = None) -> None:
        self.path = os.fspath(path) if path is not None else OWN
        self._is_own = path is None
        try:
            with open(self.path, encoding="utf-8") as file:
                values = json.load(file, parse_float=Decimal)
        except OSError as error:
            raise _core.ArgumentError(f"cost: prices: {self.path}: {error.strerror}") from None
        except ValueError as error:  # of JSON and UTF-8
            raise _core.ArgumentError(f"cost: prices: {self.path}: it is no JSON: {error}") from None
        try:
            self.currency = str(values.get("currency", "USD"))
            self.date = values.get("date")
            self.sources: dict[str, Any] = dict(values.get("sources", {}))
            self.bytes_per_gb = Decimal(values.get("bytes_per_gb", 2**30))
            self._regions = {
                str(region): {str(charge): self._price(price, region, charge) for charge, price in prices.items()}
                for region, prices in values["regions"].items()
            }
            if self.bytes_per_gb <= 0:
                raise ValueError("bytes_per_gb is no number of bytes")
        except (AttributeError, KeyError, TypeError, ArithmeticError, ValueError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise _core.ArgumentError(
                f"cost: prices: {self.path}: {what}; its form is that of {OWN}: "
                '{"regions": {"us-east-1": {"nat-processing": 0.045}}}'
            ) from None

    @staticmethod
    def _price(value: Any, region: str, charge: str) -> tuple[Decimal, str | None]:
        number, source = value if isinstance(value, list) else (value, None)
        if charge.split(" ")[0] not in CHARGES:
            raise ValueError(f"'{charge}' of {region} is no charge; there are {', '.join(CHARGES)}")
        if isinstance(number, bool) or not isinstance(number, (int, Decimal)) or number < 0:
            raise ValueError(f"{charge} of {region} is no price: {number!r}")
        return Decimal(number), source

    def price(self, charge: str, region: str | None, other: str | None = None) -> Decimal | None:
        """Of a GB. other: the region at the other end."""
        prices = self._regions.get(region or "", {})
        found = prices.get(f"{charge} {other}") or prices.get(charge)
        return None if found is None else found[0]

    def source(self, charge: str, region: str | None) -> str | None:
        found = self._regions.get(region or "", {}).get(charge)
        return None if found is None else found[1]

    def cost(self, bytes: int, price: Decimal) -> Decimal:
        return Decimal(bytes) * price / self.bytes_per_gb

    def to_dict(self, used: set[str]) -> dict[str, Any]:
        """What an answer tells of them. used: the sources that it stands on."""
        sources = {name: self.sources.get(name, {}) for name in sorted(used)}
        file = "prices.json of flowlogs" if self._is_own else self.path
        return {
            "file": file, "date": self.date, "currency": self.currency, "bytes_per_gb": int(self.bytes_per_gb),
            "sources": sources,
        }  # fmt: skip
