"""A learner's first hour: JupyterLab as `make course` starts it, in a browser."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from browser import Visit, chromium, needs_browser
from test_packaging import make, needs_make

ROOT = Path(__file__).parent.parent
needs_lab = pytest.mark.skipif(find_spec("jupyterlab") is None, reason="needs JupyterLab")
pytestmark = [pytest.mark.slow, needs_browser, needs_make, needs_lab]

SECONDS = 180  # upper bounds for a busy machine
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
STATUS = "#jp-main-statusbar"


def settings(folder):
    """An environment in which nothing of the reader's own Jupyter counts."""
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    places = {name: str(folder / name.lower()) for name in names}
    own = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    return own | places | {"JUPYTER_CONFIG_PATH": str(folder / "etc"), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The folder and the address of JupyterLab, started with the words of the Makefile."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    forget(folder / "notebooks/02_estimate_performance.ipynb")
    said = make("-n", "course", f"VENV={folder / 'venv'}")
    labconfig = folder / "etc/labconfig"
    labconfig.mkdir(parents=True)
    (labconfig / "page_config.json").write_text(re.search(r"echo '(\{.*\})' >", said)[1])
    command = [sys.executable, *shlex.split(said.splitlines()[-1])[1:]]
    command += [] if "--no-browser" in command else ["--no-browser"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=settings(folder), stderr=log)
    yield folder, wait_for_address(folder / "log", server)
    server.terminate()
    server.wait(timeout=SECONDS)


def forget(path):
    """Take the stored outputs out of a notebook, so that new ones are seen to come."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


def wait_for_address(log, server):
    for _ in range(10 * SECONDS):
        if found := re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+", log.read_text()):
            return found[0]
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"no address after {SECONDS} s: {log.read_text()}")


@pytest.fixture(scope="module")
def visit(lab):
    """The open start page, and what it asked for."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(1000 * SECONDS)
        seen = Visit(page)
        page.on("websocket", lambda socket: seen.requests.append(socket.url))
        page.goto(lab[1])
        yield page, seen


@pytest.fixture(scope="module")
def run(lab, visit):
    """Lesson 02, opened from the list of files, run to its end and saved."""
    page, _ = visit
    page.locator(f"{PANEL} h1", has_text="Watch a model fail in silence").wait_for()
    page.locator(".jp-DirListing-item", has_text="02_estimate_performance").dblclick()
    page.locator(f"{PANEL} h1", has_text="Estimate performance without labels").wait_for()
    page.locator(f"{PANEL} .jp-Toolbar-kernelName", has_text="Python 3").wait_for()
    page.locator(STATUS, has_text="| Idle").wait_for()
    run_all(page)
    return page, save_when_run(page, lab[0] / "notebooks/02_estimate_performance.ipynb")


def run_all(page):
    """Restart the kernel and run all cells; again if no cell is queued, as a kernel connects late.

    What a restart runs is numbered from 1, however often it is asked for.
    """
    from playwright.sync_api import TimeoutError as Late

    queued = page.locator(f"{PANEL} .jp-InputPrompt", has_text=re.compile(r"\[(\*|\d+)\]"))
    for seconds in (30, 60, SECONDS):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("Restart Kernel and Run All Cells")).click()
        page.locator(".jp-Dialog").get_by_role("button", name="Confirm").click()
        try:
            return queued.first.wait_for(state="attached", timeout=1000 * seconds)
        except Late:
            continue
    raise AssertionError("no cell of lesson 02 was queued")


def save_when_run(page, path):
    """Save until the notebook on disk has run, to its end or to an error; return its code cells."""
    for _ in range(SECONDS):
        page.keyboard.press("Control+s")
        time.sleep(1)
        cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        failed = any(o.output_type == "error" for c in cells for o in c.outputs)
        # An output can be saved before the number of its cell, which comes with the kernel's reply.
        if failed or all(cell.execution_count for cell in cells):
            return cells
    raise AssertionError(f"lesson 02 has not run after {SECONDS} s")


def test_the_course_opens_at_lesson_00(visit):
    page, _ = visit
    page.locator(f"{PANEL} h1", has_text="Watch a model fail in silence").wait_for()
    assert page.title().startswith("00_start")


def test_a_lesson_runs_from_top_to_bottom(run):
    _, cells = run
    errors = [(c.id, o.evalue) for c in cells for o in c.outputs if o.output_type == "error"]
    assert errors == []
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_a_wrong_answer_shows_its_hint_alone_and_a_right_one_says_so(run):
    page, _ = run
    for old, answer, words in [("...", "52", "Not yet. That is the number of weeks."),
                               ("52", "0.52", "Correct.")]:  # fmt: skip
        editor = page.locator(f"{PANEL} .cm-content", has_text=f"answer_alarms = {old}").first
        editor.scroll_into_view_if_needed()
        editor.click()
        page.keyboard.press("Control+a")
        page.keyboard.type(f"answer_alarms = {answer}")
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")
        output = page.locator(f"{PANEL} .jp-OutputArea", has_text=words)
        output.first.wait_for()
        assert "Traceback" not in output.first.inner_text()
        assert "WrongAnswer" not in output.first.inner_text()


def test_nothing_leaves_the_machine_and_no_dialog_interrupts(run, visit):
    page, seen = visit
    hosts = {
        urlsplit(url).hostname for url in seen.requests if not url.startswith(("data:", "blob:"))
    }
    assert hosts == {"127.0.0.1"}
    assert page.locator(".jp-Dialog").count() == 0
    assert page.locator(".Toastify__toast--error").count() == 0
