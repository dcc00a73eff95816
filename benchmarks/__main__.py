"""Run every benchmark, each in a process of its own, so that memory is its own too.

A benchmark is a module of this package with `bench(quick) -> Iterable[Figure]`. Exit status 1 says
that a figure is beyond its limit. Limits hold for a whole run on two idle cores; in a quick run
sizes are small, and figures are shown without being judged.
"""

import argparse
import pkgutil
import sys
from collections.abc import Sequence

import benchmarks
from benchmarks.figures import Figure, apart, figures_of

FRAME = ("__main__", "figures")


def names() -> list[str]:
    """The benchmarks there are."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in found if name not in FRAME)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is named, all of it by default; print figures, return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, limits not judged")
    parser.add_argument("name", nargs="*", help="benchmarks to run; all if left out")
    chosen = parser.parse_args(arguments)
    known = names()
    if unknown := sorted(set(chosen.name) - set(known)):
        parser.error(f"no benchmark {', '.join(unknown)}; known: {', '.join(known)}")
    missed = 0
    for name in chosen.name or known:
        for figure in apart(figures_of, name, chosen.quick):
            print(_line(name, figure, judged=not chosen.quick), flush=True)
            missed += not figure.holds and not chosen.quick
    return 1 if missed else 0


def _line(name: str, figure: Figure, *, judged: bool) -> str:
    limits = [
        f"{word} {limit:g}"
        for word, limit in (("at most", figure.most), ("at least", figure.least))
        if limit is not None
    ]
    verdict = ("  ok" if figure.holds else "  MISSED") if judged and limits else ""
    bound = f"  ({', '.join(limits)})" if limits else ""
    return f"{name:<12} {figure.name:<44} {figure.value:>12,.4g} {figure.unit}{bound}{verdict}"


if __name__ == "__main__":
    sys.exit(main())
