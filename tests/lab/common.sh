# SPDX-License-Identifier: MIT
# What the set-up scripts share (sourced): where the cache is, how to speak, locks, temporary directories,
# progress. It must never write outside the cache, never prompt, and never speak on stdout, which is for each
# script's answer. Exit codes are those of the whole project: 4 this host cannot, 64 usage, 70 our failure.
# shellcheck shell=sh disable=SC2034
set -eu
export LC_ALL=C
lab=$(CDPATH='' cd -- "$lab" && pwd) # each script has set it to this directory
job='' temp='' scratch=''

say() {
	printf 'ringfence: %s\n' "$*" >&2
}

fail() { # CODE TEXT...
	code=$1
	shift
	say "$*"
	exit "$code"
}

if [ -n "${XDG_CACHE_HOME:-}" ]; then
	cache=$XDG_CACHE_HOME/ringfence
elif [ -n "${HOME:-}" ]; then
	cache=$HOME/.cache/ringfence
else
	fail 4 "neither XDG_CACHE_HOME nor HOME is set: set XDG_CACHE_HOME to a directory for the cache"
fi
case $cache in
/*) ;;
*) cache=$PWD/$cache ;;
esac
mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] ||
	fail 4 "$cache cannot be written: set XDG_CACHE_HOME to a directory that can"

# Whatever ends this script takes its job (a process group of its own) and its temporary directories along.
leave() {
	code=$?
	trap - EXIT
	trap '' INT TERM HUP # a second signal must not cut this short
	if [ -n "$job" ]; then
		kill -TERM "-$job" 2>/dev/null || :
		wait "$job" 2>/dev/null || :
	fi
	rm -rf ${scratch:+"$scratch"} ${temp:+"$temp"}
	exit "$code"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Children inherit the lock: what a killed script leaves running still holds it, so that nobody builds beside it.
lock() { # NAME
	exec 9>"$cache/$1.lock"
	flock -n 9 && return
	say "waiting for another run's $1 set-up to finish"
	flock 9
}

# Only with the lock of DIR's owner held: then every temporary directory there was left by a killed run.
make_temp() { # DIR
	mkdir -p "$1"
	rm -rf "$1"/tmp.*
	temp=$(mktemp -d "$1/tmp.XXXXXX")
}

publish() { # DIR: the temporary directory becomes DIR, at once
	rm -rf "$1"
	mv "$temp" "$1"
	temp=
}

newest() { # PATTERN...: the last existing path in version order
	for path in "$@"; do
		[ ! -e "$path" ] || printf '%s\n' "$path"
	done | sort -V | tail -n 1
}

# Run COMMAND, all its output to LOG. While it takes longer than two seconds say what it is, how far (what
# the command HOW_FAR prints) and how long it usually takes: one changing line on a terminal, else a line
# every 15 s. Returns COMMAND's status.
with_progress() { # LABEL USUALLY HOW_FAR LOG COMMAND...
	label=$1 usually=$2 how_far=$3 log=$4
	shift 4
	begun=$(date +%s) told=$begun next=2
	setsid "$@" >"$log" 2>&1 </dev/null &
	job=$!
	sleep 0.1
	while kill -0 "$job" 2>/dev/null; do
		now=$(date +%s)
		if [ $((now - told)) -ge $next ]; then
			told=$now
			tell $((now - begun))
		fi
		sleep 0.2
	done
	status=0
	wait "$job" || status=$?
	job=
	[ ! -t 2 ] || printf '\r\033[K' >&2
	return $status
}

tell() { # SECONDS
	far=$($how_far "$log" 2>/dev/null || :)
	line="$label${far:+: $far}, $1 s; usually $usually"
	if [ -t 2 ]; then
		next=1
		printf '\r\033[K%.*s' "$(($(tput cols 2>/dev/null || echo 80) - 1))" "ringfence: $line" >&2
	else
		next=15
		say "$line"
	fi
}

# The end of a log, for a failure that the user has to see.
show_log() { # LOG
	tail -n 40 "$1" | sed 's/^/    /' >&2
}
