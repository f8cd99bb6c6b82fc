#!/bin/sh
# Print the path of a Python that can build the course's environment, or say in one sentence what
# to install. Runs before anything is downloaded.
#
#     sh tools/preflight.sh            any Python from 3.11
#     sh tools/preflight.sh 3.13       only a Python below 3.13 (the oldest versions have no newer wheels)
#
# PYTHON names the interpreter to take; otherwise the usual names are tried in turn. Each is run,
# not only looked up: a launcher on PATH may stand for a version that is not installed.
set -u

below=${1:-}
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3.13 python3.12 python3.11 python3 python
fi
wanted="Python 3.11 or later${below:+ and below $below}"

fail() {
    echo "$1" >&2
    exit 1
}

# Exit codes of the probe: 3 another version, 4 no venv. It prints the real path behind a launcher.
probe() {
    "$1" - "$below" <<'PROBE' 2>/dev/null
import sys
limit = tuple(int(part) for part in sys.argv[1].split(".")) if sys.argv[1] else (4,)
if not (3, 11) <= sys.version_info[:2] < limit:
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
    fail "$wanted is needed and none was found as $(echo "$*" | sed 's/ /, /g'): install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python), or name it with PYTHON=/path/to/python."
fi
if ! openmp "$python"; then
    fail "LightGBM needs the OpenMP runtime, which is not installed: install it (Debian, Ubuntu: apt install libgomp1; Fedora: dnf install libgomp; macOS: brew install libomp)."
fi
echo "$python"
