"""What only all files of a project can show to be wrong: names that lead nowhere or twice."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from config.audiences import Audience, AudiencesFile, Purpose
from config.bid_rules import BidRulesFile
from config.consents import ADS, consent_of
from config.experiments import ExperimentsFile
from config.exports import ExportsFile
from config.faults import Fault, shown, unknown_name
from config.features import FEATURES, RESERVED
from config.labels import SEGMENTS
from config.platforms import PlatformsFile
from config.rules import RuleError, parse_condition
from config.schedules import SchedulesFile
from config.segments import Overlay, SegmentsFile
from config.shop import AdsteerFile


def cross_check(
    *,
    segments: SegmentsFile | None = None,
    audiences: AudiencesFile | None = None,
    bid_rules: BidRulesFile | None = None,
    platforms: PlatformsFile | None = None,
    schedules: SchedulesFile | None = None,
    exports: ExportsFile | None = None,
    adsteer: AdsteerFile | None = None,
    experiments: ExperimentsFile | None = None,
) -> list[Fault]:
    """Faults between files. A file that could not be read is None; what needs it is not checked."""
    faults = [*_exports(exports), *_segments(segments, audiences), *_platforms(platforms)]
    if audiences is not None:
        faults += _audiences(audiences, segments, platforms)
        faults += _consent(audiences, exports, platforms)
    if bid_rules is not None:
        faults += _bid_rules(bid_rules, segments, platforms)
    if schedules is not None:
        faults += _schedules(schedules, audiences)
    if experiments is not None:
        faults += _experiments(experiments, segments, audiences)
    return faults


def _exports(exports: ExportsFile | None) -> Iterator[Fault]:
    """The same file read twice as the same thing would count every order twice."""
    seen: set[tuple[str, str]] = set()
    for index, export in enumerate(exports.export if exports else (), 1):
        origin = (export.kind, export.path or export.query or "")
        if origin in seen:
            read = shown(export.path) if export.path else "the same query again"
            yield Fault("exports.toml", f"export[{index}]", read, "each file or query once")
        seen.add(origin)


def _segments(segments: SegmentsFile | None, audiences: AudiencesFile | None) -> Iterator[Fault]:
    if segments is None:
        return
    file, lists = "segments.toml", [each.name for each in audiences.audience] if audiences else []
    names = [overlay.name for overlay in segments.overlay]
    yield from _unique(file, "overlay", names)
    for index, overlay in enumerate(segments.overlay, 1):
        key = f"overlay[{index}]"
        if taken := _taken_by(overlay.name):
            expected = f"a name that is not taken by {taken}"
            yield Fault(file, f"{key}.name", shown(overlay.name), expected)
        yield from _condition(file, f"{key}.rule", overlay.rule, ())
        if audiences is not None:
            yield from _known(file, f"{key}.not_in", overlay.not_in, "an audience", lists)
            yield from _not_in(file, f"{key}.not_in", overlay, segments, audiences)


def _not_in(
    file: str, key: str, overlay: Overlay, segments: SegmentsFile, audiences: AudiencesFile
) -> Iterator[Fault]:
    """A frequency guard names lists that people see, and never leads in a circle."""
    guarded = {each.name for each in segments.overlay if each.not_in}
    overlays = [each.name for each in segments.overlay]
    for audience in audiences.audience:
        if audience.name not in overlay.not_in:
            continue
        if audience.purpose is Purpose.SEED:
            expected = "an audience that is shown ads; a seed is not"
            yield Fault(file, key, shown(audience.name), expected)
        try:
            named = parse_condition(audience.people, overlays=overlays).columns & guarded
        except RuleError:
            continue  # told where the audience is checked
        if named:
            expected = f"an audience without overlay {sorted(named)[0]!r}, which has not_in itself"
            yield Fault(file, key, shown(audience.name), expected)


def _taken_by(name: str) -> str | None:
    """What an overlay of this name would shadow, or what would keep rules from naming it."""
    if name in SEGMENTS:
        return "a base segment"
    if name in FEATURES or name in RESERVED:
        return "a feature"
    try:
        return None if parse_condition(name, overlays=[name]).columns else "SQL itself"
    except RuleError:
        return "SQL itself"


def _platforms(platforms: PlatformsFile | None) -> Iterator[Fault]:
    if platforms is None:
        return
    names = [account.name for account in platforms.account]
    yield from _unique("platforms.toml", "account", names)
    for index, account in enumerate(platforms.account, 1):
        if account.lists_from is None:
            continue
        others = [name for name in names if name != account.name]
        if account.lists_from not in others:
            key = f"account[{index}].lists_from"
            yield unknown_name(
                "platforms.toml", key, account.lists_from, "the name of another account", others
            )


def _audiences(
    audiences: AudiencesFile, segments: SegmentsFile | None, platforms: PlatformsFile | None
) -> Iterator[Fault]:
    file = "audiences.toml"
    yield from _unique(file, "audience", [each.name for each in audiences.audience])
    accounts = [account.name for account in platforms.account] if platforms else None
    titles: dict[tuple[str, str], str] = {}
    for index, audience in enumerate(audiences.audience, 1):
        key = f"audience[{index}]"
        yield from _once(file, f"{key}.accounts", audience.accounts, "account")
        if accounts is not None:
            what = "an account of platforms.toml"
            yield from _known(file, f"{key}.accounts", audience.accounts, what, accounts)
        if segments is not None:
            overlays = [overlay.name for overlay in segments.overlay]
            yield from _condition(file, f"{key}.people", audience.people, overlays)
        if audience.formerly in {each.name for each in audiences.audience}:
            expected = "a name that no audience has any more"
            yield Fault(file, f"{key}.formerly", shown(audience.formerly), expected)
        yield from _excluded(f"{key}.lookalike.exclude", audience, audiences)
        if audience.lookalike is not None:
            what = "an account of this audience"
            named = audience.lookalike.shown_in
            yield from _known(file, f"{key}.lookalike.shown_in", named, what, audience.accounts)
        title = audience.title or audience.name
        for account in audience.accounts:
            first = titles.setdefault((account, title), audience.name)
            if first != audience.name:
                expected = f"another title than audience {first!r} has on {account}"
                yield Fault(file, f"{key}.title", shown(title), expected)


def _consent(
    audiences: AudiencesFile, exports: ExportsFile | None, platforms: PlatformsFile | None
) -> Iterator[Fault]:
    """A consent that no export tells of is nobody's; a platform misspelt would ask for nothing."""
    file, consent = "audiences.toml", audiences.consent
    asked = {
        "consent.retargeting": consent.retargeting,
        "consent.seed": consent.seed,
        **{f"consent.platforms.{name}": each for name, each in consent.platforms.items()},
    }
    for key, names in asked.items():
        yield from _once(file, key, names, "consent")
        if exports is not None:
            columns = [column for export in exports.export for column in export.columns]
            known = [ADS, *filter(None, map(consent_of, columns))]
            what = "a consent: ads, or NAME where an export has a column consent_NAME"
            yield from _known(file, key, names, what, list(dict.fromkeys(known)))
    if platforms is not None:
        of_accounts = list(dict.fromkeys(one.platform for one in platforms.account))
        what = "the platform of an account"
        yield from _known(file, "consent.platforms", consent.platforms, what, of_accounts)


def _excluded(key: str, audience: Audience, file: AudiencesFile) -> Iterator[Fault]:
    """Who is left out of a look-alike must be a list where the look-alike is."""
    name = audience.lookalike.exclude if audience.lookalike else None
    if name is None:
        return
    known = {one.name: set(one.accounts) for one in file.audience if one.name != audience.name}
    yield from _known("audiences.toml", key, [name], "another audience", known)
    missing = sorted(set(audience.accounts) - known.get(name, set(audience.accounts)))
    if missing:
        expected = f"an audience on {', '.join(missing)} too"
        yield Fault("audiences.toml", key, shown(name), expected)


def _bid_rules(
    bid_rules: BidRulesFile, segments: SegmentsFile | None, platforms: PlatformsFile | None
) -> Iterator[Fault]:
    file = "bid_rules.toml"
    yield from _objects_once(bid_rules)
    if platforms is not None:
        accounts = [account.name for account in platforms.account]
        for index, where in enumerate(bid_rules.where, 1):
            what = "an account of platforms.toml"
            yield from _known(file, f"where[{index}].account", [where.account], what, accounts)
    places = [where.account for where in bid_rules.where]
    for index, rule in enumerate(bid_rules.rule, 1):
        what = "an account that a [[where]] of this file names"
        yield from _known(file, f"rule[{index}].accounts", rule.accounts, what, places)
    if segments is not None:
        names = [*SEGMENTS, *(overlay.name for overlay in segments.overlay)]
        for index, rule in enumerate(bid_rules.rule, 1):
            what = "a base segment or an overlay"
            yield from _known(file, f"rule[{index}].segment", [rule.segment], what, names)


def _objects_once(bid_rules: BidRulesFile) -> Iterator[Fault]:
    """An object named twice would be corrected twice."""
    seen: set[tuple[str, str, int]] = set()
    for index, where in enumerate(bid_rules.where, 1):
        for level in ("campaigns", "ad_groups"):
            for number in getattr(where, level):
                named = (where.account, level, number)
                if named in seen:
                    key = f"where[{index}].{level}"
                    yield Fault("bid_rules.toml", key, str(number), "each object once in the file")
                seen.add(named)


def _schedules(schedules: SchedulesFile, audiences: AudiencesFile | None) -> Iterator[Fault]:
    file = "schedules.toml"
    yield from _unique(file, "schedule", [each.name for each in schedules.schedule])
    if audiences is None:
        return
    lists = [audience.name for audience in audiences.audience]
    for index, schedule in enumerate(schedules.schedule, 1):
        yield from _known(file, f"schedule[{index}].only", schedule.only, "an audience", lists)


def _experiments(
    experiments: ExperimentsFile, segments: SegmentsFile | None, audiences: AudiencesFile | None
) -> Iterator[Fault]:
    file = "experiments.toml"
    names = [each.name for each in experiments.experiment]
    yield from _unique(file, "experiment", names)
    yield from _unique(file, "hypothesis", [each.name for each in experiments.hypothesis])
    known = [*SEGMENTS, *(overlay.name for overlay in segments.overlay)] if segments else None
    salt = audiences.holdout.salt if audiences else None
    for index, experiment in enumerate(experiments.experiment, 1):
        key = f"experiment[{index}]"
        if experiment.name in (salt, "global_holdout"):
            expected = "another name: this one is the holdout's of audiences.toml"
            yield Fault(file, f"{key}.name", shown(experiment.name), expected)
        if known is not None:
            what = "a base segment or an overlay"
            yield from _known(file, f"{key}.segments", experiment.segments, what, known)
    for index, hypothesis in enumerate(experiments.hypothesis, 1):
        key = f"hypothesis[{index}]"
        if known is not None:
            what = "a base segment or an overlay"
            yield from _known(file, f"{key}.segment", [hypothesis.segment], what, known)
        if hypothesis.experiment is not None:
            what = "an experiment of this file"
            yield from _known(file, f"{key}.experiment", [hypothesis.experiment], what, names)
        for experiment in experiments.experiment:
            if experiment.name == hypothesis.experiment and experiment.segments:
                what = f"a segment of experiment {experiment.name!r}, which decides it"
                named = [hypothesis.segment]
                yield from _known(file, f"{key}.segment", named, what, experiment.segments)


def _unique(file: str, table: str, names: list[str]) -> Iterator[Fault]:
    for index, name in enumerate(names, 1):
        if name in names[: index - 1]:
            first = names.index(name) + 1
            expected = f"a name of its own; {table}[{first}] has this one"
            yield Fault(file, f"{table}[{index}].name", shown(name), expected)


def _once(file: str, key: str, names: Iterable[str], what: str) -> Iterator[Fault]:
    twice = {name for name, count in Counter(names).items() if count > 1}
    for name in sorted(twice):
        yield Fault(file, key, shown(name), f"each {what} once")


def _known(
    file: str, key: str, names: Iterable[str], what: str, known: Collection[str]
) -> Iterator[Fault]:
    for name in names:
        if name not in known:
            yield unknown_name(file, key, name, what, known)


def _condition(file: str, key: str, text: str, overlays: Collection[str]) -> Iterator[Fault]:
    try:
        parse_condition(text, overlays=overlays)
    except RuleError as error:
        for each in error.problems:
            place = f"line {each.line}, column {each.column}"
            read = f"{each.read} at {place}"
            yield Fault(file, key, read, each.expected, each.known, each.nearest)
