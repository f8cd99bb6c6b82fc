"""Save and load monitors and results: one file of JSON, arrays and LightGBM's text, not pickle.

The file is a zip whose members are not compressed and have a CRC-32 checksum. ``contents.json``
describes the values; ``0.npy``, ``1.txt`` and so on hold the arrays and models that it names.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from course_lib.core.result import Result
from course_lib.core.schema import listed
from course_lib.persistence.encoding import Reader, Writer, tag_of

__all__ = ["load", "replaced", "save"]

FORMAT, VERSION, CONTENTS = "course_lib", 2, "contents.json"


def save(thing: Any, path: str | os.PathLike[str], *, without: Sequence[str] = ()) -> None:
    """Write a monitor or a result to a file; see their methods `save`."""
    try:
        contents, members = _packed(thing, tuple(listed(without)))
        text = json.dumps(contents, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"this {type(thing).__name__} cannot be saved: {error}") from error
    with replaced(path) as part, zipfile.ZipFile(part, "x") as archive:
        for name, data in {CONTENTS: text.encode(), **members}.items():
            archive.writestr(zipfile.ZipInfo(name), data)


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; move the file to ``path`` when it is complete.

    Raises
    ------
    OSError
        When the file cannot be written. An existing file is kept, the temporary one removed.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        yield part
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as error:
        raise OSError(
            error.errno,
            f"`{path}` cannot be written ({error.strerror or error}), and an existing file is "
            "unchanged; free disk space, or choose a folder that exists and that you may write to",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def load(path: str | os.PathLike[str], **handed_over: object) -> Any:
    """Read a monitor or a result from the file that its method `save` has written.

    No code in the file is run. A forged file can hold a monitor that never alerts, or crash the
    process: load files only from people whom you trust. Taught in lesson 02.

    Parameters
    ----------
    path : path
    **handed_over
        The parameters that the file does not hold (``save(path, without=[...])``), such as metrics
        with a function of your own. Only their names and those of the metrics are checked: pass
        the parameters that the monitor was fitted with.

    Returns
    -------
    The monitor with its parameters, fitted if it was when saved, or the result.

    Raises
    ------
    ValueError
        For a file that is damaged, was written by another version of the format, or is not a
        course_lib file.
    OSError
        When the file is missing or cannot be read.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> from course_lib import MissingValuesCalculator, load
    >>> frame = pd.DataFrame({"size": range(1000)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     MissingValuesCalculator(["size"]).fit(frame).save(f"{folder}/missing.monitor")
    ...     load(f"{folder}/missing.monitor").get_params()["column_names"]
    ['size']
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise OSError(
            error.errno, f"`{path}` cannot be read ({error.strerror}); check the path"
        ) from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        contents = json.loads(members.get(CONTENTS, b"null"))
        _require_version(contents)
        return _unpacked(contents, members, handed_over)
    except Exception as error:  # a damaged file can raise any exception
        has_reason = isinstance(error, (ValueError, TypeError, zipfile.BadZipFile))
        raise ValueError(
            f"`{path}` cannot be loaded: {error if has_reason else 'it is damaged'}; "
            "if you cannot correct this, fit and save again"
        ) from error


def _packed(thing: Any, without: tuple[str, ...]) -> tuple[dict[str, object], dict[str, bytes]]:
    writer = Writer(without)
    release = str(import_module("course_lib").__version__)
    contents: dict[str, object] = {"format": FORMAT, "version": VERSION, "course_lib": release}
    if isinstance(thing, Result):
        return {**contents, "result": writer.encode(thing)}, writer.members
    if tag_of(type(thing)) is None:
        raise ValueError(
            "a file holds classes of course_lib only; fit this one again where it is needed, or "
            "pickle it, and load the pickle only from a source that you trust"
        )
    thing._frozen()  # raises for parameters that loading would refuse
    parameters = thing.get_params()
    for name in without:
        if name not in parameters:
            raise ValueError(f"`without` names {name!r}, which is not one of {_listed(parameters)}")
        if thing._changed_since_fit(name):
            raise ValueError(
                f"`{name}` was changed after `fit`, and `load` cannot take the old value and the "
                "new; fit again, then save without it"
            )
    contents |= {"without": list(without), "metrics": _metrics(thing)}
    contents |= {"monitor": writer.encode(thing), "fitted": writer.encode(thing._fitted)}
    return contents, writer.members


def _unpacked(
    contents: Mapping[str, Any], members: Mapping[str, bytes], handed_over: Mapping[str, object]
) -> object:
    reader = Reader(members, handed_over)
    without = contents.get("without", [])
    if unneeded := set(handed_over) - set(without):
        raise ValueError(
            f"it does not need {_listed(sorted(unneeded))}; pass only what it was saved without"
        )
    if missing := [name for name in without if name not in handed_over]:
        raise ValueError(
            f"it was saved without {_listed(missing)}; hand over what the monitor was fitted with: "
            f"load(path, {missing[0]}=...)"
        )
    if "result" in contents:
        return reader.decode(contents["result"])
    monitor = reader.decode(contents["monitor"])
    monitor._fitted = reader.decode(contents["fitted"])
    monitor._remember(without)
    if _metrics(monitor) != contents["metrics"]:
        raise ValueError(
            f"it measures {_listed(contents['metrics'])}, but with the parameters given to `load` "
            f"it would measure {_listed(_metrics(monitor))}; pass those that it was fitted with"
        )
    return monitor


def _metrics(monitor: Any) -> list[str]:
    """Return the metrics of the fitted monitor, or before `fit` those of its parameters."""
    rules = monitor._fitted.rules if monitor._fitted else monitor._frozen()
    return list(rules._metric_names())


def _require_version(contents: Any) -> None:
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise ValueError("it was not written by course_lib")
    if contents["version"] != VERSION:
        newer = contents["version"] > VERSION
        remedy = "update course_lib here" if newer else "fit and save again with this course_lib"
        raise ValueError(
            f"its format is {'newer' if newer else 'older'}: version {contents['version']}, from "
            f"course_lib {contents['course_lib']}, but here it is version {VERSION}; {remedy}"
        )


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"
