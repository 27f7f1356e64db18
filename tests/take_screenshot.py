"""Take the README's screenshot: start the product on a free port, ask one question in Chromium, save the page.

    python tests/take_screenshot.py [--url http://127.0.0.1:8000/] [--out apps/chat/screenshot.png]

Without --url a server is started over the home of the environment (``aiyam prepare`` first) and stopped at the end.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

from aiyam.settings import REPO_ROOT
from apps.demo import free_port

QUESTION = "만원으로 먹을 수 있는 떡볶이"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--out", type=Path, default=REPO_ROOT / "apps" / "chat" / "screenshot.png")
    args = parser.parse_args()
    if args.url:
        take(args.url, args.out)
    else:
        with server() as url:
            take(url, args.out)
    print(args.out)


@contextmanager
def server() -> Iterator[str]:
    port = free_port("127.0.0.1", 0)
    process = subprocess.Popen([sys.executable, "-m", "aiyam.cli", "serve", "--port", str(port)])
    url = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(f"{url}readyz", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        else:
            raise SystemExit("The server did not start; run `aiyam prepare` first.")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def take(url: str, out: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Expected Chromium on the path: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1180, "height": 860})
        page.goto(url)
        page.locator("[data-time]").select_option("dinner")
        page.get_by_role("button", name=QUESTION).click()
        page.locator(".ny-card").first.wait_for()
        page.locator(".ny-turn[data-state=done]").wait_for()
        page.evaluate("document.activeElement && document.activeElement.blur()")
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main()
