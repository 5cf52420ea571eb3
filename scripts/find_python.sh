#!/bin/sh
# Prints a Python that can run trailbell. Whether it runs is tried: a version manager's
# shim may be on the PATH for a Python that is not there.
for python in python3.14 python3.13 python3.12 python3.11 python3; do
    if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
    then
        echo "$python"
        exit 0
    fi
done
echo "trailbell needs Python 3.11 or newer with venv and pip" \
    "(Debian and Ubuntu: apt install python3 python3-venv)" >&2
exit 1
