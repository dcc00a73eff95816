import subprocess
import sys
from pathlib import Path

from flows.ownership import is_alive, is_dead, owner

ROOT = Path(__file__).parents[1]


def test_this_process_lives():
    assert is_alive(owner())
    assert not is_dead(owner())


def test_a_process_that_ended_is_dead():
    tell = "from flows.ownership import owner; print(owner())"
    done = subprocess.run(
        [sys.executable, "-c", tell], cwd=ROOT, capture_output=True, text=True, check=True
    )
    name = done.stdout.strip()
    assert name.count(":") == 2
    assert is_dead(name)
    assert not is_alive(name)


def test_a_process_id_given_to_another_process_is_not_the_owner():
    host, pid, started = owner().split(":")
    earlier = f"{host}:{pid}:{int(started) - 1}" if started.isdigit() else f"{host}:{pid}:gone"
    assert is_dead(earlier)
    assert not is_alive(earlier)


def test_of_another_machine_nothing_is_known():
    elsewhere = f"elsewhere-{owner()}"
    assert not is_dead(elsewhere)
    assert not is_alive(elsewhere)
    assert not is_alive("somebody")
