#!/usr/bin/env bash
# Builds function.zip, ready for Lambda:
#   bash zip_function.sh [--arch both|arm64|x86_64] [--python 3.13]
# It works from any folder. All of it happens in a subshell, so that a shell that sources it
# (`. zip_function.sh`, in bash or zsh) keeps its directory and its options.
(
    set -eu
    root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE:-$0}")" && pwd)
    python=$root/.venv/bin/python
    [ -x "$python" ] || python=$(sh "$root/scripts/find_python.sh")
    exec "$python" -B "$root/scripts/build_zip.py" "$@"
)
