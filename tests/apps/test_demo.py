"""The demo as `make demo` starts it: both servers answer at the printed addresses, and both end with it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from aiyam.settings import Settings


@pytest.mark.slow
def test_demo_prints_addresses_that_answer_and_leaves_nothing_behind(home: Settings) -> None:
    environment = {
        **os.environ,
        "AIYAM_HOME": str(home.home),
        "AIYAM_MODELS_DIR": str(home.models_dir),
        "AIYAM_API_PORT": "0",
        "AIYAM_DASHBOARD_PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "aiyam.cli", "demo"], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        addresses = re.findall(r"http://\S+", said)
        assert len(addresses) == 3, said
        for address in addresses:
            assert httpx.get(address, follow_redirects=True, timeout=30).status_code == 200
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)  # an impatient second one
        assert process.wait(timeout=30) == 0
        for address in addresses:
            with pytest.raises(httpx.ConnectError):
                httpx.get(address, timeout=5)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)
