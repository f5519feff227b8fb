"""The treatment session: orders and seconds in, the session's document out. Pure; it never advises."""

from __future__ import annotations

from gateway.treatment.phases import Phase
from gateway.treatment.routes import Route
from gateway.treatment.session import Treatment

__all__ = ["Phase", "Route", "Treatment"]
