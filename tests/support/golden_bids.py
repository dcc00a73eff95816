"""The golden example of method.md 4.3."""

from bids.estimates import SegmentWeek

ORDER = ("vip", "loyal", "new", "at_risk", "rest")

GOLDEN = [
    SegmentWeek("vip", 0, 400, 20, 1800, 160),
    SegmentWeek("loyal", 0, 900, 27, 1500, 330),
    SegmentWeek("new", 0, 700, 14, 560, 250),
    SegmentWeek("at_risk", 0, 300, 6, 300, 110),
    SegmentWeek("rest", 0, 7700, 70, 2800, 2650),
]
