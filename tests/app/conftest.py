"""The web page as people use it: the command in a process of its own, and a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
)
STARTS_WITHIN = 600  # seconds, on a busy machine


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Start"]:
    """Starts `terralex ARGUMENTS --port N` and gives its address once it answers; it ends with the tests."""
    starter = Start(tmp_path_factory)
    yield starter
    for process in starter.processes:
        process.terminate()
    for process in starter.processes:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


class Start:
    """Starts commands that serve.

    Attributes:
        processes: Those that were started, in order.
    """

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self._folders = folders

    def __call__(self, *arguments: str) -> str:
        """The address of `terralex ARGUMENTS`, once it answers."""
        port = free_port()
        log = self._folders.mktemp("log") / "server.txt"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        with log.open("w") as file:
            command = [sys.executable, "-m", "terralex", *arguments, "--port", str(port)]
            process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        self.processes.append(process)
        address = f"http://127.0.0.1:{port}"
        latest = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < latest and process.poll() is None:
            try:
                urlopen(f"{address}/healthz" if "serve" in arguments else address, timeout=30).close()
                return address
            except OSError:
                time.sleep(0.3)
        pytest.fail(f"{' '.join(command)} did not answer:\n{log.read_text()}")


@pytest.fixture(scope="session")
def demo(start: Start, tiny_model: str) -> str:
    """The address of the web page, with a model that knows nothing."""
    return start("demo", "--no-browser", "--offline", "--upload-mb", "5", "--model", tiny_model)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        message = "no chromium on the PATH: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


class Visit:
    """Somebody who looks at the page.

    Attributes:
        page: The browser's page.
        requests: Addresses that it asked for.
        errors: What it complained about on its console.
    """

    def __init__(self, browser: Browser, address: str, **context: object) -> None:
        self.page = browser.new_context(accept_downloads=True, **context).new_page()
        self.page.set_default_timeout(180_000)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.goto(address)
        self.page.wait_for_selector("#identify-run")

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def upload(self, field: str, *files: Path) -> None:
        chosen = self.page.locator(f"#{field}")
        if clear := chosen.get_by_role("button", name=re.compile("clear", re.IGNORECASE)).all():
            clear[0].click()
        chosen.locator("input[type=file]").set_input_files(files)
        for file in files:
            chosen.get_by_text(file.stem).first.wait_for()

    def press(self, button: str) -> None:
        self.page.locator(f"#{button}").click()

    def sees(self, text: str) -> None:
        """Wait for a message."""
        self.page.locator(".tx-message:visible, .toast-body:visible").filter(has_text=text).first.wait_for()

    def picture(self, name: str) -> None:
        """Keep a picture of the page in the folder that TERRALEX_SCREENSHOTS names, for people to look at."""
        if folder := os.environ.get("TERRALEX_SCREENSHOTS"):
            self.page.wait_for_timeout(600)
            self.page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)

    def download(self, button: str) -> Path:
        with self.page.expect_download() as begun:
            self.press(button)
        target = Path(begun.value.path()).with_name(begun.value.suggested_filename)
        begun.value.save_as(target)
        return target


@pytest.fixture(scope="session")
def visit(browser: Browser, demo: str) -> Visit:
    """A visitor on a desktop, who goes through the tests one after the other."""
    return Visit(browser, demo, viewport={"width": 1280, "height": 900})
