"""Work that is shared with a second thread."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from visavis.portrait.second_thread import Helper


@pytest.mark.parametrize("present", [True, False])
def test_results_are_those_of_the_work(present: bool) -> None:
    helper = Helper(present=present)
    tasks = [helper.begin(partial(pow, number, 2)) for number in range(20)]
    assert [task.result() for task in reversed(tasks)] == [number**2 for number in reversed(range(20))]


def test_work_that_nobody_has_begun_is_done_by_the_one_who_asks() -> None:
    helper, going, free = Helper(present=True), threading.Event(), threading.Event()

    def busy() -> str:
        going.set()
        assert free.wait(10)
        return threading.current_thread().name

    first = helper.begin(busy)
    assert going.wait(10)
    second = helper.begin(lambda: threading.current_thread().name)
    assert second.result() == threading.current_thread().name
    free.set()
    assert first.result().startswith("visavis-paint")


def test_an_error_of_the_work_reaches_the_one_who_asks() -> None:
    for present in (True, False):
        task = Helper(present=present).begin(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            task.result()
