#!/bin/sh
# SPDX-License-Identifier: MIT
# One test of the lab: test.sh BIN_DIR NAME. Ends 0 if it held, 77 with the reason if this machine cannot run it,
# else 1. It must never fetch anything, nor, but for mutants, build: what set-up has not left in the cache is a reason
# to skip.
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
	[ ! -s stdout ] || grep -A 1 '^not ok' stdout
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
	"$here/kernel.sh" --cached >/dev/null 2>stderr || skip "no lab kernel in the cache: ./prove makes it ($(tail -n 1 stderr))"
}

need_stock() {
	command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
	"$here/stock.sh" >/dev/null 2>stderr || skip "no packaged kernel in the cache ($(tail -n 1 stderr))"
}

need_mutants() {
	need_kernel
	"$here/kernel.sh" --mutant none >/dev/null 2>stderr || skip "no kernel to mutate ($(tail -n 1 stderr))"
	trap 'rm -rf "$work" "$XDG_CACHE_HOME"/ringfence/mutants/*/kernel/made-up-*' EXIT
}

made_up() { # NAME FILE OLD NEW [EQUIVALENT]: a mutant by one line
	mkdir -p patches
	cat >"patches/made-up-$1.patch" <<-END
		Parent: vduse
		Mutant: made up
		${5:+Equivalent: $5}
		--- a/drivers/$2
		+++ b/drivers/$2
		@@ -50 +50 @@
		-$3
		+$4
	END
}

number() { # N: as four bytes, the least first
	for shift in 0 8 16 24; do
		printf "\\$(printf %o $(($1 >> shift & 255)))"
	done
}

dd() { # ARGS...: write its input, byte for byte, into the file "image"
	command dd of=image bs=1 conv=notrunc "$@"
}

gone() { # PID: within ten seconds, for a busy host takes its time to free a machine
	for try in $(seq 50); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.2
	done
	fail "process $1 is left over ($try tries)"
}

start_sleeping() { # a lab that runs a job without end; its launcher is $launcher, its machine's QEMU $qemu
	"$bin/ringfence-lab" exec "$bin/lab-job" sleep >stdout 2>stderr </dev/null &
	launcher=$!
	qemu=''
	for _ in $(seq 100); do
		# The one that boots: another child of that name is asked for its version before.
		for child in $(cat "/proc/$launcher/task/$launcher/children"); do
			! tr '\0' ' ' <"/proc/$child/cmdline" 2>/dev/null | grep -q '^[^ ]*qemu.* -kernel ' || qemu=$child
		done
		[ -z "$qemu" ] || break
		sleep 0.1
	done
	[ -n "$qemu" ] || fail "no QEMU was started"
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
stuck)
	# A finding that wedges: whoever deletes the device can never be killed. It is a thread of a process that is dead.
	need_kernel
	lab 1 exec --out out/latest "$bin/ringfence-known" --destructive --filter k8
	has stdout '^# XFAIL'
	has stderr '^ringfence-init: cannot be killed: process [0-9]+ \(ringfence-known\), state D, in [a-z_]+$'
	has stderr '1 processes cannot be killed'
	has out/latest/console.log 'vhost_vdpa_remove\+0x'
	;;
time-out)
	need_kernel
	lab 124 exec --timeout 2 "$job" sleep
	has stderr 'out of time \(at most 2 s\)'
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
	lab 64 prove --kernel nothing-of-that-name
	lab 4 exec --kernel "$here/test.sh" "$job" hello
	has stderr 'not an x86 bzImage'
	lab 0 --help
	has stdout '--kernel-source'
	;;
config)
	# An image that is nothing but a set-up header and a payload, which no machine would boot. What leads up to the
	# mark has a packer take that apart.
	printf 'CONFIG_KVM=y\nCONFIG_VDPA_USER=m\n# CONFIG_PCI is not set\nCONFIG_NAME="x"\n' >wanted
	for pack in 'gzip -c' 'xz -c' 'zstd -qc' 'lz4 -qcl' 'bzip2 -c' 'xz --format=lzma -c' cat; do
		command -v "${pack%% *}" >/dev/null || continue
		{ yes 'IKCFG_S IKCFG' | head -c 5000 && printf IKCFG_ST && gzip -c wanted && printf 'IKCFG_ED after'; } | $pack >payload
		head -c 2048 /dev/zero >image
		{ printf '\003' | dd seek=497 && printf HdrS | dd seek=514 && number 16 | dd seek=584 &&
			number "$(wc -c <payload)" | dd seek=588; } 2>/dev/null
		head -c 16 /dev/zero | cat - payload >>image
		printf 'size' >>image
		[ "$("$here/config.sh" "$work/image")" = "$(grep '=[ym]' wanted)" ] || fail "packed by $pack"
	done
	lab 4 run --kernel image
	has stderr 'CONFIG_VDPA_USER is a module, and must be built in \(VDUSE\)'
	has stderr 'CONFIG_PCI is not set'
	lacks stderr 'CONFIG_KVM is|VDPA_SIM|booting'
	lab 4 doctor --kernel image
	lacks stderr 'CONFIG_VDPA_USER'

	# Without one of its own, by what lies beside it; and of the lab's own configuration nothing may be missing.
	head -c 2048 image >bzImage
	"$here/config.sh" "$work/bzImage" && fail "a configuration came from nowhere"
	sed '/VDPA_USER/d; s/^CONFIG_VDPA_SIM_NET=.*//' "$here/kernel.config" >config
	lab 4 prove --kernel bzImage
	has stderr 'CONFIG_VDPA_USER is not set \(VDUSE\)$'
	has stderr 'CONFIG_VDPA_SIM_NET is not set \(rows on vdpa_sim\): they are skipped$'
	[ "$(grep -c 'CONFIG_' stderr)" = 2 ] || fail "more is missing than was left out"
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
	# A Linux of the user's with its initramfs: both go along. This one's init finds nobody to talk to.
	lab 0 build --initrd initrd
	lab 0 run -k "$("$here/kernel.sh")/bzImage" --initrd initrd --cmdline 'console=ttyS0 noxsave panic=-1'
	has stdout 'ringfence-init: no virtio port named'
	;;
prove)
	need_kernel
	lab 0 prove
	has stdout '^TAP version 13$'
	lacks stdout '^not ok'
	lacks stdout 'stock kernel'
	# All of this set can run here.
	skipped=$(sed -n 's/^ok [0-9]* \([^ ]*\) # SKIP.*/\1/p' stdout | tr '\n' ' ')
	[ -z "$skipped" ] || fail "skipped: $skipped"
	[ "$(grep -c "^ok " stdout)" -ge 76 ] || fail "fewer than 76 rows"
	for file in results.tap results.json env.json console.log; do
		[ -s "out/latest/$file" ] || fail "out/latest/$file is missing or empty"
	done
	;;
prove-given)
	# A device that is there already, and a kernel of the user's: each to a verdict.
	need_kernel
	lab 0 prove --vdpa @vdpa
	[ "$(grep -c '^ok [0-9]* given/.* # time=' stdout)" = 10 ] || fail "not ten rows of a given device"
	[ "$(grep -c '# SKIP nobody keeps a trace of a given device' stdout)" = 4 ] || fail "not four rows without their trace"
	[ "$(grep -c '^ok ' stdout)" = 14 ] || fail "not fourteen rows"
	lab 1 prove --vdpa @vdpa --break merge-asid --filter 'given/hole/readable-at-cvq'
	has stdout '^not ok 1 given/hole/readable-at-cvq'
	has stdout 'breached: secret read'
	lab 0 prove --kernel "$("$here/kernel.sh")/bzImage" --filter vduse/group-asid
	has stdout 'linux 7\.[0-9.]+[^ ]* given by --kernel'
	has stdout '^ok 1 vduse/group-asid # time='
	;;
kasan)
	need_kernel
	"$here/kernel.sh" --cached --kasan >/dev/null 2>stderr || skip "no sanitized kernel in the cache: ./prove --kasan makes it"
	lab 0 exec --kasan --out out "$job" hello
	has stdout '^linux 7\.[0-9.]+ \+ ctrl-vq patch, sanitized, TCG$'
	has out/env.json '"leaks": 0'
	lab 1 exec --kasan "$job" put /dev/kmsg "<4>BUG: KASAN: made up by a test
"
	has stderr 'complained: BUG: KASAN: made up'
	lab 70 exec --kasan --kernel "$("$here/kernel.sh")/bzImage" "$job" hello
	has stderr 'did not look for leaks'
	;;
second)
	# Two labs: what one has done the other need not, and nothing hangs on the second but its kernel's word.
	need_kernel
	[ "$(nproc)" -ge 2 ] || skip "one CPU: the second lab would come too late"
	lab 0 prove --labs 2 -v --out out --filter 'vduse/hole/*-at-cvq'
	has stderr ', twice$'
	has stderr '^[1-9][0-9]* of 20 runs were done elsewhere$'
	[ "$(grep -c '^ok ' stdout)" = 5 ] || fail "not 5 rows"
	for row in desc avail used readable writable; do
		[ -s "out/vduse.hole.$row-at-cvq/isolated/vmm.log" ] || fail "no log of $row-at-cvq"
	done
	cat >qemu <<-'END'
		#!/bin/sh
		tr '\0' ' ' <"/proc/$PPID/cmdline" | grep -q -e --gather || exec qemu-system-x86_64 "$@"
		[ -z "$SECOND_ENDS" ] || exit 3
		for argument in "$@"; do
		        shift
		        case $argument in console=*) argument="$argument rdinit=/nowhere" ;; esac
		        set -- "$@" "$argument"
		done
		exec qemu-system-x86_64 "$@"
	END
	chmod +x qemu
	export RINGFENCE_QEMU="$work/qemu"
	SECOND_ENDS=1 lab 0 prove --labs 2 -v --filter 'vduse/hole/used-at-cvq'
	has stderr '^0 of 4 runs were done elsewhere$'
	lacks stdout 'Bail out!'
	has stderr 'the second lab ended with 70, and this one did it all'
	lab 255 prove --labs 2 --filter 'vduse/hole/*-at-cvq'
	has stderr 'the second lab ended with 255'
	has stdout '^Bail out! the second lab ended with 255'
	lab 64 prove --labs 3
	;;
known)
	need_kernel
	lab 0 prove --known --out out
	has stdout '^# XFAIL: WARNING: '
	has stdout '^# 19 show, 0 do not show any more, 4 skipped, 0 failed;'
	skipped=$(sed -n 's/^ok [0-9]* \([^ ]*\) # SKIP.*/\1/p' stdout | tr '\n' ' ')
	[ "$skipped" = 'k1 k6 k8 k14 ' ] || fail "skipped: $skipped" # the destructive ones
	has out/env.json '"announced_warnings": 1'
	has out/env.json '"kernel_complaints": 0'
	# One of those that come back.
	lab 0 prove --known --destructive --filter k6
	has stdout '^# XFAIL: the command on eth[0-9] could not be killed .* both came back'
	lab 0 prove --known --list
	lacks stderr booting
	;;
controls-*)
	need_kernel
	lab 0 exec "$bin/ringfence-${name#controls-}" --controls
	lacks stdout 'MISSED'
	;;
prove-stock)
	need_stock
	lab 0 prove --stock
	has stdout 'unpatched'
	has stdout 'stock kernel: CTRL_VQ is not offered'
	lacks stdout '^not ok'
	# It has no vdpa_sim.
	lacks stdout '^ok [0-9]+ (process|vduse)[^ ]* # SKIP'
	has stdout '^ok [0-9]+ vdpa_sim/hole/used-at-cvq # SKIP .*CONFIG_VDPA_SIM_NET'
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
mutants-tool)
	# What becomes of patches that are no good, and of one that nobody could see; and that a tree which was left in
	# the middle of one, by a killed build, is none the worse.
	need_mutants
	export RINGFENCE_MUTANTS="$work/patches"
	file=vdpa/vdpa_user/vduse_dev.c timeout='#define VDUSE_MSG_DEFAULT_TIMEOUT'
	made_up a "$file" "$timeout 30" "$timeout 31"
	made_up b "$file" "$timeout 30" "$timeout 32" 'nobody waits as long'
	lab 1 mutants
	has stdout '^ sound +\(no mutant\) +[0-9]+ rows ran and held'
	has stdout '^ SURVIVED +made-up-a +[0-9]+ rows ran and held'
	has stdout '^ equivalent +made-up-b '
	has stdout 'declared equivalent: nobody waits as long'
	[ "$(tail -n 1 stdout)" = "2 mutants, 0 caught, 1 survived, 1 equivalent" ] || fail "$(tail -n 1 stdout)"

	rm patches/*
	made_up c "$file" "$timeout 30" "$timeout seconds"
	made_up d "$file" '#define VDUSE_MSG_NO_SUCH' "$timeout 33"
	made_up e "$file" "$timeout 30" "$timeout (15 + 15)"
	sed '1a Equivalent: so they say' "$here/mutants/vduse-group-asid-noop.patch" >patches/made-up-f.patch
	lab 70 mutants
	has stderr 'made-up-c does not build'
	has stderr 'made-up-d.patch does not apply'
	has stderr 'made-up-e.patch changes nothing'
	has stdout '^ FAILED +made-up-f +declared equivalent, and yet it is seen'
	[ "$(tail -n 1 stdout)" = "4 mutants, 0 caught, 0 survived, 0 equivalent, 4 failed" ] || fail "$(tail -n 1 stdout)"

	rm patches/*
	made_up a "$file" "$timeout 30" "$timeout 31"
	made_up g vhost/vdpa.c '#define VHOST_VDPA_IOTLB_BUCKETS 16' '#define VHOST_VDPA_IOTLB_BUCKETS 8'
	image=$("$here/kernel.sh" --mutant patches/made-up-a.patch 2>stderr) || fail "no image"
	mv "$image" before
	"$here/kernel.sh" --mutant patches/made-up-g.patch >/dev/null 2>&1 &
	half=$!
	sleep 3
	make=$(pgrep -P $half make) || fail "the build was over, or had not begun, when it was to be killed"
	kill -KILL $half
	kill -KILL "-$make"
	"$here/kernel.sh" --mutant patches/made-up-a.patch >/dev/null 2>stderr || fail "no image after a killed build"
	cmp before/bzImage "$image/bzImage" || fail "a killed build of another has changed this one's image"
	;;
mutants)
	need_mutants
	lab 0 mutants
	count=$(find "$here/mutants" -name '*.patch' | wc -l)
	has stdout "^$count mutants, [0-9]+ caught, 0 survived, [0-9]+ equivalent\$"
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
