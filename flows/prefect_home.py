"""Where Prefect keeps its own things: in the project, private, and silent towards the world."""

import os
from pathlib import Path

from audiences.snapshots import private_folder


def settle(state: Path) -> None:
    """Point Prefect at the project's state folder. Call this before anything imports Prefect.

    With PREFECT_API_URL set a run appears on that server; without, Prefect starts a server of its
    own for as long as the run takes.
    """
    home = private_folder(state / "prefect")
    quiet = {
        "PREFECT_HOME": str(home.resolve()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
