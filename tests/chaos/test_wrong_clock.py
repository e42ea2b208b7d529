"""A wrong clock is wrong by what it says, and nothing but the wall clock is."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.chaos.wrong_clock import wrong_clock

READ = """
import datetime, json, threading, time
began = time.monotonic()
time.sleep(0.01)
threading.Event().wait(0.01)
now = datetime.datetime.now(datetime.timezone.utc).timestamp()
print(json.dumps([time.time(), now, time.monotonic(), time.monotonic() - began]))
"""


@pytest.mark.parametrize("hours", [1, -1])
def test_a_process_sees_another_hour_and_waits_as_long_as_others(tmp_path, hours):
    environment = dict(os.environ) | wrong_clock(tmp_path, hours)
    done = subprocess.run(
        [sys.executable, "-c", READ], env=environment, capture_output=True, text=True, check=True
    )
    wall, date, monotonic, waited = json.loads(done.stdout)
    assert abs(wall - time.time() - 3600 * hours) < 60
    assert abs(date - wall) < 60
    assert abs(monotonic - time.monotonic()) < 60
    assert 0.02 <= waited < 60
