"""Which rented machine carries replicas for the least money."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from costmodel.errors import PriceError, nearest
from costmodel.prices.book import PriceBook
from costmodel.prices.rows import PriceRow

MARKETS = ("on_demand", "spot", "reserved_1y", "reserved_3y", "capacity_block", "marketplace")


@dataclass(frozen=True, eq=False)
class Offer:
    """A machine for rent on a day.

    Attributes:
        row: Row of `gpu_rental.csv`.
        usd_per_hour: Price of the machine. [US$/h]
        gpus: GPUs in it.
    """

    row: PriceRow
    usd_per_hour: float
    gpus: float

    def usd_per_gpu_hour(self, gpus: int) -> float:
        """Return what one of some GPUs costs where whole machines are rented. [US$/h]"""
        return self.usd_per_hour * math.ceil(gpus / self.gpus) / gpus


def offers(
    book: PriceBook,
    gpu: str,
    on: date,
    *,
    market: str = "on_demand",
    provider: str | None = None,
    region: str | None = None,
) -> list[Offer]:
    """Return the machines with a GPU that are for rent on a day.

    Args:
        book: The prices.
        gpu: GPU, by any of its names.
        on: Day of the price.
        market: on_demand, spot, reserved_1y, reserved_3y, capacity_block, marketplace, or any.
        provider: Who rents it out; None = all.
        region: As in `gpu_rental.csv`; None = all.

    Raises:
        PriceError: If a name is unknown.
    """
    if market not in (*MARKETS, "any"):
        message = f"unknown market {market!r}{nearest(market, (*MARKETS, 'any'))}"
        raise PriceError(message)
    name = book.catalog.gpu(gpu)
    rented = [row for row in book.rows if row.key.table == "gpu_rental"]
    if provider is not None and provider not in {row.key.provider for row in rented}:
        known = {row.key.provider for row in rented}
        message = f"{provider!r} rents out no GPUs{nearest(provider, known)}"
        raise PriceError(message)
    found = []
    for key in {row.key: row for row in rented if row.facts["gpu"] == name}:
        fits = (
            key.mode in ((market,) if market != "any" else MARKETS)
            and provider in (None, key.provider)
            and region in (None, key.region)
        )
        place = book.row_on(key, on) if fits else -1
        usd = book.unit_usd(place, "instance_hour") if place >= 0 else math.nan
        if not math.isnan(usd):
            row = book.rows[place]
            found.append(Offer(row, usd, float(row.facts["gpu_count"])))
    return found


def cheapest(found: list[Offer], gpus_per_replica: int, gpus: int) -> Offer | None:
    """Return the offer that carries replicas for the least money, None if none is large enough.

    Args:
        found: Machines for rent.
        gpus_per_replica: GPUs of a replica, which one machine must have.
        gpus: GPUs in all.
    """
    large = [offer for offer in found if offer.gpus >= gpus_per_replica]
    return min(large, key=lambda offer: offer.usd_per_gpu_hour(gpus), default=None)
