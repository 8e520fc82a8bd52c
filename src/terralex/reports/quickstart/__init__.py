"""The first thing a person runs: everything at once, on made samples and on pictures of their own."""

from terralex.reports.quickstart.page import PUBLISHED, make_page
from terralex.reports.quickstart.tour import Seen, Stop, Tour, take_tour

__all__ = ["PUBLISHED", "Seen", "Stop", "Tour", "make_page", "take_tour"]
