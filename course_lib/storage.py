"""Saved monitors and results: one file of JSON, arrays and LightGBM's text, never a pickle.

The file is a zip whose members are not compressed, so that reading it takes no more memory than
the file takes on disk. ``contents.json`` describes a closed set of types; ``0.npy``, ``1.txt`` and
so on hold the arrays and models that it names. Loading runs no code that a file brings along.
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
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

from .encoding import Reader, Writer, require_type
from .result import COLUMNS, MEASURES, Result

__all__ = ["load", "replaced", "save"]

FORMAT, VERSION, CONTENTS = "course_lib", 1, "contents.json"


def save(thing: Any, path: str | os.PathLike[str], *, without: Sequence[str] = ()) -> None:
    """Write a monitor or a result to a file; see their methods of that name."""
    try:
        contents, members = _packed(thing, without)
        text = json.dumps(contents, allow_nan=False)
        handed_over = {name: _arguments(thing)[name] for name in without}
        _unpacked(json.loads(text), members, handed_over)  # what is written can be read
    except (TypeError, ValueError) as error:
        raise ValueError(f"this {type(thing).__name__} cannot be saved: {error}") from error
    with replaced(path) as part, zipfile.ZipFile(part, "x") as archive:
        for name, data in {CONTENTS: text.encode(), **members}.items():
            archive.writestr(zipfile.ZipInfo(name), data)


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Hand out a name to write to, and put the file in its place when it is complete.

    Raises
    ------
    OSError
        When it cannot be written; what was in its place stays, and nothing else is left.
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
            f"`{path}` cannot be written ({error.strerror or error}), and what was there is as "
            "before; make room, or choose a folder that is there and that you may write to",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def load(path: str | os.PathLike[str], **handed_over: Any) -> Any:
    """Read a monitor or a result from the file that its method `save` has written.

    Parameters
    ----------
    path : path
    **handed_over
        The constructor arguments that the file does not hold (``save(path, without=[...])``), such
        as metrics with a function of your own. What they compute is not checked: hand over what
        the monitor was fitted with.

    Returns
    -------
    The monitor, fitted as it was, or the result.

    Raises
    ------
    ValueError
        For a file that is damaged, was written by a newer version, or is none of ours.
    OSError
        When the file is not there or cannot be read.

    Notes
    -----
    A file is data: it is checked before it is used, and none of it is run. But a forged one can
    make a monitor that stays silent: take files from where you would take code.
    Taught in lesson 02.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> from course_lib import MissingValuesCalculator, load
    >>> frame = pd.DataFrame({"size": range(1000)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     MissingValuesCalculator(["size"]).fit(frame).save(f"{folder}/missing.monitor")
    ...     load(f"{folder}/missing.monitor")
    MissingValuesCalculator(missing_values; fitted)
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise OSError(
            error.errno, f"`{path}` cannot be read ({error.strerror}); look where it was saved"
        ) from error
    try:
        members = _members(data)
        contents = json.loads(members.pop(CONTENTS))
        _require_version(contents)
        return _unpacked(contents, members, handed_over)
    except Exception as error:  # a forged file can make any part of this fail, in any way
        told = isinstance(error, (ValueError, TypeError, zipfile.BadZipFile))
        raise ValueError(
            f"`{path}` cannot be loaded: {error if told else 'it is damaged'}; "
            "if you cannot tell why, fit and save again"
        ) from error


# What a file says


def _packed(thing: Any, without: Sequence[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    writer = Writer()
    contents = {"format": FORMAT, "version": VERSION, "course_lib": _version()}
    contents["class"] = type(thing).__name__
    if isinstance(thing, Result):
        return {**contents, "result": writer.encode(thing)}, writer.members
    arguments = _arguments(thing)
    for name in without:
        if name not in arguments:
            raise ValueError(
                f"`without` names {name!r}, which the monitor was not given; it was given "
                f"{_listed(arguments)}"
            )
    contents["without"] = list(without)
    contents["arguments"] = {
        name: _argument(writer, name, value)
        for name, value in arguments.items()
        if name not in without
    }
    contents["metrics"] = list(thing._metric_names())
    contents["fitted"] = writer.encode(thing._fitted)
    return contents, writer.members


def _unpacked(
    contents: Mapping[str, Any], members: Mapping[str, bytes], handed_over: Mapping[str, Any]
) -> Any:
    from .monitor import _Fitted

    reader = Reader(members)
    if contents["class"] == "Result":
        return _sound(reader.decode(contents["result"]))
    kind = _monitor_class(contents["class"])
    if set(contents["without"]) != set(handed_over):
        raise ValueError(
            f"it was saved without {_listed(contents['without'])}, and handed over is "
            f"{_listed(handed_over)}; hand over what is missing, like load(path, metrics=[...])"
        )
    given = {name: reader.decode(code) for name, code in contents["arguments"].items()}
    monitor = kind(**given, **handed_over)
    if list(monitor._metric_names()) != contents["metrics"]:
        raise ValueError(
            f"it measures {_listed(contents['metrics'])}, and with what was handed over it would "
            f"measure {_listed(monitor._metric_names())}"
        )
    fitted = reader.decode(contents["fitted"])
    if fitted is not None:
        require_type(fitted, _Fitted, "what was fitted")
        require_type(fitted.state, get_type_hints(kind._learn)["return"], "what was learned")
        require_type(
            fitted.calibration, get_type_hints(kind._calibrate)["return"], "the calibration"
        )
        _sound(Result(fitted.reference, kind._kind, fitted.shares))
    monitor._fitted = fitted
    return monitor


def _arguments(thing: Any) -> dict[str, Any]:
    """What the constructor was given, by name."""
    given, named = thing._given
    arguments: dict[str, Any] = signature(type(thing)).bind(*given, **named).arguments
    return arguments


def _argument(writer: Writer, name: str, value: Any) -> Any:
    try:
        return writer.encode(value)
    except ValueError as error:
        raise ValueError(
            f"`{name}` holds {error}; leave it out and hand it over again: "
            f'save(path, without=["{name}"]), load(path, {name}=...)'
        ) from error


def _monitor_class(name: str) -> Any:
    from .monitor import Monitor

    library = import_module("course_lib")
    kind = getattr(library, name) if name in library.__all__ else None
    if not (isinstance(kind, type) and issubclass(kind, Monitor)):
        raise ValueError(f"{name!r} is no monitor of course_lib")
    return kind


def _version() -> str:
    return str(import_module("course_lib").__version__)


def _require_version(contents: Any) -> None:
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise ValueError("it was written by another program")
    if contents["version"] != VERSION:
        age = "a newer" if contents["version"] > VERSION else "an older"
        raise ValueError(
            f"it was written by {age} course_lib, {contents['course_lib']}, and this is "
            f"{_version()}; update the one that is behind"
        )


def _sound(result: Any) -> Result:
    frame = result._frame
    if (
        not isinstance(result, Result)
        or list(frame.columns) != list(COLUMNS)
        or not (frame.dtypes[list(MEASURES)] == "float64").all()
        or not (frame.dtypes[["start_date", "end_date"]] == "datetime64[ns]").all()
        or frame["alert"].dtype != bool
    ):
        raise ValueError("the frame of a result in it is damaged")
    return result


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"


# The members of the zip


def _members(data: bytes) -> dict[str, bytes]:
    """Read all members; their names are keys, and no path is ever made of them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = archive.infolist()
        names = [info.filename for info in found]
        if CONTENTS not in names or len(set(names)) < len(names):
            raise ValueError("it is a zip file, but holds no monitor")
        if any(info.compress_type != zipfile.ZIP_STORED for info in found):
            raise ValueError("it holds compressed members, which `save` never writes")
        if sum(info.file_size for info in found) > len(data):
            raise ValueError("its members claim to be larger than the file")
        return {name: archive.read(name) for name in names}
