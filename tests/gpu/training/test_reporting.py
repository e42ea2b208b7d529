"""The time left, against a clock that the test sets."""

from dataclasses import replace
from pathlib import Path

import pytest

from gpu.training.recipe import Recipe
from gpu.training.reporting import ProgressReporter

RECIPE = Recipe(
    steps=300, batch_size=4, rank=4, alpha=4.0, learning_rate=1e-3, checkpoint_every_steps=50,
    min_snr_gamma=None, horizontal_flip=False, noise_offset=0.0,
)  # fmt: skip


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


def estimates(
    recipe=RECIPE,
    *,
    first_step=0,
    last_step=None,
    step=0.4,
    checkpoint=20.0,
    others=0.0,
    preparing=0.0,
    others_preparing=0.0,
    slice_seconds=None,
):
    """(step, estimate, what it really took from then on) of every report of a training.

    `step` is seconds of a step, or a function of its number; `others` is what the others of the
    batch do after our own checkpoint was reported.
    """
    clock, reports = Clock(), []

    def note(report):
        reports.append((report.step, report.estimated_seconds, clock.now))

    started = clock.now
    clock.wait(preparing)
    reporter = ProgressReporter(
        note, recipe, 12, started=started, slice_seconds=slice_seconds, clock=clock
    )
    losses = {"loss": 0.1, "held_out_loss": 0.2}
    reporter.report(first_step, **losses)
    clock.wait(others_preparing)
    last_step = last_step or recipe.steps
    for done in range(first_step + 1, last_step + 1):
        clock.wait(step(done) if callable(step) else step)
        reporter.step_done(done)
        if done % recipe.checkpoint_every_steps and done < recipe.steps:
            reporter.report(done, **losses)
            continue
        clock.wait(checkpoint)
        path, is_last = Path("checkpoint"), done == recipe.steps
        reporter.report(done, **losses, checkpoint_path=path, is_last=is_last)
        if done < recipe.steps:
            clock.wait(others)
    return [(at, left, clock.now - when) for at, left, when in reports]


def assert_right(estimated, *, within=0.04, after=51):
    checked = [(left, true) for at, left, true in estimated if at >= after and true > 10]
    assert checked
    for left, true in checked:
        assert left == pytest.approx(true, rel=within)


def test_what_checkpoints_cost_is_part_of_the_time_left():
    assert_right(estimates(), within=0.001)


def test_the_others_of_the_batch_count_too():
    assert_right(estimates(others=30.0), within=0.001)


def test_works_that_others_read_before_the_first_step_are_no_checkpoint():
    assert_right(estimates(others_preparing=90.0), within=0.001)


def test_nothing_is_estimated_before_a_checkpoint_was_passed():
    estimated = estimates()
    assert {left for at, left, _ in estimated if at <= 50} == {None}
    assert all(left is not None for at, left, _ in estimated if at > 50)


def test_the_end_is_no_time_away():
    assert estimates()[-1][:2] == (300, 0.0)


def test_a_machine_that_gets_slower_is_followed():
    estimated = estimates(step=lambda at: 0.4 if at <= 150 else 0.8)
    assert_right(estimated, within=0.05, after=175)


def test_uneven_steps_are_estimated_by_their_mean():
    assert_right(estimates(step=lambda at: 0.1 if at % 2 else 0.7), within=0.06)


def test_steps_that_do_not_fill_the_last_checkpoint_have_one_all_the_same():
    assert_right(estimates(replace(RECIPE, steps=320)), within=0.001)


def test_a_checkpoint_at_every_step_is_estimated_too():
    assert_right(
        estimates(replace(RECIPE, steps=40, checkpoint_every_steps=1)), within=0.06, after=3
    )


def test_a_resumed_training_measures_its_own_machine():
    estimated = estimates(first_step=100, step=1.5, checkpoint=60.0)
    assert {left for at, left, _ in estimated if at <= 150} == {None}
    assert_right(estimated, within=0.001, after=151)


def test_each_slice_that_follows_reads_the_works_again():
    # 300 steps of 0.4 s and six checkpoints of 20 s are 240 s; one slice of 100 s is left behind
    # at step 51 for the second, and that for a third.
    whole = {at: left for at, left, _ in estimates(preparing=15.0)}
    sliced = {at: left for at, left, _ in estimates(preparing=15.0, slice_seconds=100.0)}
    assert sliced[51] - whole[51] == pytest.approx(2 * 15.0)
    assert sliced[299] - whole[299] == pytest.approx(2 * 15.0)
