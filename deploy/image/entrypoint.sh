#!/bin/bash
# Gives arguments the meaning that they have with registry:2 and registry:3, and starts the registry as the owner of
# its data folder. By bash: dash, Debian's sh, drops variables whose names have a hyphen, and headers are set by such.
set -e

case "$1" in
  *.yml | *.yaml) set -- registry serve "$@" ;;
  serve | garbage-collect | help | -*) set -- registry "$@" ;;
  # Programs of the image are run as they are; what is none is a command of Berth's, or a slip that it speaks of.
  *) command -v "$1" > /dev/null || set -- berth "$@" ;;
esac

# A registry that root starts becomes the owner of its data folder where that is not root, so that what it writes
# belongs to whom the folder belongs to. It keeps the right to files of other owners (a key of root's with mode 0600,
# what registry:2 has written there as root) and to ports below 1024, and nothing else that root may. Where a
# container may not have these rights, it goes without them; where it may not become anybody, it stays root.
become_owner() {
  kept=-all,+dac_override,+net_bind_service
  user="--reuid ${owner%:*} --regid ${owner#*:} --clear-groups"
  for rights in "--inh-caps=$kept --ambient-caps=$kept --bounding-set=$kept" ''; do
    # Words, each of them: shellcheck disable=SC2086
    if setpriv $rights $user true 2>/dev/null; then exec setpriv $rights $user "$@"; fi
  done
}

case "$(id -u) ${1##*/} $2" in
  '0 registry serve' | '0 berth serve')
    program=$1
    # Wrong settings are the server's to speak of.
    owner=$(shift 2 && "$program" data-owner "$@" 2>/dev/null) || owner=
    case "$owner" in '' | 0:*) ;; *) become_owner "$@" ;; esac
    ;;
esac

exec "$@"
