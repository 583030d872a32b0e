"""Lightspeed eCom E-Series (Ecwid): REST v3 to raw tables."""
