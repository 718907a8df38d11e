"""Files of any kind are read whole or refused with a line, in one process or many."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from costmodel.errors import DataError
from costmodel.tokens import corpus, tally
from costmodel.tokens.corpus import Job, parts_of, tally_files, tally_part
from costmodel.tokens.counting import counter
from costmodel.tokens.reading import BLOCK, Progress, pieces, sniff
from costmodel.tokens.tally import Tally

CHAT = [{"role": "user", "content": "How much?"}, {"role": "assistant", "content": "Three."}]


def chats(number: int) -> list[dict[str, Any]]:
    """Return chats of different lengths."""
    return [
        {"messages": [{"role": "user", "content": f"How much is {k}? " * (k % 7 + 1)}, CHAT[1]]}
        for k in range(number)
    ]


def lines(records: list[Any]) -> bytes:
    """Return records as JSON lines."""
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()


def whole(path: Path, **how: Any) -> Tally:
    """Return the tally of a file."""
    return tally_part(sniff(str(path)), Job(**how))


def same(one: Tally, other: Tally) -> bool:
    """Say whether two tallies hold the same."""
    names = [name for name in vars(one) if name not in ("digests", "bytes", "lines", "signatures")]
    return one.duplicates == other.duplicates and all(
        getattr(one, name) == getattr(other, name) for name in names
    )


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return a file of 300 chats, a duplicate among them, one line broken, one blank."""
    path = tmp_path / "chats.jsonl"
    records = chats(298)
    body = lines([*records, records[0]]) + b"\n" + b'{"messages": [tr' + b"\n" + lines([records[5]])
    path.write_bytes(body)
    return path


def test_the_published_toy_file_is_billed_as_4306_tokens() -> None:
    # OpenAI cookbook: lengths 45, 111, 26, 28, 8032; cut at 4096; 20 epochs; 86,120 in all
    from costmodel.quantities.training import billed_file_tokens, epochs_by_examples

    tokens = float(billed_file_tokens(np.array([45.0, 111, 26, 28, 8032]), 1.0, 4096, "truncate"))
    assert tokens == 4306
    assert float(epochs_by_examples(5)) * tokens == 86_120


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst", "json", "csv", "parquet"])
def test_the_same_records_count_the_same_in_every_kind_of_file(tmp_path: Path, suffix: str) -> None:
    from backports import zstd

    records = chats(60)
    path = tmp_path / f"chats.{suffix}"
    if suffix == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(records), path)
    elif suffix == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, ["messages"])
        writer.writeheader()
        writer.writerows({"messages": json.dumps(r["messages"])} for r in records)
        path.write_text(out.getvalue(), "utf-8")
    elif suffix == "json":
        path.write_text(json.dumps(records, indent=1))
    else:
        packs: dict[str, Callable[[bytes], bytes]] = {
            "jsonl": lambda data: data,
            "gz": gzip.compress,
            "zst": zstd.compress,
        }
        pack = packs[suffix.rpartition(".")[2]]
        path.write_bytes(pack(lines(records)))
    found = whole(path)
    bare = tmp_path / "plain.jsonl"
    bare.write_bytes(lines(records))
    assert found.tokens == whole(bare).tokens
    assert found.records == 60
    assert found.metrics() == whole(bare).metrics()


def test_a_broken_line_and_a_duplicate_are_reported(plain: Path) -> None:
    found = whole(plain)
    assert found.records == 300
    assert found.duplicates == 2
    [(line, reason)] = found.problems
    assert line == 301
    assert reason.startswith("is cut short")


def test_records_of_equal_length_and_checksum_are_no_duplicates(tmp_path: Path) -> None:
    # both lines have the CRC-32 0x938c0d9d
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines([{"text": "fomlonrv"}, {"text": "olbfmjqn"}]))
    assert whole(path).duplicates == 0


def test_parts_of_a_file_add_up_to_the_whole(plain: Path) -> None:
    source = sniff(str(plain))
    for size in (1, 97, 1000, 5000):
        parts = Tally()
        for start, stop in parts_of(source, size) if size > 1 else [(0, 1), (1, None)]:
            parts.add(tally_part(source, Job(), start, stop))
        assert same(parts, whole(plain))
        assert parts.lines == whole(plain).lines


def test_processes_count_what_one_counts(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "RANGE", 4000)
    sources = [sniff(str(plain)), sniff(str(plain))]
    seen: list[int] = []
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = tally_files(sources, Job(), pool, seen.append)
    assert len(found) == 2
    assert all(same(each, whole(plain)) for each in found)
    assert sum(seen) == 2 * plain.stat().st_size


def test_the_same_path_twice_is_counted_twice(plain: Path) -> None:
    source = sniff(str(plain))
    assert [t.tokens for t in tally_files([source, source], Job())] == [whole(plain).tokens] * 2


@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_of_a_cluster_loses_nothing(tmp_path: Path) -> None:
    from dask import distributed

    dask: Any = distributed
    path = tmp_path / "many.jsonl"
    path.write_bytes(lines(chats(20_000)))
    source, job = sniff(str(path)), Job()
    expected = tally_part(source, job)
    with (
        dask.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        dask.Client(cluster) as client,
    ):
        executor = client.get_executor(pure=False)
        ranges = parts_of(source, 50_000)
        waiting = [executor.submit(tally_part, source, job, *part) for part in ranges]
        # the first answers are in: one worker dies with the answers it holds
        waiting[0].result()
        victim = next(iter(client.run(os.getpid).values()))
        os.kill(victim, signal.SIGKILL)
        found = Tally()
        for future in waiting:
            found.add(future.result())
    assert same(found, expected)


def test_an_unreadable_file_is_an_error_in_a_pool_too(plain: Path) -> None:
    source = sniff(str(plain))
    plain.unlink()
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
        pytest.raises(DataError, match="no f"),
    ):
        tally_files([source], Job(), pool)


def test_progress_is_told_in_bytes(plain: Path) -> None:
    seen: list[int] = []
    tally_part(sniff(str(plain)), Job(), progress=seen.append)
    assert sum(seen) == plain.stat().st_size


def test_examples_over_the_limit_are_listed_with_their_lines(plain: Path) -> None:
    found = whole(plain, limit=50)
    lengths, examples = found.distribution()
    assert len(found.long) == examples[lengths > 50].sum() > 0
    assert all(length > 50 for _, length in found.long)


def test_what_is_remembered_of_instructions_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    told = [{"messages": [{"role": "system", "content": f"Rule {k}. " * 40}]} for k in range(900)]
    path.write_bytes(lines([*told, *told]))
    expected = whole(path).tokens
    monkeypatch.setattr(tally, "REMEMBERED", 10_000)
    monkeypatch.setattr(corpus, "RECORDS", 50)
    assert whole(path).tokens == expected


# text


def test_a_long_text_is_counted_in_pieces_to_the_token(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    text = "".join(
        f"Line {k}: prices, 12.50 per unit!\n\n  - and more…\nAgain\n" for k in range(100_000)
    )
    path.write_text(text, "utf-8")
    assert path.stat().st_size > BLOCK
    assert whole(path).tokens == counter().count(text)


def test_a_text_is_never_cut_behind_white_space() -> None:
    # gpt2, r50k and p50k take white space together at the end of a text, and only there
    progress = Progress()
    [*some, last] = pieces(io.BytesIO(b"Prices.\r\n\r\nThey rise.\n\nAgain"), progress, "a.txt")
    assert "".join([*some, last]) == "Prices.\r\n\r\nThey rise.\n\nAgain"
    assert some == ["Prices.\r\n\r\nThey"]


def test_markdown_is_one_record(tmp_path: Path) -> None:
    path = tmp_path / "guide.md"
    path.write_text("# Prices\n\nThey rise.\n")
    assert (whole(path).records, sniff(str(path)).shape) == (1, "text")


# what is wrong with a file


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", b"", "a.jsonl: is empty"),
        ("a.jsonl", b"\n  \n", "a.jsonl: is empty"),
        ("a.jsonl", b"\x00\x01\x02" * 50, "a.jsonl: is a binary file"),
        ("a.txt", b"abc\ndef\x00ghi", "a.txt line 1: is a binary file"),
        ("a.txt", b"abc\n\xff\xfe", "is not UTF-8 text"),
        ("a.jsonl", b"hello\nworld\n", "a.jsonl line 1: is not JSON"),
        ("a.jsonl", b'{"messages": [', "a.jsonl line 1: is cut short"),
        ("a.jsonl", b'{"x": 1}\n', "a.jsonl line 1: no known format has the keys x"),
        ("a.jsonl", b"[1, 2]", "a.jsonl line 1: holds no records, but int"),
        ("a.json", b"[", "the array is cut short"),
        ("a.csv", b"question,reply\na,b\n", "no known format has the keys question, reply"),
        ("a.parquet", b"PAR1 not really", "a.parquet: is no whole Parquet file"),
        ("a.jsonl.gz", b"no gzip at all", "a.jsonl.gz: is no whole .gz file"),
        ("a.jsonl.zst", b"no zstd at all", "a.jsonl.zst: is no whole .zst file"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        whole(path)
    assert reason in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("pack", ["gz", "zst"])
def test_a_compressed_file_cut_short_says_how_far_it_went(tmp_path: Path, pack: str) -> None:
    from backports import zstd

    squeeze = gzip.compress if pack == "gz" else zstd.compress
    path = tmp_path / f"a.jsonl.{pack}"
    noise = [{"text": os.urandom(200).hex()} for _ in range(4000)]
    path.write_bytes(squeeze(lines(noise))[:-1000])
    with pytest.raises(DataError, match=r"a\.jsonl\.\w+ line \d+: .*(cut short|no whole)"):
        whole(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        sniff(str(tmp_path))


def test_a_missing_file_names_the_nearest(plain: Path) -> None:
    with pytest.raises(DataError, match=r"did you mean 'chats\.jsonl'"):
        sniff(str(plain.with_name("chat.jsonl")))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"messages": [{"role": "user", "content": "x"', "is cut short"),
        (b"\xff\xfe\xfd", "is not UTF-8 text"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"text": ' + b"[" * 5000 + b"]" * 5000 + b"}", "is nested too deeply"),
        (b"null", "is no record: a table expected, got NoneType"),
        (b'"text"', "is no record: a table expected, got str"),
    ],
)
def test_a_bad_line_is_listed_and_the_rest_counted(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(chats(2)) + line + b"\n" + lines(chats(1)))
    found = whole(path)
    assert found.records == 3
    [(where, said)] = found.problems
    assert where == 3
    assert said.startswith(reason)


def test_records_behind_the_end_of_an_array_are_no_silent_loss(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps(chats(2)).encode() + b"\n" + json.dumps(chats(3)).encode() + b"\n")
    found = whole(path)
    assert found.records == 2
    assert found.problems == [(1, "the array ends here, and what follows cannot be read")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"prompt,completion\nx,y\ncaf\xe9,y\n"),
        (
            "a.json",
            b'[{"prompt": "x", "completion": "y"},\n\n{"prompt": "caf\xe9", "completion": ""}]',
        ),
    ],
)
def test_a_record_that_is_not_utf_8_is_listed(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found = whole(path)
    assert (found.records, found.problems) == (1, [(3, "is not UTF-8 text")])


def test_the_name_of_a_folder_says_nothing_about_a_table(tmp_path: Path) -> None:
    path = tmp_path / "was.tsv.once" / "a.csv"
    path.parent.mkdir()
    path.write_text("prompt,completion\nx,y\n")
    assert whole(path).records == 1


def test_odd_but_good_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    odd = [
        b"\xef\xbb\xbf" + lines(chats(1)),
        b"   \n",
        lines(chats(1)).replace(b"\n", b"\r\n"),
        b'{"messages": [{"role": "user", "content": "half \\ud83d pair"}]}\n',
        b'{"messages": [{"role": "user", "content": "<|endoftext|>"}]}\n',
        b'{"messages": [{"role": "user", "content": null}], "weight": NaN}\n',
        lines(chats(1)).rstrip(),
    ]
    path.write_bytes(b"".join(odd))
    found = whole(path)
    assert found.records == 6
    assert not found.problems


def test_fifty_megabytes_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    long = {"messages": [{"role": "user", "content": "price " * 8_500_000}, CHAT[1]]}
    path.write_bytes(lines([{"messages": CHAT}, long]))
    found = whole(path)
    assert found.records == 2
    assert found.lengths.keys() > {8_500_000} or max(found.lengths) > 8_500_000
