# SPDX-License-Identifier: MIT
# Packages of a newer Debian suite than the machine's (sourced, after common.sh), by apt's own client and
# signatures, in an apt state of its own under the cache. The mirror is the one that the machine's own sources
# name. It must never touch the system's sources, lists or packages; root is not needed.
# shellcheck shell=sh disable=SC2154
suite=trixie-backports
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
apt=$cache/apt

# Where Debian's main archive is for this machine: by its lists, or by its sources if it has no lists yet.
apt_mirrors() {
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(CREATED_BY)|$(REPO_URI)' 2>/dev/null |
		sed -n 's/^Debian|Debian|main|Packages|//p' | sort -u
	apt-get update --print-uris 2>/dev/null |
		sed -n "s,^'\(.*/\)dists/[a-z]*/main/binary-[^/]*/Packages[^/]*' .*,\1,p" | sort -u
}

# The hooks of the system's apt configuration serve the system's own lists and must not run here.
apt_configure() { # MIRROR
	mkdir -p "$apt/lists/partial" "$apt/archives/partial"
	printf 'deb [arch=amd64 signed-by=%s] %s %s main\n' "$keyring" "$1" "$suite" >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-END
		Dir::State::lists "$apt/lists";
		Dir::State::status "/dev/null";
		Dir::Cache::archives "$apt/archives";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Architecture "amd64";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "2";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Post-Invoke;
	END
}

apt_lists_fresh() {
	[ -f "$apt/fresh" ] && [ -z "$(find "$apt/fresh" -mmin +60)" ]
}

# Bring the lists of the newer suite up to the hour.
apt_refresh() {
	[ -z "${RINGFENCE_OFFLINE:-}" ] || fail 4 "not in the cache, and RINGFENCE_OFFLINE forbids to fetch it"
	command -v apt-get >/dev/null ||
		fail 4 "no apt-get to fetch from Debian with; give --kernel-source DIR or --kernel BZIMAGE"
	[ -f "$keyring" ] || fail 4 "$keyring is missing: install debian-archive-keyring," \
		"or give --kernel-source DIR or --kernel BZIMAGE"
	exec 8>"$cache/apt.lock"
	flock 8
	! apt_lists_fresh || return 0
	for mirror in $(apt_mirrors); do
		apt_configure "$mirror"
		if with_progress "reading $suite's package list" '5 s' : "$apt/update.log" \
			apt-get -c "$apt/apt.conf" -o APT::Update::Error-Mode=any update; then
			touch "$apt/fresh"
			return 0
		fi
	done
	[ ! -f "$apt/update.log" ] || show_log "$apt/update.log"
	fail 4 "cannot read Debian's $suite by this machine's apt sources;" \
		"give --kernel-source DIR or --kernel BZIMAGE"
}

apt_newest() { # REGEX: the package of that name whose version, as the name tells it, is the newest
	apt-cache -c "$apt/apt.conf" pkgnames | grep -E "^$1\$" | sort -V | tail -n 1
}

apt_field() { # PACKAGE FIELD
	apt-cache -c "$apt/apt.conf" show --no-all-versions "$1" | sed -n "s/^$2: //p"
}

# PACKAGE's .deb into DIR, once; its path goes into $deb.
apt_fetch() { # PACKAGE DIR
	mkdir -p "$2"
	deb=$2/$(basename "$(apt_field "$1" Filename)")
	[ ! -f "$deb" ] || return 0
	size=$(apt_field "$1" Size)
	arriving=$2/tmp.fetch
	rm -rf "$arriving"
	mkdir "$arriving"
	with_progress "fetching $1" '10 s to 2 min' apt_arrived "$apt/fetch.log" \
		sh -c 'cd "$1" && exec apt-get -c "$2" download "$3"' sh "$arriving" "$apt/apt.conf" "$1" || {
		show_log "$apt/fetch.log"
		fail 4 "could not fetch $1 from Debian's $suite"
	}
	mv "$arriving"/*.deb "$deb"
	rmdir "$arriving"
}

apt_arrived() {
	bytes=$(cat "$arriving"/* "$apt"/archives/partial/* 2>/dev/null | wc -c)
	echo "$((bytes / 1048576)) of $((size / 1048576)) MB"
}
