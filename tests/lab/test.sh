#!/bin/sh
# SPDX-License-Identifier: MIT
# One test of the lab: test.sh BIN_DIR NAME. Ends 0 if it held, 77 with the reason if this machine cannot run it,
# else 1. It must never fetch or build anything: what set-up has not left in the cache is a reason to skip.
set -u
bin=$1 name=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export RINGFENCE_OFFLINE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-${HOME:-}/.cache}"

skip() {
	echo "SKIP: $*"
	exit 77
}

fail() {
	echo "FAIL: $*"
	for log in stdout stderr out/latest/console.log; do
		[ ! -s "$log" ] || { echo "--- $log" && tail -n 30 "$log"; }
	done
	exit 1
}

lab() { # WANTED_CODE ARGS...: run the launcher, and fail unless it ends so
	wanted=$1
	shift
	"$bin/ringfence-lab" "$@" >stdout 2>stderr </dev/null
	code=$?
	[ "$code" = "$wanted" ] || fail "ringfence lab $*: exit code $code instead of $wanted"
}

has() { # FILE REGEX
	grep -qE -- "$2" "$1" || fail "no /$2/ in $1"
}

lacks() { # FILE REGEX
	! grep -qE -- "$2" "$1" || fail "/$2/ in $1"
}

need_kernel() {
	command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
	"$here/kernel.sh" >/dev/null 2>stderr || skip "no lab kernel in the cache: ./prove makes it ($(tail -n 1 stderr))"
}

need_stock() {
	command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
	"$here/stock.sh" >/dev/null 2>stderr || skip "no packaged kernel in the cache ($(tail -n 1 stderr))"
}

gone() { # PID: within two seconds
	for try in 1 2 3 4 5 6 7 8 9 10; do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.2
	done
	fail "process $1 is left over ($try tries)"
}

start_sleeping() { # a lab that runs a job without end; its launcher is $launcher, its QEMU $qemu
	"$bin/ringfence-lab" exec "$bin/lab-job" sleep >stdout 2>stderr </dev/null &
	launcher=$!
	qemu=''
	for _ in $(seq 100); do
		qemu=$(tr -d ' ' <"/proc/$launcher/task/$launcher/children")
		! grep -qs qemu "/proc/$qemu/comm" || break
		sleep 0.1
	done
	grep -qs qemu "/proc/$qemu/comm" || fail "no QEMU was started"
	sleep 3 # into the job
}

ended_with() { # CODE: the launcher did
	wait "$launcher"
	code=$?
	[ "$code" = "$1" ] || fail "the launcher's exit code is $code instead of $1"
	gone "$qemu"
}

job=$bin/lab-job
case $name in
boot)
	need_kernel
	lab 0 exec "$job" hello
	has stdout '^linux 7\.[0-9.]+ \+ ctrl-vq patch, TCG$'
	lacks stdout 'standard error'
	has stderr '^to standard error$'
	;;
boot-stock)
	need_stock
	lab 0 exec --stock "$job" hello
	has stdout '^linux [7-9]\.[0-9.]+ Debian cloud, unpatched, TCG$'
	;;
exit-code)
	need_kernel
	lab 3 exec "$job" exit 3
	lab 70 exec "$job" abort
	has stderr 'signal 6'
	;;
panic)
	need_kernel
	lab 255 exec --out out/latest "$job" panic
	has stderr 'panicked: Kernel panic - not syncing: sysrq'
	has out/latest/env.json '"panicked": true'
	has out/latest/rows/trace.jsonl 'before'
	;;
warning)
	need_kernel
	lab 1 exec --out out/latest "$job" put /dev/kmsg "<4>WARNING: made up by a test
"
	has stderr 'complained: WARNING: made up'
	has out/latest/env.json '"kernel_complaints": 1'
	;;
time-out)
	need_kernel
	lab 124 exec --timeout 2 "$job" sleep
	has stderr 'did not end within 2 s'
	;;
hang)
	need_kernel
	lab 124 exec --timeout 3 --out out/latest "$job" hang
	has stderr 'hangs .*no sign of life'
	has out/latest/cpus.log 'RIP='
	has out/latest/env.json '"hung": true'
	;;
interrupt)
	need_kernel
	for signal in INT TERM; do
		start_sleeping
		kill -$signal "$launcher"
		ended_with 130
	done
	;;
killed)
	need_kernel
	start_sleeping
	kill -KILL "$launcher"
	wait "$launcher"
	gone "$qemu"
	;;
files)
	need_kernel
	lab 0 exec --out out "$job" put /out/deep.txt 'what the job wrote'
	has out/deep.txt '^what the job wrote$'
	lab 0 exec "$job" orphan
	has stdout '^orphaned$'
	lab 0 exec "$job" flood
	[ "$(wc -l <stdout)" = 100000 ] || fail "$(wc -l <stdout) lines of 100000 came"
	has stdout '^line 99999 '
	;;
initramfs)
	need_kernel
	lab 0 build --initrd one
	sleep 1
	lab 0 build --initrd two
	cmp one two || fail "two builds of the initramfs differ"
	has one '^070701'
	;;
usage)
	lab 64 frobnicate
	lab 64 exec
	lab 64 exec /bin/sh --kernel x --stock
	lab 64 exec --timeout never "$job" hello
	lab 64 prove --stock --kernel x
	lab 4 exec --kernel "$here/test.sh" "$job" hello
	has stderr 'not an x86 bzImage'
	lab 0 --help
	has stdout '--kernel-source'
	;;
offline)
	XDG_CACHE_HOME=$work/empty lab 4 exec "$job" hello
	has stderr 'RINGFENCE_OFFLINE'
	;;
cache)
	export XDG_CACHE_HOME="$work/some cache"
	mkdir -p "$XDG_CACHE_HOME/ringfence/kernel/9.9-abc"
	printf 'kind=lab\nrelease=9.9\norigin=nowhere\npatches=none\n' >"$XDG_CACHE_HOME/ringfence/kernel/9.9-abc/facts"
	lab 0 status
	has stdout '^lab +9\.9 \(nowhere; patches: none\)$'
	lab 0 clean
	[ ! -e "$XDG_CACHE_HOME/ringfence" ] && [ -e "$XDG_CACHE_HOME" ] || fail "clean removed too little or too much"
	;;
set-up)
	# What a killed set-up leaves: nothing, and if it could not clear up itself, nothing that the next one keeps.
	export XDG_CACHE_HOME="$work/cache"
	cat >setup.sh <<-END
		lab="$here"
		. "$here/common.sh"
		make_temp "\$cache/x"
		ls "\$cache/x" >seen
		echo half >"\$temp/file"
		with_progress 'a test' never : "\$cache/log" sh -c 'echo \$\$ >pid; exec sleep \$1' sh "\$1"
		publish "\$cache/x/done"
	END
	for signal in TERM KILL; do
		sh setup.sh 100 2>stderr &
		setup=$!
		sleep 1
		kill -$signal $setup
		wait $setup
		[ $signal = TERM ] || continue
		[ -z "$(ls cache/ringfence/x)" ] || fail "left over: $(ls cache/ringfence/x)"
		gone "$(cat pid)"
	done
	kill "$(cat pid)" # nobody was left to end it; it held no more than the lock
	sh setup.sh 0 2>stderr || fail "set-up after a killed one"
	[ "$(wc -l <seen)" = 1 ] || fail "a temporary directory was kept: $(cat seen)"
	[ "$(ls cache/ringfence/x)" = "done" ] || fail "not published: $(ls cache/ringfence/x)"
	sh setup.sh 4 2>stderr || fail "a slow set-up"
	has stderr 'a test, [23] s; usually never$'
	;;
doctor)
	need_kernel
	lab 0 doctor
	has stdout 'PASS +vduse-ctrl-vq'
	lacks stdout 'FAIL'
	;;
run)
	need_kernel
	lab 0 run
	has stdout '^done: 0 attempts, 0 legal operations failed$'
	echo "no ELF file" >bad.elf
	lab 64 run -k bad.elf
	has stderr 'bad.elf'
	lacks stderr 'No such file'
	;;
prove)
	need_kernel
	lab 0 prove
	has stdout '^TAP version 13$'
	lacks stdout '^not ok'
	[ "$(grep -c '^ok ' stdout)" -ge 14 ] || fail "fewer than 14 rows"
	for file in results.tap results.json env.json console.log; do
		[ -s "out/latest/$file" ] || fail "out/latest/$file is missing or empty"
	done
	;;
prove-stock)
	need_stock
	lab 0 prove --stock
	has stdout 'unpatched'
	lacks stdout '^not ok'
	[ "$(grep -c '^ok ' stdout)" -ge 14 ] || fail "fewer than 14 rows"
	;;
prove-break-*)
	need_kernel
	lab 1 prove --break "${name#prove-break-}"
	[ "$(grep -cE '^not ok [0-9]+ vduse/(hole|aliased)/(desc|avail|used|readable|writable)-at-cvq' stdout)" = 10 ] ||
		fail "not every row that $name must breach was breached"
	;;
kill)
	need_kernel
	lab 0 exec --timeout 600 "$bin/ringfence-killtest"
	has stdout '^ok 1 '
	lacks stdout '^not ok'
	;;
shellcheck)
	command -v shellcheck >/dev/null || skip "no shellcheck"
	cd "$here" || exit 1
	shellcheck -x -S warning -- *.sh ../../prove ../../check || exit 1
	;;
build-*)
	! [ "$name" = build-clang ] || command -v clang >/dev/null || skip "no clang"
	uapi=$("$here/headers.sh") && "$here/build.sh" "${name#build-}" all "$uapi" || exit 1
	;;
*)
	fail "no test of that name"
	;;
esac
exit 0
