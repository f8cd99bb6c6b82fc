"""Take the README's picture from lesson 00, as stored: docs/finished_monitor.png.

python tools/readme_figure.py
"""

import base64
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "finished_monitor.png"


def first_picture(path: Path) -> bytes:
    """Return the first PNG among the outputs of a notebook."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    pictures = (output["data"].get("image/png") for output in outputs if "data" in output)
    return base64.b64decode(next(filter(None, pictures)))


if __name__ == "__main__":
    PICTURE.write_bytes(first_picture(ROOT / "notebooks" / "00_start_here.ipynb"))
