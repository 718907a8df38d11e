"""Where models run and how that is billed. A new way of billing is one class here."""

from __future__ import annotations

from costmodel.hosts.base import (
    Host,
    Serving,
    Terms,
    Training,
    check_examples,
    check_window,
    epochs_of,
    hosted_training,
    tokens_per,
)
from costmodel.hosts.capacity import Dedicated, Provisioned
from costmodel.hosts.own import Owned, Rented, open_model
from costmodel.hosts.per_token import PerToken

HOSTS: dict[str, type[Host]] = {
    host.kind: host for host in (PerToken, Dedicated, Provisioned, Rented, Owned)
}

__all__ = [
    "HOSTS",
    "Dedicated",
    "Host",
    "Owned",
    "PerToken",
    "Provisioned",
    "Rented",
    "Serving",
    "Terms",
    "Training",
    "check_examples",
    "check_window",
    "epochs_of",
    "hosted_training",
    "open_model",
    "tokens_per",
]
