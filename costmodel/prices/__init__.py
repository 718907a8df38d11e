"""Dated, sourced price tables: read, check, resolve names, select rows."""
