#!/bin/sh
# Names, before anything is built, each tool that is missing and the one
# command that installs it. Arguments: cc node npm chromium firefox.
missing='' packages=''
for tool in "$@"; do
  case $tool in
    cc) command -v "${CC:-gcc}" >/dev/null || { missing="$missing a C compiler (the race detector needs cgo),"; packages="$packages gcc libc6-dev"; } ;;
    chromium) command -v "${CHROMIUM:-chromium}" >/dev/null || { missing="$missing Chromium,"; packages="$packages chromium"; } ;;
    firefox) command -v "${FIREFOX:-firefox}" >/dev/null || { missing="$missing Firefox,"; packages="$packages firefox-esr"; } ;;
    node) { command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]; } || { missing="$missing Node.js 20 or newer,"; packages="$packages nodejs"; } ;;
    npm) command -v npm >/dev/null || { missing="$missing npm,"; packages="$packages npm"; } ;;
  esac
done
[ -z "$missing" ] && exit 0
echo "missing:${missing%,}" >&2
echo "on Debian 13 or Ubuntu 25: sudo apt-get install -y$packages" >&2
exit 1
