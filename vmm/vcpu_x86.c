/* SPDX-License-Identifier: MIT */
/*
 * The x86 vCPU: its start state as guest/abi.h or Linux's boot protocols have it, and the exits
 * that only x86 has; see arch.h. Nothing that a guest does in here may end more than its own vCPU.
 */
#include "../guest/abi.h"
#include "arch.h"
#include "bus.h"
#include "x86.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static int refused(struct err *e, const char *call)
{
	return err_set(e, ERR_HOST, errno, call, "vCPU",
		       "this KVM is too old or broken: use a newer kernel, or the lab");
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code_64)
{
	return (struct kvm_segment){
	    .selector = selector,
	    .limit = 0xffffffff,
	    .type = type,
	    .present = 1,
	    .s = 1,
	    .db = !code_64,
	    .l = code_64,
	    .g = 1,
	};
}

/* The CPU in 64-bit mode on the page tables of vm_x86.c; Linux asks for selectors of its own. */
static void long_mode(struct kvm_sregs *s, bool for_linux)
{
	uint16_t shift = for_linux ? X86_LINUX_SEL_SHIFT : 0;

	s->cs = segment(X86_SEL_CODE + shift, 0xb, true);
	s->ds = s->es = s->fs = s->gs = s->ss = segment(X86_SEL_DATA + shift, 0x3, false);
	s->gdt.base = X86_GDT;
	s->gdt.limit = X86_GDT_ENTRIES * 8 - 1;
	s->idt.limit = 0;
	s->cr3 = X86_PML4;
	s->cr4 = X86_CR4_PAE;
	s->cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
	s->efer = X86_EFER_LME | X86_EFER_LMA;
}

/* What Xen's docs/misc/pvh asks for: 32-bit flat segments, a TSS, neither paging nor a GDT. */
static void protected_mode(struct kvm_sregs *s)
{
	s->cs = segment(X86_SEL_CODE, 0xb, false);
	s->ds = s->es = s->fs = s->gs = s->ss = segment(X86_SEL_DATA, 0x3, false);
	s->tr = (struct kvm_segment){.limit = 0x67, .type = 0xb, .present = 1};
	s->gdt.limit = s->idt.limit = 0;
	s->cr3 = s->cr4 = 0;
	s->cr0 = X86_CR0_PE | X86_CR0_ET;
	s->efer = 0;
}

static int init_sregs(int fd, enum arch_start_mode mode, struct err *e)
{
	struct kvm_sregs s;

	/*
	 * The rest stays as at reset: among it the local APIC's base, and a task register fit for
	 * VMX.
	 */
	if (ioctl(fd, KVM_GET_SREGS, &s))
		return refused(e, "KVM_GET_SREGS");
	if (mode == ARCH_START_PVH)
		protected_mode(&s);
	else
		long_mode(&s, mode == ARCH_START_LINUX_64);
	return ioctl(fd, KVM_SET_SREGS, &s) ? refused(e, "KVM_SET_SREGS") : 0;
}

/* Firmware leaves all memory cached; without it Linux finds MTRRs switched off and no PAT. */
static int init_mtrr(int fd, struct err *e)
{
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} m = {.head = {.nmsrs = 1}};

	m.head.entries[0] = (struct kvm_msr_entry){
	    .index = X86_MSR_MTRR_DEF_TYPE,
	    .data = X86_MTRR_ENABLE | X86_MTRR_WRITE_BACK,
	};
	return ioctl(fd, KVM_SET_MSRS, &m) < 0 ? refused(e, "KVM_SET_MSRS") : 0;
}

static int init_regs(int fd, unsigned id, const struct arch_start *start, struct err *e)
{
	struct kvm_regs regs = {.rip = start->entry.v, .rflags = 2};

	switch (start->mode) {
	case ARCH_START_TINY:
		regs.rdi = start->info.v;
		regs.rsi = id;
		break;
	case ARCH_START_LINUX_64:
		regs.rsi = start->info.v;
		break;
	case ARCH_START_PVH:
		regs.rbx = start->info.v;
		break;
	}
	return ioctl(fd, KVM_SET_REGS, &regs) ? refused(e, "KVM_SET_REGS") : 0;
}

int arch_vcpu_init(const struct vm *vm, int fd, unsigned id, unsigned count,
		   const struct arch_start *start, struct err *e)
{
	/*
	 * Behind an in-kernel irqchip all but vCPU 0 wait for INIT and SIPI, as Linux has it; our
	 * own guests are all started.
	 */
	struct kvm_mp_state runnable = {KVM_MP_STATE_RUNNABLE};

	/* Once more (vm_x86.c): the host may have refined its frequency since the VM was made. */
	(void)ioctl(fd, KVM_SET_TSC_KHZ, 0);
	int ret = x86_set_cpuid(vm, fd, id, count, start->mode != ARCH_START_TINY, e);

	if (!ret && start->mode != ARCH_START_TINY)
		ret = init_mtrr(fd, e);
	if (ret || (id && start->mode != ARCH_START_TINY))
		return ret;
	ret = init_sregs(fd, start->mode, e);
	if (!ret)
		ret = init_regs(fd, id, start, e);
	if (!ret && ioctl(fd, KVM_SET_MP_STATE, &runnable))
		ret = refused(e, "KVM_SET_MP_STATE");
	return ret;
}

/* Where no device is, the bus is open; the 8259s and the PIT are KVM's own. UNTRUSTED: guest */
static void port(struct kvm_run *run, const struct bus *ports)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	unsigned size = run->io.size <= 4 ? run->io.size : 4;

	for (uint32_t i = 0; i < run->io.count; i++, data += size) {
		uint64_t value = 0;
		if (write)
			memcpy(&value, data, size);
		bus_access(ports, gpa(run->io.port), size, write, &value);
		if (!write)
			memcpy(data, &value, size);
	}
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

#define DELIVERIES 1000 /* with nothing changed in between */

/*
 * KVM takes an access to a device for one that the delivery of an event makes, which it cannot
 * emulate. Where no event is on its way the access only looked so: QEMU's TCG leaves the type of an
 * exception that the guest has taken by itself in EXITINTINFO, without its valid bit, which
 * svm_check_emulate_instruction() does not ask for. It is gone with that exit, so the access is
 * made again. Where one is, the guest has its stack in a device, and would come back for ever; so
 * it does with an interrupt by software, which KVM does not tell of, and is known by the state that
 * it comes back with.
 */
static int look_at_delivery(int fd)
{
	static _Thread_local struct kvm_regs last; /* each vCPU has a thread */
	static _Thread_local unsigned same;
	struct kvm_vcpu_events events;
	struct kvm_regs now;

	if (ioctl(fd, KVM_GET_VCPU_EVENTS, &events) || ioctl(fd, KVM_GET_REGS, &now))
		return -errno;
	same = memcmp(&now, &last, sizeof(now)) ? 0 : same + 1;
	last = now;
	if (same == DELIVERIES)
		return -EIO;
	return events.exception.injected || events.exception.pending || events.interrupt.injected ||
		       events.nmi.injected
		   ? -EIO
		   : 0;
}

static uint64_t rip(int fd)
{
	struct kvm_regs regs;

	return ioctl(fd, KVM_GET_REGS, &regs) ? 0 : regs.rip;
}

int arch_vcpu_exit(int fd, struct kvm_run *run, const struct bus *ports, char *why, size_t len)
{
	int ret = -EIO;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		port(run, ports);
		return 0;
	case KVM_EXIT_INTERNAL_ERROR:
		if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
			ret = inject_ud(fd);
		else if (run->internal.suberror == KVM_INTERNAL_ERROR_DELIVERY_EV)
			ret = look_at_delivery(fd);
		if (ret)
			snprintf(why, len, "KVM internal error, suberror %u, rip 0x%llx",
				 run->internal.suberror, (unsigned long long)rip(fd));
		return ret;
	case KVM_EXIT_SHUTDOWN:
		snprintf(
		    why, len,
		    "the guest shut the CPU down (triple fault)"); /* AMD's KVM has reset RIP */
		return -ESHUTDOWN;
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

/* The highest vector of the 256 bits that a local APIC has at @offset, or -1 (SDM vol. 3, 11.8.4).
 */
static int highest(const struct kvm_lapic_state *apic, unsigned offset)
{
	for (int word = 7; word >= 0; word--) {
		uint32_t bits;
		memcpy(&bits, apic->regs + offset + word * 16, sizeof(bits));
		if (bits)
			return word * 32 + 31 - __builtin_clz(bits);
	}
	return -1;
}

/* How long until its TSC deadline timer fires, in cycles; 0 if it is not set, or late. */
static uint64_t timer_left(int fd)
{
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + 2 * sizeof(struct kvm_msr_entry)];
	} m = {.head = {.nmsrs = 2}};
	struct kvm_msr_entry *deadline = &m.head.entries[0], *now = &m.head.entries[1];

	deadline->index = X86_MSR_TSC_DEADLINE;
	now->index = X86_MSR_TSC;
	if (ioctl(fd, KVM_GET_MSRS, &m) != 2 || deadline->data < now->data)
		return 0;
	return deadline->data - now->data;
}

void arch_vcpu_where(int fd, char *text, size_t len)
{
	struct kvm_lapic_state apic;
	struct kvm_mp_state state;
	struct kvm_regs regs;

	if (ioctl(fd, KVM_GET_REGS, &regs) || ioctl(fd, KVM_GET_MP_STATE, &state) ||
	    ioctl(fd, KVM_GET_LAPIC, &apic))
		snprintf(text, len, "not known: %s", strerrordesc_np(errno));
	else
		snprintf(text, len,
			 "rip 0x%llx, rsp 0x%llx, rflags 0x%llx, mp_state %u, "
			 "highest interrupt in service %d, requested %d, timer in %llu cycles",
			 (unsigned long long)regs.rip, (unsigned long long)regs.rsp,
			 (unsigned long long)regs.rflags, state.mp_state,
			 highest(&apic, X86_LAPIC_ISR), highest(&apic, X86_LAPIC_IRR),
			 (unsigned long long)timer_left(fd));
}
