"""Tokens and hours of a training run."""

from __future__ import annotations

import numpy as np

from costmodel.months import Array, Numeric
from costmodel.quantities.requests import share_above
from costmodel.quantities.volumes import SECONDS_PER_HOUR, TOKENS_PER_MTOK


def train_mtok(
    runs: Numeric,
    tokens: Numeric,
    epochs: Numeric,
    validation_tokens: Numeric = 0.0,
    evaluations: Numeric = 0.0,
) -> Array:
    """Count the tokens that a provider bills for training.

    Args:
        runs: Training runs. [1/month], shape (..., T)
        tokens: Tokens of the training set. [token]
        epochs: Passes over it. [epoch]
        validation_tokens: Tokens of the validation set, where it is billed. [token]
        evaluations: Passes over the validation set. [1]

    Returns:
        Billed tokens, runs x (epochs x tokens + evaluations x validation). [Mtok/month]

    >>> float(train_mtok(1, 5e6, 3, 1e6, 1))
    16.0
    """
    one_run = np.asarray(epochs) * tokens + np.asarray(evaluations) * validation_tokens
    return np.asarray(runs * one_run / TOKENS_PER_MTOK, float)


def share_too_long(mean: Numeric, cv: Numeric, limit: Numeric) -> Array:
    """Return the share of examples longer than a limit; lengths are lognormal.

    Args:
        mean: Mean length of an example. [token]
        cv: Standard deviation over mean. [1]
        limit: Longest example taken. [token]
    """
    return share_above(float(np.mean(limit)), mean, (np.asarray(mean) * cv) ** 2)[0]


def billed_example_tokens(mean: Numeric, cv: Numeric, limit: Numeric, over_long: str) -> Array:
    """Return the mean billed length of an example where long ones are cut or left out.

    Args:
        mean: Mean length of an example. [token]
        cv: Standard deviation over mean. [1]
        limit: Longest example taken. [token]
        over_long: truncate, drop or bill.

    Returns:
        Mean billed length. [token]

    >>> float(billed_example_tokens(80_000, 0.5, 100_000, "drop").round())
    47469.0
    """
    limit = float(np.mean(limit))
    examples, tokens = share_above(limit, mean, (np.asarray(mean) * cv) ** 2)
    kept = np.asarray(mean) * (1.0 - tokens)
    if over_long == "truncate":
        return np.asarray(kept + limit * examples, float)
    return np.asarray(kept if over_long == "drop" else np.asarray(mean, float), float)


def billed_file_tokens(lengths: Numeric, examples: Numeric, limit: float, over_long: str) -> Array:
    """Return the tokens of a training file of known lengths that one epoch bills.

    Args:
        lengths: Lengths that occur. [token], shape (N,)
        examples: Examples of each length. [1], shape (N,)
        limit: Longest example taken; infinite for none. [token]
        over_long: truncate, drop or bill.

    >>> float(billed_file_tokens([45, 111, 26, 28, 8032], [1, 1, 1, 1, 1], 4096, "truncate"))
    4306.0
    """
    lengths = np.asarray(lengths, float)
    billed = {
        "truncate": np.minimum(lengths, limit),
        "drop": np.where(lengths <= limit, lengths, 0.0),
    }.get(over_long, lengths)
    return np.asarray(np.sum(billed * np.asarray(examples)), float)


# how many passes OpenAI makes where none are asked for: three, unless the file is small or large
TARGET_EPOCHS, FEWEST_PASSES, MOST_PASSES, MOST_EPOCHS = 3, 100, 25_000, 25


def epochs_by_examples(examples: Numeric) -> Array:
    """Return the epochs that OpenAI chooses for a file of some examples.

    Source: OpenAI cookbook, Chat_finetuning_data_prep (2026-11).

    Args:
        examples: Examples in the file. [1]

    >>> epochs_by_examples([5, 50, 500, 10_000, 30_000]).tolist()
    [20.0, 3.0, 3.0, 2.0, 1.0]
    """
    n = np.maximum(np.asarray(examples, float), 1.0)
    few, many = n * TARGET_EPOCHS < FEWEST_PASSES, n * TARGET_EPOCHS > MOST_PASSES
    small = np.minimum(MOST_EPOCHS, FEWEST_PASSES // n)
    large = np.maximum(1.0, MOST_PASSES // n)
    return np.asarray(np.where(few, small, np.where(many, large, TARGET_EPOCHS)), float)


def run_hours(runs: Numeric, hours_per_run: Numeric) -> Array:
    """Count the hours of training runs that are billed by time.

    Args:
        runs: Training runs. [1/month], shape (..., T)
        hours_per_run: Length of one run. [h]

    Returns:
        Hours. [h/month], shape (..., T)
    """
    return np.asarray(runs * np.asarray(hours_per_run), float)


def rented_training_hours(
    runs: Numeric,
    tokens: Numeric,
    epochs: Numeric,
    tokens_per_second: Numeric,
    instances: Numeric,
    startup_hours: Numeric,
) -> Array:
    """Count the instance-hours of training on rented GPUs.

    Args:
        runs: Training runs. [1/month], shape (..., T)
        tokens: Tokens of the training set. [token]
        epochs: Passes over it. [epoch]
        tokens_per_second: Measured speed of all GPUs of the run together. [token/s]
        instances: Instances rented for the run. [1]
        startup_hours: Start, loading of the weights, saving. [h]

    Returns:
        Instance-hours. [instance-h/month], shape (..., T)

    >>> float(rented_training_hours(2, 3.6e6, 1, 1000, 1, 0))
    2.0
    """
    seconds = np.asarray(epochs) * tokens / tokens_per_second
    return np.asarray(runs * (seconds / SECONDS_PER_HOUR + startup_hours) * instances, float)
