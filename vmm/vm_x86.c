/* SPDX-License-Identifier: MIT */
/*
 * The x86 machine around its CPUs: in-kernel PIC, IOAPIC and local APICs, page tables and a GDT;
 * see arch.h. It must never put anything at or above GUEST_LOAD_MIN, which is the guest image's.
 */
#include "../guest/abi.h"
#include "arch.h"
#include "vm.h"
#include "x86.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>

/*
 * Intel's KVM needs three pages of GPA space of its own for real mode, and one for an identity map.
 */
#define TSS_ADDR 0xfffbd000u
#define IDENTITY_MAP_ADDR 0xfffbc000ull

/*
 * vCPUs get the TSC frequency that the host has. KVM's own default is the one it found when it was
 * loaded; where the host has refined that since and cannot scale (QEMU's TCG), kvm_set_tsc_khz()
 * fails for every new vCPU and leaves it a scaling ratio of 0, with which no TSC deadline ever
 * comes. 0 asks for the present one. A KVM that cannot be asked (before 5.16) has to be right.
 */
static void use_host_tsc(const struct vm *vm)
{
	(void)ioctl(vm->fd, KVM_SET_TSC_KHZ, 0);
}

int arch_vm_init(struct vm *vm, struct err *e)
{
	uint64_t identity = IDENTITY_MAP_ADDR;

	use_host_tsc(vm);
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)TSS_ADDR))
		return err_set(e, ERR_HOST, errno, "KVM_SET_TSS_ADDR", "VM",
			       "this KVM is too old or broken: use a newer kernel, or the lab");
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity))
		return err_set(e, ERR_HOST, errno, "KVM_SET_IDENTITY_MAP_ADDR", "VM",
			       "this KVM is too old or broken: use a newer kernel, or the lab");
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return err_set(e, ERR_HOST, errno, "KVM_CREATE_IRQCHIP", "VM",
			       "this KVM is too old or broken: use a newer kernel, or the lab");
	return 0;
}

static int has_gib_pages(const struct vm *vm, bool *yes, struct err *e)
{
	struct kvm_cpuid2 *c = NULL;
	int ret = x86_cpuid(vm, &c, e);

	if (ret || !c)
		return ret;
	for (uint32_t i = 0; i < c->nent; i++)
		if (c->entries[i].function == 0x80000001)
			*yes = c->entries[i].edx & X86_CPUID_PDPE1GB;
	free(c);
	return 0;
}

/* One page table at @at whose first @count entries map @first, @first + @step, ... with @flags. */
static int write_table(const struct gmem *mem, uint64_t at, unsigned count, uint64_t first,
		       uint64_t step, uint64_t flags)
{
	uint64_t table[512] = {0};

	for (unsigned i = 0; i < count; i++)
		table[i] = (first + i * step) | flags;
	return gmem_write(mem, gpa(at), table, sizeof(table));
}

/*
 * The identity map: 512 GiB in pages of 1 GiB; on CPUs without those the first 4 GiB in pages of 2
 * MiB, which is all the memory and devices there are.
 */
static int write_tables(const struct gmem *mem, bool gib_pages)
{
	const uint64_t table = X86_PTE_PRESENT | X86_PTE_WRITE, page = table | X86_PTE_LARGE;
	int ret = write_table(mem, X86_PML4, 1, X86_PDPT, 0, table);

	if (!ret && gib_pages)
		return write_table(mem, X86_PDPT, 512, 0, 1ull << 30, page);
	if (!ret)
		ret = write_table(mem, X86_PDPT, X86_PDS, X86_PD, 0x1000, table);
	for (unsigned i = 0; !ret && i < X86_PDS; i++)
		ret =
		    write_table(mem, X86_PD + i * 0x1000, 512, (uint64_t)i << 30, 1ull << 21, page);
	return ret;
}

int x86_boot_tables(const struct vm *vm, const struct gmem *mem, bool for_linux, struct err *e)
{
	/*
	 * Null, 64-bit code, data: what the selectors in vcpu_x86.c name, so that interrupts can
	 * return.
	 */
	const uint64_t code = 0x00af9b000000ffff, data = 0x00cf93000000ffff;
	const uint64_t own[X86_GDT_ENTRIES] = {0, code, data}, linux_has[] = {0, 0, code, data};
	bool gib_pages = false;
	int ret = has_gib_pages(vm, &gib_pages, e);

	if (ret)
		return ret;
	ret = write_tables(mem, gib_pages);
	if (!ret)
		ret = gmem_write(mem, gpa(X86_GDT), for_linux ? linux_has : own, sizeof(own));
	return ret ? err_set(e, ERR_INTERNAL, -ret, "gmem_write", "page tables",
			     "guest RAM is too small")
		   : 0;
}

int arch_boot_memory(const struct vm *vm, const struct gmem *mem, struct err *e)
{
	return x86_boot_tables(vm, mem, false, e);
}
