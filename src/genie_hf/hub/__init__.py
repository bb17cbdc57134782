"""Worlds on the Hub: what is published of one, its card, and what the Hub answers in plain words."""
