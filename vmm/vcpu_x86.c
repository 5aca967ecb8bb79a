/* SPDX-License-Identifier: MIT */
/*
 * The x86 vCPU: its start state as guest/abi.h promises it, and the exits that only x86 has; see
 * arch.h. Nothing that a guest does in here may end more than its own vCPU.
 */
#include "../guest/abi.h"
#include "arch.h"
#include "x86.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

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

static int init_cpuid(const struct vm *vm, int fd, unsigned id, struct err *e)
{
	struct kvm_cpuid2 *c;
	int ret = x86_cpuid(vm, &c, e);

	if (ret)
		return ret;
	for (uint32_t i = 0; i < c->nent; i++)
		set_apic_id(&c->entries[i], id);
	if (ioctl(fd, KVM_SET_CPUID2, c))
		ret = err_set(e, ERR_HOST, errno, "KVM_SET_CPUID2", "vCPU",
			      "this KVM is too old or broken: use a newer kernel, or the lab");
	free(c);
	return ret;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){
	    .selector = selector,
	    .limit = 0xffffffff,
	    .type = type,
	    .present = 1,
	    .s = 1,
	    .db = !code,
	    .l = code,
	    .g = 1,
	};
}

static int init_sregs(int fd, struct err *e)
{
	struct kvm_segment code = segment(X86_SEL_CODE, 0xb, true);
	struct kvm_segment data = segment(X86_SEL_DATA, 0x3, false);
	struct kvm_sregs s;

	/*
	 * The rest stays as at reset: among it the local APIC's base, and a task register fit for
	 * VMX.
	 */
	if (ioctl(fd, KVM_GET_SREGS, &s))
		return err_set(e, ERR_HOST, errno, "KVM_GET_SREGS", "vCPU",
			       "this KVM is too old or broken: use a newer kernel, or the lab");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.gdt.base = X86_GDT;
	s.gdt.limit = X86_GDT_ENTRIES * 8 - 1;
	s.idt.limit = 0;
	s.cr3 = X86_PML4;
	s.cr4 = X86_CR4_PAE;
	s.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
	s.efer = X86_EFER_LME | X86_EFER_LMA;
	if (ioctl(fd, KVM_SET_SREGS, &s))
		return err_set(e, ERR_HOST, errno, "KVM_SET_SREGS", "vCPU",
			       "this KVM is too old or broken: use a newer kernel, or the lab");
	return 0;
}

int arch_vcpu_init(const struct vm *vm, int fd, unsigned id, gpa_t entry, gpa_t fdt, struct err *e)
{
	struct kvm_regs regs = {.rip = entry.v, .rdi = fdt.v, .rsi = id, .rflags = 2};
	/*
	 * Behind an in-kernel irqchip all but vCPU 0 would wait for INIT and SIPI; our guests are
	 * all started.
	 */
	struct kvm_mp_state runnable = {KVM_MP_STATE_RUNNABLE};
	int ret = init_cpuid(vm, fd, id, e);

	if (!ret)
		ret = init_sregs(fd, e);
	if (ret)
		return ret;
	if (ioctl(fd, KVM_SET_REGS, &regs))
		return err_set(e, ERR_HOST, errno, "KVM_SET_REGS", "vCPU",
			       "this KVM is too old or broken: use a newer kernel, or the lab");
	if (ioctl(fd, KVM_SET_MP_STATE, &runnable))
		return err_set(e, ERR_HOST, errno, "KVM_SET_MP_STATE", "vCPU",
			       "this KVM is too old or broken: use a newer kernel, or the lab");
	return 0;
}

/* No device is on the port bus: the 8259s are KVM's own, everything else is open bus. */
static void port(struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if (run->io.direction == KVM_EXIT_IO_IN)
		memset(data, 0xff, (size_t)run->io.size * run->io.count);
}

/*
 * KVM could not emulate: the guest fetched instructions where there is no memory, or touched a
 * device with an instruction KVM does not know. Open bus would have given it ff ff, which is an
 * undefined instruction (#UD); so it gets that, and may handle it (KVM:
 * handle_emulation_failure()).
 */
static int inject_ud(int fd)
{
	struct kvm_vcpu_events events;

	if (ioctl(fd, KVM_GET_VCPU_EVENTS, &events))
		return -errno;
	memset(&events.exception, 0, sizeof(events.exception));
	events.exception.injected = 1;
	events.exception.nr = X86_VECTOR_UD;
	events.flags &= ~(uint32_t)KVM_VCPUEVENT_VALID_PAYLOAD;
	return ioctl(fd, KVM_SET_VCPU_EVENTS, &events) ? -errno : 0;
}

static uint64_t rip(int fd)
{
	struct kvm_regs regs;

	return ioctl(fd, KVM_GET_REGS, &regs) ? 0 : regs.rip;
}

int arch_vcpu_exit(int fd, struct kvm_run *run, char *why, size_t len)
{
	int ret = -EIO;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		port(run);
		return 0;
	case KVM_EXIT_INTERNAL_ERROR:
		if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
			ret = inject_ud(fd);
		if (ret)
			snprintf(why, len, "KVM internal error, suberror %u, rip 0x%llx",
				 run->internal.suberror, (unsigned long long)rip(fd));
		return ret;
	case KVM_EXIT_SHUTDOWN:
		snprintf(
		    why, len,
		    "the guest shut the CPU down (triple fault)"); /* AMD's KVM has reset RIP */
		return ret;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(why, len, "the CPU refused the guest's state, hardware reason 0x%llx",
			 (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		return ret;
	default:
		snprintf(why, len, "unexpected KVM exit %u, rip 0x%llx", run->exit_reason,
			 (unsigned long long)rip(fd));
		return ret;
	}
}
