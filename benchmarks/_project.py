"""A project around an invented shop: every segment as a list on every platform that keeps lists."""

from pathlib import Path

from benchmarks._shop import AS_OF, Shop
from config.labels import SEGMENTS

PLATFORMS = ("google", "meta", "microsoft", "tiktok", "vk", "yandex_audience")


def write_project(
    folder: Path,
    shop: Shop,
    *,
    memory_limit: str = "1000MB",
    platforms: tuple[str, ...] = PLATFORMS,
) -> Path:
    """The exports of a shop and the settings to steer it by; gives the folder."""
    shop.write(folder)
    (folder / "adsteer.toml").write_text(
        f"""[shop]
name = "Invented"
currency = "RUB"
time_zone = "Europe/Moscow"
as_of = {AS_OF}
[engine]
memory_limit = "{memory_limit}"
"""
    )
    (folder / "exports.toml").write_text(
        "".join(
            f'[[export]]\nkind = "{kind}"\nsource = "crm"\npath = "exports/{path}"\n'
            + ('preset = "onec"\n' if shop.form == "1c" and kind != "events" else "")
            + (
                "[export.values]\ncancelled = ['cancelled']\nreturned = ['returned']\n"
                if values and shop.form != "1c"
                else ""
            )
            for kind, path, values in (
                ("contacts", f"contacts.{shop.suffix}", False),
                ("orders", f"orders/*.{shop.suffix}", True),
                ("events", f"events.{shop.suffix}", False),
            )
        )
    )
    (folder / "platforms.toml").write_text(
        "".join(
            f'[[account]]\nname = "{one}"\nplatform = "{one}"\nlogin = "1234567890"\n'
            "sandbox = true\n"
            for one in platforms
        )
    )
    (folder / "segments.toml").write_text("[base]\n")
    (folder / "bid_rules.toml").write_text("enabled = false\n")
    (folder / "schedules.toml").write_text("")
    named = ", ".join(f'"{one}"' for one in platforms)
    (folder / "audiences.toml").write_text(
        "".join(
            f'[[audience]]\nname = "{name}"\npeople = "segment = \'{name}\'"\n'
            f"accounts = [{named}]\n"
            for name in SEGMENTS
        )
    )
    return folder
