/* SPDX-License-Identifier: MIT */
/*
 * What a guest's CPUs say of themselves: all that KVM can, and a topology. It must never claim a
 * feature that KVM has not.
 */
#include "x86.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define CPUID_ENTRIES 256

int x86_cpuid(const struct vm *vm, struct kvm_cpuid2 **out, struct err *e)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + CPUID_ENTRIES * sizeof(c->entries[0]));

	if (!c)
		return err_set(e, ERR_INTERNAL, ENOMEM, "calloc", "CPUID", "out of memory");
	c->nent = CPUID_ENTRIES;
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, c)) {
		int ret = err_set(e, ERR_HOST, errno, "KVM_GET_SUPPORTED_CPUID", "/dev/kvm",
				  "this KVM is too old or broken: use a newer kernel, or the lab");
		free(c);
		return ret;
	}
	*out = c;
	return 0;
}

/* Which of @count CPUs this is, wherever CPUID tells it. */
static void set_apic_id(struct kvm_cpuid_entry2 *entry, unsigned id)
{
	switch (entry->function) {
	case 1:
		entry->ebx = (entry->ebx & 0x00ffffffu) | id << 24;
		break;
	case 0xb:
	case 0x1f:
		entry->edx = id;
		break;
	case 0x8000001e:
		entry->eax = id;
		break;
	default:
		break;
	}
}

/* How many bits of an APIC id tell @count CPUs apart. */
static unsigned id_bits(unsigned count)
{
	unsigned bits = 0;

	while (1u << bits < count)
		bits++;
	return bits;
}

/*
 * One socket of @count cores with one thread each. KVM passes on what the host is, which may be
 * threads of cores that the guest has not. Leaf 0xb is filled in whole by add_levels().
 */
static void set_topology(struct kvm_cpuid_entry2 *entry, unsigned count)
{
	switch (entry->function) {
	case 1:
		entry->ebx = (entry->ebx & 0xff00ffffu) | count << 16;
		entry->edx = count > 1 ? entry->edx | X86_CPUID_HTT : entry->edx & ~X86_CPUID_HTT;
		break;
	case 4: /* Intel: caches are a core's own, cores share a socket */
		if (entry->eax & 0x1f)
			entry->eax = (entry->eax & 0x3fff) | (count - 1) << 26;
		break;
	case 0x80000008: /* AMD: cores, and the bits of an id that tell them apart */
		entry->ecx = id_bits(count) << 12 | (count - 1);
		break;
	case 0x8000001e: /* AMD: core id = CPU, one thread each, node 0 of 1 */
		entry->ebx = entry->eax & 0xff;
		entry->ecx = 0;
		break;
	default:
		break;
	}
}

/* Leaf 0xb in three: threads of a core, cores of the socket, and the end. */
static void add_levels(struct kvm_cpuid2 *c, unsigned id, unsigned count)
{
	const struct kvm_cpuid_entry2 level[] = {
	    {.function = 0xb, .index = 0, .eax = 0, .ebx = 1, .ecx = 1 << 8},
	    {.function = 0xb, .index = 1, .eax = id_bits(count), .ebx = count, .ecx = 2 << 8 | 1},
	    {.function = 0xb, .index = 2, .ecx = 2},
	};
	uint32_t kept = 0;
	bool has = false;

	for (uint32_t i = 0; i < c->nent; i++) {
		has |= c->entries[i].function == 0xb;
		/* 0x1f says the same in more levels; a guest takes 0xb in its place. */
		if (c->entries[i].function != 0xb && c->entries[i].function != 0x1f)
			c->entries[kept++] = c->entries[i];
	}
	c->nent = kept;
	for (unsigned i = 0; has && i < 3 && c->nent < CPUID_ENTRIES; i++) {
		c->entries[c->nent] = level[i];
		c->entries[c->nent].flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		c->entries[c->nent++].edx = id;
	}
}

int x86_set_cpuid(const struct vm *vm, int fd, unsigned id, unsigned count, bool topology,
		  struct err *e)
{
	struct kvm_cpuid2 *c = NULL;
	int ret = x86_cpuid(vm, &c, e);

	if (ret || !c)
		return ret;
	for (uint32_t i = 0; i < c->nent; i++) {
		set_apic_id(&c->entries[i], id);
		if (topology)
			set_topology(&c->entries[i], count);
	}
	if (topology)
		add_levels(c, id, count);
	if (ioctl(fd, KVM_SET_CPUID2, c))
		ret = err_set(e, ERR_HOST, errno, "KVM_SET_CPUID2", "vCPU",
			      "this KVM is too old or broken: use a newer kernel, or the lab");
	free(c);
	return ret;
}
