"""Execute notebooks, one progress line each.

python tools/run_notebooks.py run [NOTEBOOK ...]
    Execute the lessons in order; executed copies go to build/lessons.
python tools/run_notebooks.py refresh [NOTEBOOK ...]
    Execute lessons and solutions and store their outputs in place.

A notebook fails when a cell raises or writes to stderr. A failed notebook is not refreshed.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
COPIES = ROOT / "build" / "lessons"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
SECONDS_PER_CELL = 300


class NotebookError(Exception):
    """A notebook that did not run cleanly; the message names the cell."""


def isolate(folder: str) -> None:
    """Keep the reader's own Jupyter and IPython settings out of stored outputs."""
    os.environ["IPYTHONDIR"] = folder
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # else the kernel warns on the terminal
    os.environ.pop("MPLBACKEND", None)


def execute(notebook: NotebookNode, *, folder: Path) -> NotebookNode:
    """Run all cells from a clean state, in ``folder``, or raise `NotebookError`."""
    notebook = clean(notebook)
    position = {"cell": ""}
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # a warning would split the progress line
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: position.update(cell=cell.id),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise NotebookError(f"cell {position['cell']}: {error.ename}: {error.evalue}") from error
    except (CellTimeoutError, DeadKernelError) as error:
        raise NotebookError(f"cell {position['cell']}: {error}") from error
    refuse_stderr(notebook)
    return tidy(notebook)


def clean(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook without outputs, counts and editor state; folded cells stay folded."""
    for cell in notebook.cells:
        kept = {name: value for name, value in cell.metadata.items() if name == "tags"}
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            kept["jupyter"] = {"source_hidden": True}
        cell.metadata = NotebookNode(kept)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    return notebook


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Drop from the outputs what differs between machines, and the second copy of each figure.

    A figure is sent as HTML, too, because JupyterLab shows no alternative text of a PNG. Stored,
    the PNG is enough: its metadata hold the text. On a busy machine the kernel sends one print in
    two pieces; they are joined.
    """
    join = CoalesceStreamsPreprocessor()
    for cell in code_cells(notebook):
        join.preprocess_cell(cell, {}, 0)
        for output in cell.outputs:
            data = output.get("data", {})
            for kind in [k for k in data if k.startswith("application/vnd")]:
                del data[kind]
            if "image/png" in data:
                data.pop("text/html", None)
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def refuse_stderr(notebook: NotebookNode) -> None:
    """Raise when a cell wrote a warning, or anything else, to stderr."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                raise NotebookError(f"cell {cell.id} wrote to stderr: {output.text.strip()[:300]}")


def write(notebook: NotebookNode, path: Path) -> None:
    """Write valid, stable JSON."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def process(path: Path, target: Path) -> bool:
    """Execute one notebook and store it in ``target``; print its line; return whether it ran."""
    name = path.relative_to(ROOT).as_posix()
    print(f"{name:<52}", end="", flush=True)
    start = time.perf_counter()
    try:
        executed = execute(nbformat.read(path, as_version=4), folder=path.parent)
    except NotebookError as error:
        print(f"{time.perf_counter() - start:6.1f} s  FAILED\n    {error}", flush=True)
        return False
    write(executed, target)
    print(f"{time.perf_counter() - start:6.1f} s  ok", flush=True)
    return True


def main(arguments: list[str]) -> int:
    """Run the command; return the exit code."""
    if not arguments or arguments[0] not in {"run", "refresh"}:
        print(__doc__, file=sys.stderr)
        return 2
    command, named = arguments[0], [Path(name).resolve() for name in arguments[1:]]
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    solutions = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
    paths = named or (lessons if command == "run" else lessons + solutions)
    if not paths:
        print("There are no notebooks in notebooks/.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        isolate(folder)
        ran = [process(p, COPIES / p.name if command == "run" else p) for p in paths]
    print(f"{sum(ran)} of {len(ran)} notebooks ran")
    return 0 if all(ran) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
