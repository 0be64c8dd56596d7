#!/bin/sh
# What the tests need of the system, where it is missing and this user may install it (Debian, Ubuntu).
# Without it the tests that need it are skipped, and say so.
set -eu

missing=
command -v ssh >/dev/null || missing="$missing openssh-client"
[ -x /usr/sbin/sshd ] || command -v sshd >/dev/null || missing="$missing openssh-server"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "tests/install.sh: not installed:$missing; as root: apt-get install$missing" >&2
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
# Installing a server must not start it, neither now nor at the next boot: the tests run their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
# shellcheck disable=SC2086  # one word each
apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing >/dev/null; } ||
    echo "tests/install.sh: apt-get could not install:$missing; tests that need it are skipped" >&2
if command -v systemctl >/dev/null; then
    case $missing in *openssh-server*) systemctl disable ssh.service ssh.socket >/dev/null 2>&1 || true ;; esac
fi
