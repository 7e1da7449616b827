#!/bin/sh
# Make sure that the shared libraries are here which the wheels of OpenCV and MediaPipe expect of a Linux system; with
# --browser, a Chromium for the tests of the page too. Installs them with apt where that is possible without a question,
# and says what to install where it is not.
set -eu

wanted=""
for pair in libGL.so.1:libgl1 libEGL.so.1:libegl1 libGLESv2.so.2:libgles2 libglib-2.0.so.0:libglib2.0-0; do
    library=${pair%%:*}
    package=${pair##*:}
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -q "$library" || wanted="$wanted $package"
done
if [ "${1:-}" = "--browser" ] && ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null \
    && ! command -v google-chrome >/dev/null; then
    wanted="$wanted chromium"
fi
[ -z "$wanted" ] && exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root="sudo"
    else
        echo "These system packages are missing; install them first: apt-get install$wanted" >&2
        # Without a browser only the tests of the page are left out; without the libraries nothing runs.
        [ "$wanted" = " chromium" ] && exit 0
        exit 1
    fi
fi
if ! command -v apt-get >/dev/null; then
    echo "These packages (by their Debian names) are missing; install them with your system's own tool:$wanted" >&2
    [ "$wanted" = " chromium" ] && exit 0
    exit 1
fi
echo "Installing system packages:$wanted"
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of words is meant
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $wanted >/dev/null
