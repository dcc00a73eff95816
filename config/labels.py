"""The eleven base segments, in the order in which they are decided, and what they are called.

The order is that of the rules (first match wins); `audiences.model.Segment` names the same eleven,
and a test holds the two together, because config may not import audiences.
"""

from types import MappingProxyType

from config.model import Labels

_LABELS = {
    "lost": ("Lost", "Потерянные", "Втрачені"),
    "vip": ("VIP", "VIP", "VIP"),
    "vip_at_risk": ("VIP at risk", "VIP в зоне потери", "VIP у зоні втрати"),
    "loyal": ("Loyal", "Лояльные", "Лояльні"),
    "at_risk": ("At risk", "В зоне потери", "У зоні втрати"),
    "sleeping": ("Sleeping", "Спящие", "Сплячі"),
    "drifting": ("Drifting", "Дрейфующие", "Віддаляються"),
    "new": ("New", "Новые", "Нові"),
    "promising": ("Promising", "Перспективные", "Перспективні"),
    "registered": ("Newly registered", "Новые зарегистрировавшиеся", "Нові зареєстровані"),
    "sleeping_registered": (
        "Sleeping registered",
        "Спящие зарегистрировавшиеся",
        "Сплячі зареєстровані",
    ),
}

SEGMENT_LABELS = MappingProxyType(
    {name: Labels(en=en, ru=ru, uk=uk) for name, (en, ru, uk) in _LABELS.items()}
)
"""Labels by segment name, in the order in which the segments are decided."""

SEGMENTS = tuple(SEGMENT_LABELS)
"""Names of the base segments."""
