/* SPDX-License-Identifier: MIT */
/* The kernel's rules; see rule.h. It must never call the kernel. */
#include "rule.h"

#include <errno.h>

/*
 * A group out of range is ENOBUFS if it is no queue's index either (finding K19), EINVAL else; what
 * is out of range is told before the device's state is looked at.
 */
bool rule_group_asid(const struct facts *f, uint32_t group, uint32_t asid, bool live, int answer)
{
	if (group >= f->groups || asid >= f->spaces)
		return answer == -EINVAL || (answer == -ENOBUFS && group >= f->queues);
	return answer == (live ? -EBUSY : 0);
}

bool rule_num(const struct facts *f, uint32_t num)
{
	return num > 0 && num <= f->num_max && (num & (num - 1)) == 0;
}

bool rule_map(const struct extent *there, unsigned n, uint64_t at, uint64_t size)
{
	if (size == 0 || size - 1 > UINT64_MAX - at)
		return false;
	for (unsigned i = 0; i < n; i++) {
		uint64_t last = there[i].at + (there[i].size - 1);
		if (at <= last && there[i].at <= at + (size - 1))
			return false;
	}
	return true;
}
