#!/bin/sh
# Print the path of a Python that can build the course's environment, or say in one sentence what
# to install. Runs before anything is downloaded.
#
#     sh tools/preflight.sh             the newest supported Python that is found
#     sh tools/preflight.sh 3.13        the oldest one, below 3.13 (old packages have no newer wheels)
#     sh tools/preflight.sh --version   its version, such as 3.12, instead of its path
#     sh tools/preflight.sh --supported the supported versions, oldest first; looks for none of them
#
# pyproject.toml lists the supported versions, in its classifiers. PYTHON names the interpreter to
# take. Each is looked for by its name and in pyenv's folder, and is run: a launcher on PATH may
# stand for a version that pyenv does not select.
set -u

supported=$(sed -n 's/^ *"Programming Language :: Python :: \(3\.[0-9]*\)",*$/\1/p' \
    "$(dirname "$0")/../pyproject.toml")
if [ "${1:-}" = --supported ]; then
    echo $supported
    exit
fi
output=path
if [ "${1:-}" = --version ]; then
    output=version
    shift
fi
below=${1:-}

newest_first=
for version in $supported; do
    newest_first="$version $newest_first"
done
oldest=${supported%%[!0-9.]*}
order=${below:+$supported}
order=${order:-$newest_first}

pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv}/versions
wanted="Python $oldest or later${below:+ and below $below}"
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
    names=$PYTHON
    case $PYTHON in
        python3.[0-9]*)
            set -- "$@" "$pyenv/${PYTHON#python}".*/bin/python
            names="$names or in $pyenv"
            ;;
    esac
else
    set --
    names=
    for version in $order; do
        set -- "$@" "python$version" "$pyenv/$version".*/bin/python
        names="${names}python$version, "
    done
    set -- "$@" python3 python
    names="${names}python3, python or in $pyenv"
fi

fail() {
    echo "$1" >&2
    exit 1
}

# Exit codes of the probe: 3 another version, 4 no venv. It prints the real path behind a launcher.
probe() {
    "$1" - "$oldest" "$below" <<'PROBE' 2>/dev/null
import sys
oldest, below = (tuple(map(int, text.split("."))) for text in (sys.argv[1], sys.argv[2] or "4"))
if not oldest <= sys.version_info[:2] < below:
    sys.exit(3)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(4)
print(sys.executable)
PROBE
}

openmp() {
    "$1" - <<'PROBE' 2>/dev/null
import ctypes, os, sys
names = {
    "linux": ["libgomp.so.1"],
    "darwin": [
        "libomp.dylib",
        "/opt/homebrew/opt/libomp/lib/libomp.dylib",
        "/usr/local/opt/libomp/lib/libomp.dylib",
        "/opt/local/lib/libomp/libomp.dylib",
        os.path.join(sys.prefix, "lib", "libomp.dylib"),
    ],
}.get(sys.platform, [])
for name in names:
    try:
        ctypes.CDLL(name)
    except OSError:
        continue
    sys.exit(0)
sys.exit(1 if names else 0)
PROBE
}

python=
without_venv=
for name in "$@"; do
    path=$(probe "$name")
    case $? in
        0) python=$path && break ;;
        4) without_venv=${without_venv:-$name} ;;
    esac
done

if [ -z "$python" ] && [ -n "$without_venv" ]; then
    fail "$without_venv has no venv module: install it (Debian, Ubuntu: apt install python3-venv), or name another Python with PYTHON=/path/to/python."
fi
if [ -z "$python" ]; then
    fail "$wanted is needed and none was found as $names: install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python), or name it with PYTHON=/path/to/python."
fi
if ! openmp "$python"; then
    fail "LightGBM needs the OpenMP runtime, which is not installed: install it (Debian, Ubuntu: apt install libgomp1; Fedora: dnf install libgomp; macOS: brew install libomp)."
fi
if [ "$output" = version ]; then
    "$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
else
    echo "$python"
fi
