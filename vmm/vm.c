/* SPDX-License-Identifier: MIT */
/* KVM's VM and its fds; see vm.h. What depends on the architecture is behind arch.h. */
#include "vm.h"

#include "arch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct {
	int cap;
	const char *name;
} needed[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM"},
    {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    {KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
    {KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
    {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
    {KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS"},
};

static const char *open_remedy(int code)
{
	switch (code) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "modprobe kvm_intel or kvm_amd (virtualisation must be enabled in the "
		       "firmware), "
		       "or run in the lab, which needs no KVM: ringfence lab prove --accel tcg";
	case EACCES:
	case EPERM:
		return "run as root, or join the group that owns it: usermod -aG kvm USER, then "
		       "log in again";
	default:
		return "";
	}
}

static int check(const struct vm *vm, struct err *e)
{
	int api = ioctl(vm->kvm, KVM_GET_API_VERSION, 0);

	if (api != KVM_API_VERSION)
		return err_set(e, ERR_HOST, api < 0 ? errno : 0, "KVM_GET_API_VERSION", "/dev/kvm",
			       "version %d, needs %d", api, KVM_API_VERSION);
	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			return err_set(e, ERR_HOST, 0, "KVM_CHECK_EXTENSION", "/dev/kvm",
				       "this KVM lacks %s: use a newer kernel, or the lab",
				       needed[i].name);
	return 0;
}

static int create(struct vm *vm, struct err *e)
{
	int ret;

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		return err_set(e, ERR_HOST, errno, "open", "/dev/kvm", "%s", open_remedy(errno));
	ret = check(vm, e);
	if (ret)
		return ret;
	int size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return err_set(e, ERR_HOST, size < 0 ? errno : 0, "KVM_GET_VCPU_MMAP_SIZE",
			       "/dev/kvm",
			       "this KVM is too old or broken: use a newer kernel, or the lab");
	vm->run_size = (size_t)size;
	int max = ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	vm->vcpus_max = max > 0 ? (unsigned)max : 4; /* 4: what KVM's documentation says of 0 */
	do
		vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return err_set(
		    e, ERR_HOST, errno, "KVM_CREATE_VM", "/dev/kvm",
		    "another hypervisor may own the CPU's virtualisation, or memory is short");
	return arch_vm_init(vm, e);
}

int vm_open(struct vm *vm, struct err *e)
{
	*vm = (struct vm)VM_CLOSED;
	int ret = create(vm, e);
	if (ret)
		vm_close(vm);
	return ret;
}

void vm_close(struct vm *vm)
{
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm >= 0)
		close(vm->kvm);
	*vm = (struct vm)VM_CLOSED;
}

static int add_slot(struct vm *vm, gpa_t at, uint64_t size, const void *host, uint32_t flags,
		    struct err *e)
{
	struct kvm_userspace_memory_region region = {
	    .slot = vm->slots,
	    .flags = flags,
	    .guest_phys_addr = at.v,
	    .memory_size = size,
	    .userspace_addr = (uint64_t)(uintptr_t)host,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return err_set(e, ERR_HOST, errno, "KVM_SET_USER_MEMORY_REGION", "guest memory",
			       "GPA 0x%llx, %llu bytes", (unsigned long long)at.v,
			       (unsigned long long)size);
	vm->slots++;
	return 0;
}

int vm_add_memory(struct vm *vm, gpa_t at, uint64_t size, void *host, struct err *e)
{
	return add_slot(vm, at, size, host, 0, e);
}

int vm_add_readable(struct vm *vm, gpa_t at, uint64_t size, const void *host, struct err *e)
{
	return add_slot(vm, at, size, host, KVM_MEM_READONLY, e);
}

int vm_ioeventfd(struct vm *vm, gpa_t at, uint32_t match, int fd, struct err *e)
{
	struct kvm_ioeventfd io = {
	    .datamatch = match,
	    .addr = at.v,
	    .len = 4,
	    .fd = fd,
	    .flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	if (ioctl(vm->fd, KVM_IOEVENTFD, &io))
		return err_set(e, ERR_HOST, errno, "KVM_IOEVENTFD", "virtio-mmio",
			       "GPA 0x%llx, value %u", (unsigned long long)at.v, match);
	return 0;
}

int vm_irqfd(struct vm *vm, uint32_t gsi, int fd, struct err *e)
{
	struct kvm_irqfd irq = {.fd = (uint32_t)fd, .gsi = gsi};

	if (ioctl(vm->fd, KVM_IRQFD, &irq))
		return err_set(e, ERR_HOST, errno, "KVM_IRQFD", "virtio-mmio", "GSI %u", gsi);
	return 0;
}
