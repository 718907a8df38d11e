"""Usage logs and invoices of many layouts, as one ledger that is priced."""
