"""Lightspeed Retail (R-Series, API V3)."""
