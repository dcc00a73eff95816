"""The program itself, killed and hindered, against the sandbox: `make torture` for a thousand."""

import pytest

from tests.support.torture import Broken, Chain, play, sandbox_process

CASES = 22


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2", "3", "4", "5"])
def test_after_any_trouble_one_quiet_run_ends_in_the_desired_state(tmp_path, seed):
    met = play(tmp_path, seed, CASES)
    assert sum(n for name, n in met.items() if not name.startswith("fault")) == CASES


@pytest.mark.slow
def test_the_torture_run_sees_a_member_who_should_not_be_there(tmp_path):
    with sandbox_process(tmp_path / "sandbox.db") as box:
        chain = Chain(tmp_path / "shop", box, "0")
        chain.folder.mkdir()
        chain.trouble = lambda: None
        chain.go(1)
        stranger = chain.shop.people[0]
        chain.shop.digests = lambda _name: frozenset(stranger.digests)
        chain.wish = lambda *, first: None
        with pytest.raises(Broken, match="too many"):
            chain.go(1)
