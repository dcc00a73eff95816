"""The torture run: runs that are killed and hindered, one after another, and what must hold then.

    python -m tests.support.torture --cases 1000 --seed 7

A chain is one project with one sandbox process. In every case the wish changes, a run meets a
misfortune, and after one quiet run the platform must hold what is wished and the ledger must say
so. Everything random comes from the seed; the instant at which a kill falls inside a step does not.
"""

import argparse
import json
import multiprocessing
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support import torture_child
from tests.support.sandbox import Sandbox
from tests.support.small_shop import CITIES, LISTS, SmallShop, moved, people_of
from tests.support.torture_child import Misfortune

PEOPLE = 320
PEOPLE_WITH_A_SEED = 480
"""Every other one bought more than once, and a seed needs 200."""
PATIENCE = 600.0
SPEED = "3600"
ROOT = Path(__file__).parents[2]
LISTED = "yandex_audience"
NO_MISFORTUNE = Misfortune()
TITLE = "Small shop: "
BY_HAND = "made by hand"
SEED = "best"
LOOKALIKE = f"{TITLE}{SEED}, look-alike 1"

FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "server_error", "after_effect": True},
    {"kind": "server_error", "after_effect": True, "times": 3},
    {"kind": "server_error"},
    {"kind": "cut", "after_effect": True},
    {"kind": "cut", "after_effect": True, "times": 6},
    {"kind": "cut"},
    {"kind": "throttle", "times": 3},
    {"kind": "throttle", "retry_after": 5},
    {"kind": "expired_token"},
    {"kind": "quota_gone"},
    {"kind": "malformed", "after_effect": True},
    {"kind": "slow", "seconds": 0.3},
    {"kind": "error_inside"},
)
OPERATIONS = ("upload_csv_file", "confirm", "modify_data", "list", None)
OPERATIONS_WITH_A_SEED = (*OPERATIONS, "create_lookalike")


class Broken(AssertionError):
    """What was promised does not hold; the text names chain and case."""


@dataclass
class Chain:
    """Cases one after another on one project; `seed` decides what befalls them.

    Half of the chains have a seed of look-alikes in place of their second list.
    """

    folder: Path
    box: Sandbox
    seed: str
    met: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.seeded = self.random.random() < 0.5
        self.lists = (LISTS[0], SEED) if self.seeded else LISTS
        people = people_of(PEOPLE_WITH_A_SEED if self.seeded else PEOPLE)
        seeds = (SEED,) if self.seeded else ()
        bids, whole = {"north": 10}, self.random.random() < 0.5
        self.shop = SmallShop(self.folder, people, seeds=seeds, bids=bids, replaces=whole)
        self.children = multiprocessing.get_context("forkserver")
        self.children.set_forkserver_preload([torture_child.__name__])
        self.step = 1

    @property
    def settings(self) -> dict[str, str]:
        return {"ADSTEER_SANDBOX_URL": self.box.url, "ADSTEER_SANDBOX_SPEED": SPEED}

    def go(self, cases: int) -> None:
        """Play the cases. Raises Broken with what to type to see it again."""
        self.wish(first=True)
        self.shop.write()
        self.must_run("refresh")
        for number in range(cases):
            try:
                self.case(number)
            except AssertionError as fault:
                raise Broken(
                    f"seed {self.seed}, case {number} ({dict(self.met)}): {fault}\n"
                    f"again: python -m tests.support.torture --chain {self.seed} --cases {cases}\n"
                    + (self.folder / "child.log").read_text()[-3000:]
                ) from fault

    def case(self, number: int) -> None:
        """A new wish, a run in trouble, a quiet run, and the promises."""
        if number:
            self.wish(first=False)
            self.shop.write_rules()
        if number % 8 == 5:
            self.change_people()
        self.trouble()
        self.box.no_more_faults()
        self.quiet_run()

    # The wish

    def wish(self, *, first: bool) -> None:
        """Other cities in the lists; a list is made with a hundred people or more."""
        for name in self.lists[:1] if self.seeded else self.lists:
            least = 4 if first else 1
            self.shop.cities[name] = set(
                self.random.sample(CITIES, self.random.randint(least, len(CITIES)))
            )
        self.shop.bids["north"] = self.random.choice((-20, -10, 10, 20, 30))

    def change_people(self) -> None:
        """Some have another address, some take their consent back; the refresh may be killed."""
        people = list(self.shop.people)
        for place in self.random.sample(range(len(people)), 12):
            people[place] = moved(people[place], secrets.randbelow(10**9))
        for place in self.random.sample(range(len(people)), 6):
            turn = "no" if people[place].consent == "yes" else "yes"
            people[place] = replace(people[place], consent=turn)
        self.shop.people = tuple(people)
        self.shop.write_people()
        child = self.start("refresh")
        self.kill_soon(child, within=1.5)
        self.must_run("refresh")

    # The trouble

    def trouble(self) -> None:
        """One of the ways in which a run goes wrong."""
        kinds: tuple[tuple[int, Callable[[], None]], ...] = (
            (9, self.killed_at_a_step),
            (5, self.killed_at_an_instant),
            (4, self.hindered_by_the_platform),
            (2, self.on_a_full_disk),
            (2, self.behind_a_locked_database),
            (2, self.beside_a_second_run),
            (1, self.under_a_jumping_clock),
            (1, self.as_a_command_killed),
        )
        kind = self.random.choices([k for _, k in kinds], [weight for weight, _ in kinds])[0]
        self.met[kind.__name__] += 1
        if self.random.random() < 0.4:
            self.ask_for_faults()
        kind()

    def killed_at_a_step(self) -> None:
        """At the next step of the sweep; every other time the very plan is tried once more."""
        code = self.wait(self.start("apply", befalls=Misfortune(kill_at=self.step)))
        self.step = self.step + 1 if code == -signal.SIGKILL else 1
        plan = self.newest_plan()
        if code == -signal.SIGKILL and plan and self.random.random() < 0.5:
            code = self.wait(self.start("apply", plan))
            assert code in (0, 1), f"a plan was tried again and ended with {code}"

    def killed_at_an_instant(self) -> None:
        self.kill_soon(self.start("apply"), within=1.2)

    def hindered_by_the_platform(self) -> None:
        self.ask_for_faults()
        self.ask_for_faults()
        self.ends_well_or_says_why(self.start("apply"))

    def on_a_full_disk(self) -> None:
        most = self.random.choice((2_000, 20_000, 60_000, 120_000, 200_000, 400_000))
        self.ends_well_or_says_why(self.start("apply", befalls=Misfortune(most_bytes=most)))

    def behind_a_locked_database(self) -> None:
        child = self.start("apply")
        time.sleep(self.random.uniform(0, 0.6))
        path = self.folder / ".adsteer" / "catalog.db"
        assert path.is_file()
        held = sqlite3.connect(path, timeout=30, isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        time.sleep(self.random.uniform(0.1, 0.8))
        held.execute("ROLLBACK")
        held.close()
        self.ends_well_or_says_why(child)

    def beside_a_second_run(self) -> None:
        first = self.start("apply")
        time.sleep(self.random.uniform(0, 0.5))
        jump = timedelta(days=self.random.choice((0, 0, 1)))
        second = self.start("apply", befalls=Misfortune(jump_at=1, jump=jump))
        if self.random.random() < 0.5:
            self.kill_soon(first, within=1.0)
        self.ends_well_or_says_why(first)
        self.ends_well_or_says_why(second)

    def under_a_jumping_clock(self) -> None:
        days = self.random.choice((-400, -2, -0.1, 0.1, 2, 400))
        at = self.random.randint(1, 12)
        befalls = Misfortune(
            kill_at=self.random.choice((None, at + 2)), jump_at=at, jump=timedelta(days=days)
        )
        self.ends_well_or_says_why(self.start("apply", befalls=befalls))

    def as_a_command_killed(self) -> None:
        arguments = ["apply", "--project", str(self.folder)]
        child = self.children.Process(
            target=torture_child.command_line, args=(self.folder, self.settings, arguments)
        )
        child.start()
        self.kill_soon(child, within=1.2)

    def ask_for_faults(self) -> None:
        fault = dict(self.random.choice(FAULTS))
        self.met[f"fault {fault['kind']}"] += 1
        platform = self.random.choice((LISTED, LISTED, None))
        operations = OPERATIONS_WITH_A_SEED if self.seeded else OPERATIONS
        operation = self.random.choice(operations) if platform else None
        self.box.fault(fault.pop("kind"), platform, operation, **fault)

    # Processes

    def start(
        self, verb: str, plan: str | None = None, *, befalls: Misfortune = NO_MISFORTUNE
    ) -> Any:
        child = self.children.Process(
            target=torture_child.run, args=(self.folder, self.settings, verb, plan, befalls)
        )
        child.start()
        return child

    def wait(self, child: Any) -> int:
        child.join(PATIENCE)
        if child.exitcode is None:
            child.kill()
            child.join()
            raise AssertionError("a run did not end")
        return int(child.exitcode)

    def kill_soon(self, child: Any, *, within: float) -> None:
        child.join(self.random.uniform(0.0, within))
        if child.exitcode is None:
            child.kill()
        self.wait(child)

    def ends_well_or_says_why(self, child: Any) -> None:
        code = self.wait(child)
        said = (self.folder / "child.log").read_text()
        assert code in (0, -signal.SIGKILL) or said.strip(), "a run failed without a word"

    def must_run(self, verb: str) -> None:
        code = self.wait(self.start(verb))
        assert code == 0, f"a quiet {verb} ended with {code}"

    def newest_plan(self) -> str | None:
        plans = (self.folder / ".adsteer" / "plans").glob("*.json")
        newest = max(plans, key=lambda path: path.stat().st_mtime_ns, default=None)
        return newest.stem if newest else None

    # The promises

    def quiet_run(self) -> None:
        child = self.children.Process(
            target=torture_child.finish, args=(self.folder, self.settings)
        )
        child.start()
        code = self.wait(child)
        assert code == 0, f"the run after the trouble ended with {code}"
        report = json.loads((self.folder / "believed.json").read_text())
        assert not report["failed"], "the run after the trouble was refused"
        assert report["still_to_send"] == 0, "a second run would send something again"
        self.check_lists(report)
        self.check_corrections(report)

    def check_lists(self, report: dict[str, Any]) -> None:
        held = {str(one["id"]): one for one in self.box.lists(LISTED) if one.get("name")}
        ours = {report["lists"][name]["list_id"] for name in self.lists}
        assert {held[one]["name"] for one in ours} == {f"{TITLE}{name}" for name in self.lists}
        others = {one["name"]: one for key, one in held.items() if key not in ours}
        grown = {LOOKALIKE} if self.seeded else set()
        assert set(others) == {BY_HAND, *grown}, "there are lists that nobody asked for"
        assert len(held) == len(self.lists) + len(others), "a list was made twice"
        assert len(others[BY_HAND]["members"]) == 400, "a foreign member was touched"
        assert [one["action"] for one in report["lookalikes"]] == ["keep"] * len(grown)
        for name in self.lists:
            believed = report["lists"][name]
            there = set(held[believed["list_id"]]["members"])
            wanted = self.shop.digests(name)
            assert there == wanted, (
                f"{name}: {len(wanted - there)} digests missing, {len(there - wanted)} too many"
            )
            standing = Counter(row["standing"] for row in believed["rows"])
            assert set(standing) == {"in"}, f"{name}: {dict(standing)}"
            digests = {d for row in believed["rows"] for k in ("email", "phone") for d in row[k]}
            assert digests == there, f"{name}: the ledger believes something else"
            assert len(believed["rows"]) == len(self.shop.wanted(name)), "somebody is there twice"
            for batch in believed["batches"]:
                if batch["state"] == "settled":
                    told = batch["accepted"] + batch["refused"]
                    assert told == batch["people"], f"{name}: a batch lost people"

    def check_corrections(self, report: dict[str, Any]) -> None:
        (row,) = report["bids"]
        wanted = self.shop.bids["north"]
        assert (row["action"], row["present"]) == ("keep", wanted), f"{wanted} %, but {row}"


@contextmanager
def sandbox_process(state: Path) -> Iterator[Sandbox]:
    """The sandbox as a process of its own that remembers in a file."""
    command = [sys.executable, "-m", "connectors.sandbox", "--state", str(state)]
    command += ["--speed", SPEED, "--processing-seconds", "300", "--no-quotas", "--follow-parent"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Sandbox(json.loads(process.stdout.readline())["url"].rstrip("/"))
    finally:
        process.kill()  # it remembers in a file, and nothing is asked of it any more
        process.wait()


def play(folder: Path, seed: str, cases: int) -> Counter[str]:
    """One chain from nothing; how often each trouble was met."""
    with sandbox_process(folder / "sandbox.db") as box:
        chain = Chain(folder / "shop", box, seed)
        chain.folder.mkdir()
        chain.go(cases)
        return chain.met


def main() -> None:
    """Chains of 25 cases, two at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--chain", help="one chain alone, by the seed that a failure printed")
    given = parser.parse_args()
    per_chain = given.cases if given.chain else min(25, given.cases)
    left = [f"{given.seed}-{n}" for n in range(-(-given.cases // per_chain))]
    left = [given.chain] if given.chain else left
    lock, met, broken = threading.Lock(), Counter[str](), list[str]()

    def work() -> None:
        while True:
            with lock:
                if not left or broken:
                    return
                seed = left.pop(0)
            started = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="adsteer-torture-") as folder:
                try:
                    found = play(Path(folder), seed, per_chain)
                except (AssertionError, OSError) as fault:
                    with lock:
                        broken.append(str(fault))
                    return
            with lock:
                met.update(found)
            sys.stdout.write(
                f"chain {seed}: {per_chain} cases in {time.monotonic() - started:.0f} s\n"
            )
            sys.stdout.flush()

    workers = [threading.Thread(target=work) for _ in range(os.cpu_count() or 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.stdout.write("".join(f"{n:6} {name}\n" for name, n in sorted(met.items())))
    if broken:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main()
