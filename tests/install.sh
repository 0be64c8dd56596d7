#!/bin/sh
# What the tests need of the system, where it is missing and this user may install it (Debian, Ubuntu).
# Without it the tests that need it are skipped, and say so.
set -eu

missing=
command -v ssh >/dev/null || missing="$missing openssh-client"
[ -x /usr/sbin/sshd ] || command -v sshd >/dev/null || missing="$missing openssh-server"
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
[ -e /usr/lib/chromium/vk_swiftshader_icd.json ] || missing="$missing chromium-common libvulkan1"
command -v chromium >/dev/null || missing="$missing chromium"  # a real browser, for sites of results
for shell in bash dash zsh ksh mksh tcsh fish busybox; do  # a board's user has any of them
    command -v "$shell" >/dev/null || missing="$missing $shell"
done

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
install() { apt-get -o DPkg::Lock::Timeout=120 install -qq -y --no-install-recommends "$@" >/dev/null 2>&1; }
# shellcheck disable=SC2086  # one word each
if ! install $missing; then
    apt-get update -qq || true
    for package in $missing; do  # one that is not to be had must not cost the others
        install "$package" || echo "tests/install.sh: $package could not be installed" >&2
    done
fi
if command -v systemctl >/dev/null; then
    case $missing in *openssh-server*) systemctl disable ssh.service ssh.socket >/dev/null 2>&1 || true ;; esac
fi
