"""Peers that behave as a test says."""
