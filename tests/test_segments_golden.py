"""The figures that two independent implementations of the method printed, to the last digit."""

from collections.abc import Callable
from datetime import date

import pytest

from audiences.segments import segment
from config.segments import Base
from tests.support.shops import Shop, cdnow, online_retail

PLAIN = Base(wholesale_quantile=None, returner_share=1, lost_history_factor=0)
NAMES = [
    "vip",
    "vip_at_risk",
    "loyal",
    "at_risk",
    "promising",
    "new",
    "drifting",
    "sleeping",
    "lost",
]


@pytest.fixture(scope="module")
def shops() -> Callable[[str], Shop]:
    opened: dict[str, Shop] = {}

    def find(name: str) -> Shop:
        if name not in opened:
            opened[name] = {"online_retail": online_retail, "cdnow": cdnow}[name]()
        return opened[name]

    return find


@pytest.mark.parametrize(
    ("data", "as_of", "n", "rhythm", "thresholds", "n_loyal", "sizes"),
    [
        (
            "online_retail",
            date(2011, 12, 9),
            4338,
            ("3.8485", "0.7736", "0.4981"),
            ("0.6504", "1.3018", "1.7863"),
            4,
            (387, 36, 878, 138, 970, 686, 508, 619, 116),
        ),
        (
            "online_retail",
            date(2011, 6, 30),
            2960,
            ("3.6251", "0.7620", "0.2859"),
            ("0.6249", "1.1987", "1.6008"),
            3,
            (245, 40, 528, 120, 455, 492, 540, 324, 216),
        ),
        (
            "cdnow",
            date(1997, 3, 31),
            23570,
            ("2.5722", "0.9752", "0.1188"),
            None,
            None,
            (1104, 492, 391, 164, 1548, 6121, 6088, 4275, 3387),
        ),
        (
            "cdnow",
            date(1998, 6, 30),
            23570,
            ("3.9823", "1.4740", "0.5365"),
            ("0.7788", "1.3677", "1.7506"),
            None,
            (1175, 1130, 2946, 2333, 1053, 0, 1032, 13901, 0),
        ),
    ],
)
def test_published_segments(
    shops: Callable[[str], Shop],
    data: str,
    as_of: date,
    n: int,
    rhythm: tuple[str, ...],
    thresholds: tuple[str, ...] | None,
    n_loyal: int | None,
    sizes: tuple[int, ...],
) -> None:
    shop = shops(data)
    made = segment(shop.occasions, shop.returns, shop.people, as_of=as_of, base=PLAIN)
    found = made.calibration
    assert found is not None
    assert tuple(f"{x:.4f}" for x in (found.mu0, found.sw2, found.sb2)) == rhythm
    if thresholds is not None:
        assert tuple(f"{x:.4f}" for x in found.thresholds) == thresholds
    if n_loyal is not None:
        assert found.n_loyal == n_loyal
    rows = made.table.segment.value_counts(name="people").to_pyarrow().to_pylist()
    counted = {row["segment"]: row["people"] for row in rows}
    assert tuple(counted.get(name, 0) for name in NAMES) == sizes
    assert sum(sizes) == n
