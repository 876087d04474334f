#!/bin/sh
# Create .venv, or update it, with the locked packages.
set -eu

fail() {
    echo "$1" >&2
    exit 1
}

# Whether interpreter $1 runs and is version $2. A pyenv shim is on PATH even where it cannot run.
runs() {
    "$1" -c "import sys; sys.exit(sys.version_info[:2] != tuple(map(int, '$2'.split('.'))))" \
        >/dev/null 2>&1
}

find_python() {
    for version in 3.13 3.12 3.11; do
        IFS=:
        set -f
        set -- $PATH
        set +f
        unset IFS
        for folder in "$@"; do
            if runs "$folder/python$version" "$version"; then
                echo "$folder/python$version"
                return
            fi
        done
        for python in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version"*/bin/python; do
            if runs "$python" "$version"; then
                echo "$python"
                return
            fi
        done
    done
    return 1
}

if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    python=$(find_python) || fail "no Python 3.13, 3.12 or 3.11 found: install python3.13"
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python $version has no venv module: install python$version-venv"
    echo "creating .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

pip() {
    .venv/bin/python -m pip "$@" -qq --disable-pip-version-check
}

with_uv() {
    .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes \
        requirements/development.txt &&
        .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps \
            --no-build-isolation --editable layers/chatbot
}

with_pip() {
    pip install --require-hashes --no-deps --requirement requirements/development.txt &&
        pip install --no-deps --no-build-isolation --editable layers/chatbot
}

echo "installing the packages locked in requirements/"
pip install --require-hashes --no-deps --requirement requirements/installer.txt
# uv does not read pip's configuration, such as a private index or its certificate.
with_uv || {
    echo "uv failed: installing with pip instead, which takes a minute"
    with_pip
}
