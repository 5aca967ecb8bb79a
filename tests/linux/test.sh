#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh BIN_DIR TREE [SCENARIO...]: the Linux test in the lab, with the lab's own kernel as the guest's; with --stock
# or --pvh before the scenarios Debian's packaged one, as it comes or as the ELF that is packed in it. Ends 0 if
# all held, 77 with the reason if this machine cannot run it. It must never fetch or build a kernel.
set -eu
bin=$1 tree=$2
shift 2
export RINGFENCE_OFFLINE=1
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-${HOME:-}/.cache}"
command -v qemu-system-x86_64 >/dev/null || {
	echo "SKIP: no qemu-system-x86_64"
	exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kernel=$("$tree/tests/lab/kernel.sh" 2>"$work/why") || {
	echo "SKIP: no lab kernel in the cache: ./prove makes it ($(tail -n 1 "$work/why"))"
	exit 77
}
case ${1:-} in
--stock | --pvh)
	stock=$("$tree/tests/lab/stock.sh" 2>"$work/why") || {
		echo "SKIP: no packaged kernel in the cache: ./check fetches it ($(tail -n 1 "$work/why"))"
		exit 77
	}
	RINGFENCE_GUEST_KERNEL=$stock/bzImage
	if [ "$1" = --pvh ]; then
		"$tree/tests/lab/config.sh" --vmlinux "$stock/bzImage" >"$work/vmlinux"
		RINGFENCE_GUEST_KERNEL=$work/vmlinux
	fi
	shift
	;;
*) [ -n "${RINGFENCE_GUEST_KERNEL:-}" ] || RINGFENCE_GUEST_KERNEL=$kernel/bzImage ;;
esac

# One CPU for the lab: QEMU's TCG leaves the vector of an interrupt that KVM has injected in exception_index
# (helper_vmrun()), and delivers it once more, masked or not, when anything makes it leave its loop before the next
# exit. With several CPUs on one thread that happens all the time, and Linux as a guest hangs in a lock that its own
# timer interrupt holds. See docs/linux-guest.md.
cat >"$work/qemu" <<'END'
#!/bin/sh
previous=
for argument in "$@"; do
	shift
	[ "$previous" != -smp ] || argument=1
	previous=$argument
	set -- "$@" "$argument"
done
exec qemu-system-x86_64 "$@"
END
chmod +x "$work/qemu"
export RINGFENCE_QEMU="${RINGFENCE_QEMU:-$work/qemu}"

# 64 bits, little-endian
number() {
	n=$1 i=0
	while [ $i -lt 8 ]; do
		# shellcheck disable=SC2059
		printf "\\$(printf %o $((n & 255)))"
		n=$((n >> 8)) i=$((i + 1))
	done
}

{
	cat "$bin/linuxtest" "$RINGFENCE_GUEST_KERNEL"
	number "$(wc -c <"$bin/linuxtest")"
	number "$(wc -c <"$RINGFENCE_GUEST_KERNEL")"
	number 7308335495529590377
} >"$work/linuxtest"
chmod +x "$work/linuxtest"
take=
case " $* " in
*' iperf '*)
	take=$work/take
	"$tree/tests/linux/iperf.sh" "$take/iperf3"
	;;
esac
out=${RINGFENCE_LINUX_OUT:-$work/out}
code=0
"$bin/ringfence" lab exec --timeout 500 --out "$out" ${take:+--take "$take"} "$work/linuxtest" "$@" || code=$?
[ $code = 0 ] || for log in "$out"/*.console; do
	echo "--- $log" && tail -n 40 "$log"
done
# A capture that our own reading found whole is read by those it was made for, where they are.
if [ $code = 0 ] && [ -f "$out/sink.pcap" ]; then
	command -v tcpdump >/dev/null || {
		echo "SKIP: all held, but the capture has not been opened: no tcpdump"
		exit 77
	}
	frames=$(tcpdump -e -n -r "$out/sink.pcap" 2>/dev/null | grep -c 0x88b5)
	[ "$frames" = 100 ] || {
		echo "tcpdump sees $frames frames in place of 100"
		exit 1
	}
	echo "# tcpdump sees all 100 frames"
fi
exit $code
