"""What was billed beside what the use costs by list: matched, unpriced, unexplained.

Money is compared where both sides can be told apart: by provider, day and model where the bill
names models, else by provider and day. Nothing is matched but what is equal, to the last digit in
which the bill is written; what else would explain a difference is a hint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from costmodel.usage.ledger import PICO, holds
from costmodel.usage.names import named
from costmodel.usage.pricing import TABLE_OF, Priced, dollars, total

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]

CENT = PICO // 100
ONE_DAY = np.timedelta64(1, "D")
BLOCKS = {1e3: "thousands", 1e6: "millions"}
SHARES = {0.5: "half of the list price, as of a batch"}
NEAR = 1e-6  # relative difference of a ratio
SEVERAL = 3  # days from which a ratio is one that holds throughout
STATES = ("matched", "unexplained", "unpriced", "no bill")


@dataclass(frozen=True, eq=False)
class Matching:
    """What was billed, and what explains it.

    Attributes:
        groups: What was compared, a row each: provider, day, model (blank = whatever the bill or
            the use does not split by model; with the meter where hours or searches are billed),
            list_pico, billed_pico, state (matched | unexplained | unpriced | no bill), hint.
        other: Money that is not for use: what, billed_pico.
        notes: What a reader should know.
    """

    groups: pd.DataFrame = field(repr=False)
    other: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()

    def pico(self, state: str, column: str = "billed_pico") -> int:
        """Return the money of a state. [10^-12 US$]"""
        return total(self.groups.loc[self.groups["state"] == state, column])


def matched(priced: Priced) -> Matching:
    """Compare what was billed with the list price of what was used."""
    import pandas as pd

    frame = priced.frame
    models = np.array(named(frame, priced.book), object)
    provider = np.asarray(frame["provider"], object)
    services = [str(word) for word in frame["provider"].cat.categories if "(" in str(word)]
    other = ~holds(frame["kind"], "usage", "charge") | holds(frame["provider"], *services)
    stated = frame["stated"].to_numpy()
    usage = ~other & holds(frame["kind"], "usage") & ~holds(frame["meter"], "money")
    # what is billed by itself, hours or searches, is compared by itself
    alone = np.flatnonzero(usage & stated & ~holds(frame["meter"], "tokens"))
    meters = np.asarray(frame["meter"].iloc[alone], object)
    pairs = zip(models[alone], meters, strict=True)
    models[alone] = [", ".join(filter(None, (model, meter))) for model, meter in pairs]
    # searches and images without a price leave the tokens of their model comparable
    models[usage & ~stated & ~holds(frame["meter"], "tokens", *TABLE_OF)] = ""
    work = pd.DataFrame(
        {
            "provider": provider,
            "day": frame["day"].to_numpy(),
            "model": models,
            "list_pico": np.where(usage, frame["list_pico"], 0),
            "billed_pico": frame["billed_pico"].to_numpy(),
            "usage": usage,
            "stated": stated,
            "unpriced": usage & (frame["price_row"].to_numpy() < 0),
            "slack": np.where(stated, _quanta(frame), 0) // 2,
        }
    )[~other & (usage | stated)]
    # a model stands by itself where the bill of the day names it
    key = ["provider", "day", "model"]
    by_model = work.loc[work["stated"] & (work["model"] != ""), key].drop_duplicates()
    work = work.merge(by_model.assign(alone=True), on=key, how="left")
    work.loc[work["alone"].isna(), "model"] = ""
    groups = work.groupby(key, sort=True, as_index=False).agg(
        list_pico=("list_pico", "sum"),
        billed_pico=("billed_pico", "sum"),
        usage=("usage", "any"),
        stated=("stated", "any"),
        unpriced=("unpriced", "any"),
        slack=("slack", "sum"),
    )
    groups["state"] = _states(groups)
    groups["hint"] = _hints(groups, priced, models)
    paid = frame.loc[other & stated, ["provider", "kind", "billed_pico"]]
    rest = [
        (f"{kind} of {who}", total(part["billed_pico"]))
        for (who, kind), part in paid.groupby(["provider", "kind"], observed=True, sort=True)
    ]
    columns = ["provider", "day", "model", "list_pico", "billed_pico", "state", "hint"]
    return Matching(
        groups[columns],
        pd.DataFrame(sorted(rest), columns=["what", "billed_pico"]),
        tuple(_twice(frame)),
    )


def _quanta(frame: pd.DataFrame) -> Ints:
    """Return in what digit each export writes its money, a cent at most. [10^-12 US$]"""
    codes = frame["file"].cat.codes.to_numpy()
    amounts, stated = frame["amount"].to_numpy(), frame["stated"].to_numpy()
    found = np.ones(max(len(frame["file"].cat.categories), 1), np.int64)
    for code in np.unique(codes[stated]):
        mine, quantum = amounts[stated & (codes == code)], 1
        while quantum < CENT and not (mine % (quantum * 10)).any():
            quantum *= 10
        found[code] = quantum
    return found[codes]


def _states(groups: pd.DataFrame) -> Any:
    """Say of each group whether the money is explained."""
    gap = (groups["billed_pico"] - groups["list_pico"]).abs()
    equal = groups["usage"] & groups["stated"] & ~groups["unpriced"] & (gap <= groups["slack"])
    # days without a charge, inside the days of a bill
    days = groups[groups["stated"]].groupby("provider")["day"].agg(["min", "max"])
    span = days.reindex(groups["provider"])
    day = groups["day"].to_numpy()
    inside = (day >= span["min"].to_numpy()) & (day <= span["max"].to_numpy())
    return np.select(
        [equal, groups["unpriced"], groups["stated"] | inside],
        ["matched", "unpriced", "unexplained"],
        "no bill",
    )


def _hints(groups: pd.DataFrame, priced: Priced, models: Any) -> list[str]:
    """Say what would explain a difference, if something simple would."""
    open_ = groups[groups["state"] == "unexplained"]
    hints = [""] * len(groups)
    moved = _moved(open_, priced.frame, models)
    ratios = {
        str(provider): _throughout(part["billed_pico"] / part["list_pico"].replace(0, np.nan))
        for provider, part in open_.groupby("provider")
    }
    for at, group in zip(open_.index.tolist(), open_.itertuples(index=False), strict=True):
        hints[at] = (
            moved.get(at, "")
            or _ratio(group, ratios[str(group.provider)])
            or ("no use on that day" if not group.list_pico else "")
            or ("nothing billed on that day" if not group.stated else "")
        )
    return hints


def _moved(open_: pd.DataFrame, frame: pd.DataFrame, models: Any) -> dict[int, str]:
    """Name the rows that explain differences if they were billed on another day.

    Returns:
        Place of a group -> hint; where such a row was used, what is left without it.
    """
    gaps = dict(zip(open_.index.tolist(), open_["billed_pico"] - open_["list_pico"], strict=True))
    groups: dict[tuple[str, Any], list[tuple[int, str]]] = {}
    for at, group in zip(open_.index.tolist(), open_.itertuples(index=False), strict=True):
        groups.setdefault((str(group.provider), group.day), []).append((at, str(group.model)))
    cost = frame["list_pico"].to_numpy()
    candidates = np.flatnonzero((cost > 0) & np.isin(cost, np.abs(list(gaps.values()))))
    # one of several that cost the same on a day
    again = frame.iloc[candidates].duplicated(["provider", "day", "model", "list_pico"])
    candidates = candidates[~again.to_numpy()]
    rows = frame.iloc[candidates][["provider", "day", "file", "row", "list_pico"]]
    explained: dict[int, str] = {}
    left: dict[int, str] = {}
    elsewhere: dict[int, str] = {}
    for model, row in zip(models[candidates], rows.itertuples(index=False), strict=True):
        record = f" record {row.row}" if row.row else ""
        usd = f"${dollars(int(row.list_pico)):,.6f}"
        what = f"{row.file}{record} ({model} of {row.day.date()}, {usd})"
        home = [at for at, of in groups.get((row.provider, row.day), ()) if of in ("", model)]
        for days, word in ((-1, "early"), (1, "late")):
            day = row.day + days * ONE_DAY
            for at, _ in groups.get((row.provider, day), ()):
                if gaps[at] != row.list_pico:
                    continue
                said = f"{what}, billed a day {word}, on {day.date()}, would"
                explained.setdefault(at, f"{said} explain it")
                for other in home:
                    left.setdefault(other, f"{said} {_left(gaps[other] + gaps[at])}")
        for at in home:
            if gaps[at] == -row.list_pico:
                elsewhere.setdefault(at, f"{what}, billed on another day, would explain it")
    return elsewhere | left | explained


def _left(pico: int) -> str:
    if not pico:
        return "explain it"
    usd = f"${dollars(abs(int(pico))):,.6f}"
    return f"leave {usd} of this {'bill' if pico > 0 else 'use'} unexplained"


def _ratio(group: Any, throughout: float) -> str:
    if not group.list_pico or not group.billed_pico:
        return ""
    ratio = group.billed_pico / group.list_pico
    for block, word in BLOCKS.items():
        if abs(ratio / block - 1) < NEAR or abs(ratio * block - 1) < NEAR:
            return f"billed is {ratio:g} times list: tokens look as if counted in {word}"
    for share, said in SHARES.items():
        if abs(ratio / share - 1) < NEAR:
            return f"billed is {said}"
    if throughout == throughout:  # noqa: PLR0124
        return (
            f"billed is {throughout:.4%} of list on all such days: a contract price would stand "
            "in overrides.csv"
        )
    return ""


def _throughout(ratios: pd.Series[float]) -> float:
    """Return the ratio that all groups share, nan if they do not."""
    known = ratios.dropna()
    known = known[known > 0]
    if len(known) < SEVERAL or known.max() / known.min() - 1 > NEAR:
        return float("nan")
    return float(known.median())


def _twice(frame: pd.DataFrame) -> list[str]:
    """Warn where two kinds of export hold tokens, or money, of the same provider and day."""
    tokens = frame.loc[frame["input_tokens"] + frame["output_tokens"] > 0]
    money = frame.loc[frame["stated"]]
    notes = []
    for what, part in (("tokens", tokens), ("money", money)):
        seen = part[["provider", "day", "layout"]].drop_duplicates()
        both = seen[seen.duplicated(["provider", "day"], keep=False)]
        notes += [
            f"{' and '.join(sorted(same['layout'].astype(str).unique()))} both hold {what} of "
            f"{provider} on {same['day'].nunique()} days: it may be counted twice"
            for provider, same in both.groupby("provider", observed=True, sort=True)
        ]
    return notes
