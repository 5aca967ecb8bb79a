#!/bin/sh
# SPDX-License-Identifier: MIT
# iperf.sh DIR: lays out this machine's iperf3 in DIR as "iperf3", its libraries beside it and what loads them as "loader",
# so that it runs where there is nothing else. Ends 77 with the reason if there is none. It must never fetch anything.
set -eu

skip() {
	echo "SKIP: $*"
	exit 77
}

iperf3=$(command -v iperf3) || skip "no iperf3: ./check installs it"
mkdir -p "$1"
cp -L "$iperf3" "$1/iperf3"
ldd "$iperf3" >"$1/needed" || skip "ldd says nothing of $iperf3"
# "NAME => PATH (ADDRESS)" are libraries; the loader is a path alone, and the kernel's own library a name alone.
while read -r name arrow path _; do
	case $name$arrow in
	/*) cp -L "$name" "$1/loader" ;;
	*'=>')
		[ -f "$path" ] || skip "$iperf3 lacks $name"
		cp -L "$path" "$1/$name"
		;;
	esac
done <"$1/needed"
rm "$1/needed"
[ -f "$1/loader" ] || skip "$iperf3 names nothing that loads it"
