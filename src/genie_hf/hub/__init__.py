"""Worlds for others: with their code, for those who do not have this package."""

from .remote_code import export_remote_code

__all__ = ["export_remote_code"]
