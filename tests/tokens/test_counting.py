"""Counts are those of tiktoken, without a network."""

from __future__ import annotations

import base64
import hashlib
import socket
from pathlib import Path

import pytest
import tiktoken
import toktok
from hypothesis import given
from hypothesis import strategies as st

import costmodel as cm
from costmodel.errors import DataError, PriceError
from costmodel.tokens import counting
from costmodel.tokens.counting import BUNDLED, counter, recorded

# name of the file in tiktoken's cache, its sha256, and number of ranks (tiktoken 0.14.0)
RANKS = {
    "o200k_base": (
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        199_998,
    ),
    "cl100k_base": (
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        100_256,
    ),
}


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tiktoken.Encoding]:
    """Return tiktoken's own encodings: official files, told by their sha256, made offline."""
    folder = tmp_path_factory.mktemp("ranks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        for name, (file, digest, size) in RANKS.items():
            known = toktok._encoding(name)
            lines = (
                base64.b64encode(known.decode_single_token_bytes(k)) + b" %d\n" % k
                for k in range(size)
            )
            data = b"".join(lines)
            assert hashlib.sha256(data).hexdigest() == digest
            (folder / file).write_bytes(data)
        return {name: tiktoken.get_encoding(name) for name in RANKS}


@pytest.mark.parametrize("name", RANKS)
def test_the_recorded_ids_are_those_of_tiktoken(
    reference: dict[str, tiktoken.Encoding], name: str
) -> None:
    stored = recorded()
    for text, ids in zip(stored["texts"], stored[name], strict=True):
        assert reference[name].encode_ordinary(str(text)) == ids


@pytest.mark.parametrize("name", RANKS)
@given(texts=st.lists(st.text(max_size=200), max_size=20))
def test_counts_are_those_of_tiktoken(
    reference: dict[str, tiktoken.Encoding], name: str, texts: list[str]
) -> None:
    expected = [len(ids) for ids in reference[name].encode_ordinary_batch(texts)]
    assert counter(name).counts(texts).tolist() == expected


def test_our_own_data_counts_as_tiktoken_counts_it(
    reference: dict[str, tiktoken.Encoding],
) -> None:
    folder = Path(__file__).parents[2]
    texts = [p.read_text("utf-8") for p in sorted(folder.glob("notebooks/data/*.jsonl"))]
    texts += [p.read_text("utf-8") for p in sorted(folder.glob("costmodel/**/*.py"))]
    for name in RANKS:
        expected = [len(ids) for ids in reference[name].encode_ordinary_batch(texts)]
        assert counter(name).counts(texts, 2).tolist() == expected


def test_counting_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        message = "no network in tests"
        raise AssertionError(message)

    monkeypatch.setattr(socket, "socket", refuse)
    counter.cache_clear()
    for name in BUNDLED:
        assert counter(name).count("What does it cost?") > 0
        assert counter(name).engine == "toktok-rs"


def test_text_like_a_special_token_is_plain_text() -> None:
    assert counter().count("<|endoftext|>") > 1


def test_half_a_surrogate_pair_counts_as_the_replacement_character() -> None:
    assert counter().count("a \ud83d b") == counter().count("a \ufffd b")


def test_a_fast_counter_that_disagrees_is_not_used(
    monkeypatch: pytest.MonkeyPatch, reference: dict[str, tiktoken.Encoding]
) -> None:
    monkeypatch.setattr(counting, "_toktok", lambda _: lambda texts, _: [1] * len(texts))
    monkeypatch.setattr(tiktoken, "get_encoding", reference.__getitem__)
    counter.cache_clear()
    try:
        assert counter("o200k_base").engine == "tiktoken"
        assert counter("o200k_base").count("What does it cost?") == 5
    finally:
        counter.cache_clear()


def test_a_vocabulary_that_is_nowhere_is_refused_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import requests

    def refuse(*_: object, **__: object) -> None:
        message = "offline"
        raise requests.ConnectionError(message)

    monkeypatch.setattr(requests, "get", refuse)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(DataError, match="TIKTOKEN_CACHE_DIR"):
        counter("p50k_base")


def test_an_unknown_encoding_names_the_nearest() -> None:
    with pytest.raises(DataError, match="o200k_base"):
        counter("o200k-base")


# models


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base"),
        # tiktoken 0.14 takes cl100k_base for these, and knows no gpt-6
        ("ft:gpt-4.1-mini-2025-04-14:org::abc123", "o200k_base"),
        ("ft:gpt-4.1-2025-04-14", "o200k_base"),
        ("gpt-6-luna", "o200k_base"),
        ("openai/gpt-3.5-turbo", "cl100k_base"),
        ("cl100k_base", "cl100k_base"),
        ("qwen3.5", "qwen3.5"),
    ],
)
def test_a_model_is_counted_in_its_own_encoding(model: str, encoding: str) -> None:
    text = "Ein Wort kostet so viel wie zwei: éèê, 価格, $12.50."
    assert cm.count_tokens(text, model) == counter(encoding).count(text)


def test_an_estimate_is_never_silent() -> None:
    with pytest.raises(DataError, match=r"estimate.*1\.488"):
        cm.count_tokens("How much?", "claude-opus-4-7")


def test_claude_makes_half_as_many_tokens_again_of_english_and_twice_as_many_of_german() -> None:
    text = "word " * 1000
    plain = cm.count_tokens(text, "gpt-4o")
    english = cm.count_tokens(text, "claude-opus-4-7", estimate=True)
    german = cm.count_tokens(text, "claude-opus-4-7", estimate=True, content="german")
    assert english / plain == pytest.approx(1.488, rel=1e-3)
    assert german / plain == pytest.approx(2.124, rel=1e-3)


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(PriceError, match="gpt-4o"):
        cm.count_tokens("How much?", "gpt-4oo")


def test_a_model_without_a_known_tokenizer_says_what_to_do() -> None:
    with pytest.raises(DataError, match="calibrate"):
        cm.count_tokens("How much?", "command-r", estimate=True)
