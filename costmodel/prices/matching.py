"""What others say beside what our tables say: names, days and keys matched, rows compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from costmodel.errors import PriceError
from costmodel.prices.catalog import Catalog
from costmodel.prices.rows import read_layer
from costmodel.prices.sources.frame import KEYS, VALUES, common, joined

TOLERANCE = 0.005  # relative: what rounding to three digits may change
RENTED = ("provider", "instance", "market")
SLIP = 2  # powers of ten apart from which a unit is suspected
LOOSE = ("azure-retail", "aws-price-list")  # sources that name models in words of their own
YEAR = re.compile(r"-20\d\d-(\d\d)-(\d\d)")
VERSION = re.compile(r"(-v\d+(:\d+)?|@.*)$")
VENDOR = re.compile(r"^[a-z0-9]+\.")
NAMES = tuple(dict.fromkeys(key for keys in KEYS.values() for key in keys))
# columns of a comparison in which missing stays missing
WORTH = ("old", "new", "percent", "over_input_tokens", "gpu_count", "our_line", "our_layer")
FIRST, LAST = "0000-00-00", "9999-99-99"

Frame = pd.DataFrame
Mask = npt.NDArray[np.bool_]


def curated(folders: Sequence[Path], catalog: Catalog, on: date) -> Frame:
    """Return the rows of tables that sources also have, in the common layout.

    Columns on top: `file`, `line`, `folder` (where a row stands), `layer`, `note`, `source_kind`,
    `verified_on`.

    Args:
        folders: Folders of tables, later ones laid over earlier ones.
        catalog: Exchange rates: prices are in US dollars, as those of sources are.
        on: Day of the rates.

    Raises:
        PriceError: As the reader of tables.
    """
    parts = []
    for layer, folder in enumerate(folders):
        for name, records in read_layer(folder, layer).items():
            if name not in KEYS or not records:
                continue
            frame = pd.DataFrame(records)
            extra = frame[["file", "line", "layer", "folder", "note", "verified_on"]]
            kind = frame.get("source_kind", pd.Series("", index=frame.index))
            made = common(frame.assign(table=name))
            if "currency" in frame:
                usd = frame["currency"].map(lambda currency: catalog.usd_per(currency, on))
                made[[*VALUES[name]]] = made[[*VALUES[name]]].mul(usd.to_numpy(), axis=0)
            parts.append(pd.concat([made, extra.assign(source_kind=kind)], axis=1))
    if not parts:
        message = "the tables in force hold no prices"
        raise PriceError(message)
    return pd.concat(parts, ignore_index=True)


def squeezed(name: str) -> str:
    """Return a name without separators, years and versions, to match names in other words.

    >>> squeezed("gpt-4o-2024-08-06"), squeezed("anthropic.claude-sonnet-5-v1:0")
    ('gpt4o0806', 'claudesonnet5')
    """
    plain = VENDOR.sub("", VERSION.sub("", YEAR.sub(r"-\1\2", name.lower())))
    return re.sub(r"[^a-z0-9:]", "", plain)


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Map words to names, leaving out words that would stand for several."""
    found: dict[str, str] = {}
    shared = set()
    for word, name in pairs:
        if found.setdefault(word, name) != name:
            shared.add(word)
    return {word: name for word, name in found.items() if word not in shared}


def named(frame: Frame, catalog: Catalog, *, loose: bool = False) -> pd.Series[Any]:
    """Return our names for the model of each row, joined by `|`, the likeliest first.

    Args:
        frame: Rows in the common layout.
        catalog: Names and aliases.
        loose: Whether separators, years and versions may differ.
    """
    cells = frame[["provider", "model", "names", "source_key"]]
    found: dict[tuple[Any, ...], str] = {}
    for provider, group in cells.drop_duplicates().groupby("provider"):
        if provider not in catalog.providers:
            continue
        exact = dict(catalog.spellings(str(provider)))
        folded = _unique((word.lower(), name) for word, name in exact.items())
        tight = _unique((squeezed(word), name) for word, name in sorted(exact.items()))
        for row in group.itertuples(index=False, name=None):
            _, model, others, key = map(str, row)
            words = [key, model, *filter(None, others.split("|"))]
            hits = [exact[word] for word in words if word in exact]
            hits = hits or [folded[w.lower()] for w in words if w.lower() in folded]
            if loose:
                hits = hits or [tight[squeezed(w)] for w in words if squeezed(w) in tight]
            if hits:
                found[row] = "|".join(dict.fromkeys(hits))
    names = [found.get(row, "") for row in cells.itertuples(index=False, name=None)]
    return pd.Series(names, index=frame.index, dtype=object)


def in_force(frame: Frame, keys: Sequence[str], day: str) -> Frame:
    """Return of rows with the same key the one that holds on a day: the last layer and start."""
    start = frame["effective_from"].replace("", FIRST)
    end = frame["effective_to"].replace("", LAST)
    held = frame[(start <= day) & (day < end)].assign(_start=start)
    order = ["layer", "_start"] if "layer" in held else ["_start"]
    held = held.sort_values(order, kind="stable").drop_duplicates([*keys], keep="last")
    return held.drop(columns="_start").sort_index()


def _regions(theirs: Frame, ours: Frame) -> pd.Series[Any]:
    """Return regions in our words, where ours stand for several of theirs.

    Europe's data zone is the common one unless it has a row; a rent without a region, or of `us`,
    holds in all of them, or in `us-east-1`.
    """
    known = pd.MultiIndex.from_frame(ours[["provider", "model", "region"]])
    asked = pd.MultiIndex.from_frame(theirs[["provider", "model", "region"]])
    europe = (theirs["region"] == "data-zone-eu") & ~asked.isin(known)
    held: dict[tuple[str, ...], set[str]] = {}
    rents = ours[ours["table"] == "gpu_rental"]
    for *names, region in rents[[*RENTED, "region"]].itertuples(index=False, name=None):
        held.setdefault(tuple(names), set()).add(region)
    found = []
    for *names, region in theirs[[*RENTED, "region"]].itertuples(index=False, name=None):
        mine = held.get(tuple(names), set())
        wide = [each for each in mine if region.lower().startswith(each.lower())]
        found.append(region if region in mine or not wide else max(wide, key=len))
    return pd.Series(found, index=theirs.index, dtype=object).mask(europe, "data-zone")


def gpu_of(row: Mapping[str, Any], catalog: Catalog) -> str:
    """Return the GPU of a row by the names it gives, blank if `gpus.csv` has none of them."""
    for word in filter(None, (str(row.get("names") or ""), str(row.get("gpu") or ""))):
        for spelt in (word, word.replace(" ", "-"), word.replace("-", " ")):
            try:
                return catalog.gpu(spelt)
            except PriceError:
                continue
    return ""


def _instances(theirs: Frame, ours: Frame, catalog: Catalog) -> pd.Series[Any]:
    """Return instances in our words: where ours are named otherwise, by GPU, number and market."""
    sold: dict[tuple[Any, ...], set[str]] = {}
    for row in ours.drop_duplicates(["provider", "gpu", "gpu_count", "market", "instance"]).to_dict(
        "records"
    ):
        key = (row["provider"], row["gpu"], row["gpu_count"], row["market"])
        sold.setdefault(key, set()).add(row["instance"])
    have = set(zip(ours["provider"], ours["instance"], strict=True))
    gpus = {
        (names, gpu): gpu_of({"names": names, "gpu": gpu}, catalog)
        for names, gpu in theirs[["names", "gpu"]].drop_duplicates().to_numpy().tolist()
    }
    columns = ["provider", "instance", "names", "gpu", "gpu_count", "market"]
    found = []
    for provider, instance, names, gpu, count, market in theirs[columns].to_numpy().tolist():
        mine = sold.get((provider, gpus[names, gpu], count, market), set())
        alone = (provider, instance) not in have and len(mine) == 1
        found.append(next(iter(mine)) if alone else instance)
    return pd.Series(found, index=theirs.index, dtype=object)


def compared(
    frame: Frame, book: Frame, catalog: Catalog, on: date, *, loose: bool = False
) -> Frame:
    """Compare every price of a source with ours on the day it holds.

    Args:
        frame: Rows of a source in the common layout.
        book: `curated(...)`.
        catalog: Names and aliases.
        on: Day of the comparison; announced prices are compared on the day they begin.
        loose: As of `named`.

    Returns:
        One row per value: `status` (same, changed, filled = we have a blank, new, gone), key
        columns, `column`, `old`, `new`, `percent`, `since` (blank: in force), their `source`,
        `source_key`, `doubt`, `spelt` (their name), and `our_*` with our row.
    """
    name = named(frame, catalog, loose=loose).str.partition("|")[0]
    theirs = frame.assign(spelt=frame["model"], known=name != "")
    theirs["model"] = name.where(name != "", frame["model"])
    today = on.isoformat()
    parts = []
    for table, keys in KEYS.items():
        mine, other = book[book["table"] == table], theirs[theirs["table"] == table]
        if other.empty:
            continue
        if table == "gpu_rental":
            same = _instances(other, mine, catalog)
            text = "compared with our " + same + " by GPU and number: another offer, perhaps"
            said = text.where(same != other["instance"], "")
            other = other.assign(instance=same, doubt=joined(other["doubt"], said))
        other = other.assign(region=_regions(other, mine))
        keys_ = [*keys]
        if table == "gpu_rental":
            other = other.assign(known=other["provider"].isin(mine["provider"]))
        # one window a day is compared with another, however it is written
        mine, other = (f.assign(_window=f["window"] != "") for f in (mine, other))
        keys_ = ["_window" if key == "window" else key for key in keys_]
        days = sorted({today, *other.loc[other["effective_from"] > today, "effective_from"]})
        for day in days:
            theirs_then = in_force(other, [*keys_, "source_key", "window"], day)
            if day != today:
                theirs_then = theirs_then[theirs_then["effective_from"] == day]
            ours_then = in_force(mine, keys_, day)
            parts.append(_values(table, keys_, theirs_then, ours_then, day if day != today else ""))
    found = pd.concat(parts, ignore_index=True)
    # several names of one model that say the same are said once, in our words where they use them
    told = [*NAMES, "_window", "column"]
    own = found["spelt"] != found["model"]
    found = found.assign(_own=own).sort_values("_own", kind="stable")
    found = found.drop_duplicates([*told, "new", "since"]).drop(columns=["_own", "_window"])
    found = found.sort_index().reset_index(drop=True)
    texts = [column for column in found.columns if column not in WORTH]
    found[texts] = found[texts].astype(object).where(found[texts].notna(), "")
    return found


def _values(table: str, keys: Sequence[str], theirs: Frame, ours: Frame, since: str) -> Frame:
    values = list(VALUES[table])
    own = ["file", "line", "folder", "layer", "note", "source_kind", "verified_on", "source"]
    own += ["effective_from", "window"]
    right = ours[[*keys, *values, *own]].rename(columns={c: f"our_{c}" for c in [*values, *own]})
    facts = ["source", "source_key", "doubt", "spelt", "known", "effective_from"]
    rest = [c for c in ("gpu", "names", "gpu_count", "retires_kind", "replaced_by") if c in theirs]
    left = theirs[[*dict.fromkeys([*NAMES, "_window", *values, *facts, *rest])]]
    both = left.merge(right, on=[*keys], how="left", indicator=True)
    both["number"] = np.arange(len(both))
    long = []
    for column in values:
        new, old = both[column], both[f"our_{column}"]
        part = both.assign(column=column, new=new, old=old)
        long.append(part[_stated(new)])
    out = pd.concat(long, ignore_index=True).sort_values(["number"], kind="stable")
    absent = out["_merge"] == "left_only"
    blank = ~_stated(out["old"])
    same = _same(out["old"], out["new"])
    out["status"] = np.select(
        [absent.to_numpy(), blank, same], ["new", "filled", "same"], "changed"
    )
    out["percent"] = _percent(out["old"], out["new"])
    out["since"] = since or out["effective_from"]
    out["announced"] = bool(since)
    dropped = [f"our_{column}" for column in values] + values + ["_merge", "number"]
    out["table"] = table
    return out.drop(columns=dropped)


def _stated(cells: pd.Series[Any]) -> Mask:
    stated: Mask = (cells.notna() & (cells.astype(object) != "")).to_numpy(bool)
    return stated


def _same(old: pd.Series[Any], new: pd.Series[Any]) -> Mask:
    if not pd.api.types.is_numeric_dtype(new):
        texts: Mask = (old.fillna("") == new).to_numpy(bool)
        return texts
    close: Mask = np.isclose(new.to_numpy(float), old.to_numpy(float), rtol=TOLERANCE, atol=0)
    return close


def _percent(old: pd.Series[Any], new: pd.Series[Any]) -> npt.NDArray[np.float64]:
    if not pd.api.types.is_numeric_dtype(new):
        return np.full(len(new), np.nan)
    before, after = old.to_numpy(float), new.to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(before > 0, after / before - 1, np.nan) * 100, float)


def gone(frame: Frame, book: Frame, catalog: Catalog, on: date, name: str) -> Frame:
    """Return our rows in force that were read in a source which no longer has their model.

    Args:
        frame: Rows of the source.
        book: `curated(...)`.
        catalog: Names and aliases.
        on: Day.
        name: The source, as the notes of rows call it ("via litellm 1.109.1").
    """
    names = named(frame, catalog)
    theirs = frame.assign(model=names.where(names != "", frame["model"]).str.split("|"))
    theirs = theirs.explode("model")
    parts = []
    for table in ("inference", "finetuning", "gpu_rental"):
        item = "instance" if table == "gpu_rental" else "model"
        mine = book[
            (book["table"] == table) & book["note"].str.contains(f"via {name}", regex=False)
        ]
        mine = in_force(mine, KEYS[table], on.isoformat())
        other = theirs[theirs["table"] == table]
        if other.empty:
            continue
        there = pd.MultiIndex.from_frame(other[["provider", item]])
        held = pd.MultiIndex.from_frame(mine[["provider", item]])
        begun = _beginnings(other)
        begins = [
            str(row[1]).startswith(begun.get(row[0], ()))
            for row in mine[["provider", item]].itertuples(index=False, name=None)
        ]
        parts.append(mine[~held.isin(there) & ~np.array(begins, bool)])
    return pd.concat(parts, ignore_index=True) if parts else book.iloc[:0]


def _beginnings(theirs: Frame) -> dict[str, tuple[str, ...]]:
    """Return by provider how the names begin that a source answers as one model."""
    found: dict[str, list[str]] = {}
    for provider, names in theirs[["provider", "names"]].drop_duplicates().to_numpy():
        stars = [word[:-1] for word in str(names).split("|") if word.endswith("*")]
        found.setdefault(provider, []).extend(stars)
    return {provider: tuple(words) for provider, words in found.items()}


def earlier(found: Frame, book: Frame) -> pd.Series[Any]:
    """Say where our tables do have a price that differs: another day, mode, region or tier.

    Returns:
        Text such as `date: our price until 2026-09-10`, blank where no row of the model has it.
    """
    said = pd.Series("", index=found.index, dtype=object)
    prices = book[book["table"] == "inference"].sort_values(["layer", "effective_from"])
    following = prices.groupby(list(KEYS["inference"]))["effective_from"].shift(-1)
    prices = prices.assign(until=following.fillna(""))
    asked = found[(found["table"] == "inference") & (found["status"] == "changed")]
    for column in VALUES["inference"]:
        part = asked[asked["column"] == column].reset_index()
        if part.empty:
            continue
        cells = ["provider", "model", "mode", "region", "over_input_tokens", "effective_from"]
        other = prices.loc[prices[column].notna(), [*cells, "until", column]]
        both = part[["index", *cells[:5], "new", "our_effective_from"]].merge(
            other, on=["provider", "model"], suffixes=("", "_other")
        )
        both = both[np.isclose(both["new"].astype(float), both[column], rtol=TOLERANCE, atol=0)]
        same_mode = both["mode"] == both["mode_other"]
        same_region = both["region"] == both["region_other"]
        same_tier = both["over_input_tokens"] == both["over_input_tokens_other"]
        older = both["effective_from"] < both["our_effective_from"]
        later = both["effective_from"] > both["our_effective_from"]
        over = both["over_input_tokens_other"].astype(int)
        tier = "above " + over.astype(str) + " tokens"
        text = np.select(
            [
                (same_mode & same_region & same_tier & older).to_numpy(),
                (same_mode & same_region & same_tier & later).to_numpy(),
                (same_mode & same_region & same_tier).to_numpy(),
                (same_region & same_tier).to_numpy(),
                (same_mode & same_tier).to_numpy(),
                (same_mode & same_region).to_numpy(),
            ],
            [
                "date: our price until " + both["until"],
                "date: our price from " + both["effective_from"],
                "date: our price of other hours",
                "mode: our price of mode " + both["mode_other"],
                "region: our price of region " + both["region_other"].replace("", "(default)"),
                "tier: our price " + tier.where(over > 0, "of shorter requests"),
            ],
            "",
        )
        hits = pd.Series(text, index=both["index"].to_numpy())
        hits = hits[hits != ""]
        hits = hits[~hits.index.duplicated()]
        said.loc[hits.index] = hits
    return said


@dataclass(frozen=True)
class Known:
    """Why a source differs, as research found it.

    Attributes:
        text: Cause and explanation.
        right: Whose figure our tables hold.
        theirs: The figures of the source that this explains; none = all.
    """

    text: str
    right: str
    theirs: tuple[float, ...] = ()

    def explains(self, value: Any) -> bool:
        """Whether a figure is one of those that were looked into."""
        if not self.theirs:
            return True
        number = pd.to_numeric(value, errors="coerce")
        return bool(np.isclose(number, self.theirs, rtol=TOLERANCE, atol=0).any())


def _researched(found: Frame, known: Mapping[tuple[str, str, str], Known]) -> pd.Series[Any]:
    said = []
    cells = found[["origin", "provider", "spelt", "model", "new"]]
    for origin, provider, spelt, model, value in cells.itertuples(index=False, name=None):
        entry = known.get((origin, provider, spelt)) or known.get((origin, provider, model))
        said.append(entry.text if entry and entry.explains(value) else "")
    return pd.Series(said, index=found.index, dtype=object)


def causes(
    found: Frame,
    book: Frame,
    catalog: Catalog,
    known: Mapping[tuple[str, str, str], Known],
    on: date,
) -> pd.Series[Any]:
    """Say why each difference may be: what is known, else what the figures tell.

    Args:
        found: `compared(...)`; column `origin` names the source.
        book: `curated(...)`.
        catalog: Ends of models.
        known: (source, provider, model) -> what `disagreements.csv` says.
        on: Day.
    """
    today = on.isoformat()
    research = _researched(found, known)
    if not len(found):
        return research
    numeric = pd.to_numeric(found["new"], errors="coerce")
    before = pd.to_numeric(found["old"], errors="coerce")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (numeric / before).replace([np.inf, -np.inf], np.nan)
        power = pd.Series(np.log10(ratio), index=found.index)
    slip = (power.round().abs() >= SLIP) & ((power - power.round()).abs() < TOLERANCE)
    regional = found["provider"].isin(("bedrock", "azure", "vertex"))
    slip &= found["status"] == "changed"
    tenth = (ratio.between(1.09, 1.11) | (1 / ratio).between(1.09, 1.11)) & regional
    ends = {
        (row["provider"], row["model"]): str(row["retires"])
        for row in catalog.models
        if row["retires"]
    }
    end = pd.Series(
        [ends.get(pair, LAST) for pair in zip(found["provider"], found["model"], strict=True)],
        index=found.index,
    )
    guesses = [
        (research != "", research),
        (slip, "unit: a power of ten apart"),
        (found["doubt"].str.startswith("compared with our"), "alias: " + found["doubt"]),
        (found["doubt"] != "", "error: " + found["doubt"]),
        (tenth, "region: 10 % apart, the share that in-region prices cost more"),
        ((end <= today) & (found["table"] == "inference"), "date: the model ended on " + end),
        (
            found["spelt"].str.contains("latest", regex=False) & (found["status"] != "new"),
            "alias: a moving name, " + found["spelt"],
        ),
        (
            (found["table"] == "models") & found["retires_kind"].isin(("floor", "announced")),
            "date: the end that was announced has moved",
        ),
        (
            (found["status"] == "new") & (found["region"] != ""),
            "region: our tables have no row of region " + found["region"],
        ),
    ]
    moved = earlier(found, book)
    guesses.insert(4, (moved != "", moved))
    text = np.select(
        [np.asarray(when, bool) for when, _ in guesses],
        [np.broadcast_to(np.asarray(what, object), (len(found),)) for _, what in guesses],
        "",
    )
    out = pd.Series(text, index=found.index, dtype=object)
    return out.where(found["status"].isin(("changed", "new", "filled")), "")
