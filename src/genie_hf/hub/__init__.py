"""Worlds on the Hub."""
