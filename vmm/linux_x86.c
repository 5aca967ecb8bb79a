/* SPDX-License-Identifier: MIT */
/*
 * A Linux guest on x86: its kernel, initrd, command line and tables in guest RAM, by the 64-bit
 * boot protocol (Documentation/arch/x86/boot.rst) or PVH (Xen's docs/misc/pvh), and the devices
 * that a PC has in places of their own. It must never put anything where the kernel is.
 */
#include "../guest/abi.h"
#include "acpi_x86.h"
#include "arch.h"
#include "boot_image.h"
#include "bzimage_x86.h"
#include "load.h"
#include "power.h"
#include "serial.h"
#include "x86.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define LOADER_UNKNOWN 0xff
#define VIDEO_NORMAL 0xffff
#define E820_RAM 1u
#define E820_RESERVED 2u

/* The FDT follows a header that the kernel finds it by. */
#define SETUP_DATA (ARCH_FDT_GPA - (uint32_t)sizeof(struct setup_data))

/* PVH: struct hvm_start_info and struct hvm_memmap_table_entry, version 1. */
struct pvh_start {
	uint32_t magic, version, flags, modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
struct pvh_module {
	uint64_t at, size, cmdline, reserved;
};
struct pvh_memory {
	uint64_t at, size;
	uint32_t type, reserved;
};
#define PVH_MAGIC 0x336ec578u
#define PVH_CMDLINE_MAX 2047 /* what Linux keeps of one; PVH itself has no limit */

/* What is where, beside the fixed places of x86.h. */
struct layout {
	gpa_t entry;
	uint64_t end, initrd_max; /* see struct bzimage */
	uint32_t cmdline_max;
	gpa_t initrd;
	struct bzimage bz;
};

#define RANGES 4
static unsigned memory_map(const struct arch_linux *cfg, struct pvh_memory map[RANGES])
{
	const struct pvh_memory ranges[RANGES] = {
	    {.at = 0, .size = X86_LOW_RAM_END, .type = E820_RAM},
	    {.at = X86_LOW_RAM_END, .size = X86_ACPI - X86_LOW_RAM_END, .type = E820_RESERVED},
	    {.at = X86_ACPI, .size = GUEST_LOAD_MIN - X86_ACPI, .type = E820_RESERVED},
	    {.at = GUEST_LOAD_MIN, .size = cfg->ram_size - GUEST_LOAD_MIN, .type = E820_RAM},
	};

	memcpy(map, ranges, sizeof(ranges));
	return RANGES;
}

static int put(const struct gmem *mem, uint64_t at, const void *from, size_t len, struct err *e)
{
	int ret = gmem_write(mem, gpa(at), from, len);

	return ret ? err_set(e, ERR_INTERNAL, -ret, "gmem_write", "boot data",
			     "guest RAM is too small")
		   : 0;
}

static int load_bzimage(const struct arch_linux *cfg, const struct gmem *mem, struct layout *l,
			struct err *e)
{
	const struct boot_image *b = cfg->image;
	int ret = bzimage_read(b->name, b->fd, b->len, mem, &l->bz, e);

	if (ret)
		return ret;
	l->entry = l->bz.entry;
	l->end = l->bz.end;
	l->initrd_max = l->bz.initrd_max;
	l->cmdline_max = l->bz.cmdline_max;
	return bzimage_load(b->name, b->fd, &l->bz, mem, e);
}

static int load_vmlinux(const struct arch_linux *cfg, const struct gmem *mem, struct layout *l,
			struct err *e)
{
	const struct boot_image *b = cfg->image;
	int ret =
	    load_elf_end(b->name, b->elf, b->len, ARCH_ELF_MACHINE, mem, &l->entry, &l->end, e);

	l->entry = gpa(b->entry);
	l->initrd_max = UINT32_MAX;
	l->cmdline_max = PVH_CMDLINE_MAX;
	return ret;
}

static int load_initrd(const struct arch_linux *cfg, const struct gmem *mem, struct layout *l,
		       struct err *e)
{
	const struct boot_image *b = cfg->image;

	if (!b->initrd)
		return 0;
	int ret = initrd_place(b->initrd, b->initrd_len, l->end, l->initrd_max, cfg->ram_size,
			       &l->initrd, e);
	return ret ? ret
		   : load_stream(b->initrd, b->initrd_fd, 0, b->initrd_len, mem, l->initrd, e);
}

static int write_cmdline(const struct arch_linux *cfg, const struct gmem *mem,
			 const struct layout *l, struct err *e)
{
	static char text[X86_CMDLINE_MAX];
	uint32_t max = l->cmdline_max < sizeof(text) - 1 ? l->cmdline_max : sizeof(text) - 1;
	char device[96] = "";

	if (cfg->by_cmdline)
		snprintf(device, sizeof(device), " virtio_mmio.device=%uK@0x%llx:%u",
			 cfg->mmio_size / 1024, (unsigned long long)cfg->mmio.v, cfg->gsi);
	/* What snprintf() cuts off is longer than any kernel takes. */
	int n = snprintf(text, sizeof(text), "%s%s", cfg->image->cmdline, device);
	int ret = cmdline_fit(cfg->image->name, n < 0 ? SIZE_MAX : (size_t)n, max, e);
	if (ret)
		return ret;
	return put(mem, X86_CMDLINE, text, strlen(text) + 1, e);
}

static int write_acpi(const struct arch_linux *cfg, const struct gmem *mem, struct err *e)
{
	const struct acpi_config ac = {
	    .cpus = cfg->cpus,
	    .virtio = cfg->by_acpi,
	    .mmio = cfg->mmio,
	    .mmio_size = cfg->mmio_size,
	    .gsi = cfg->gsi,
	};
	uint8_t tables[ACPI_TABLES_MAX];
	size_t len = acpi_build(&ac, gpa(X86_ACPI), tables);

	if (!len)
		return err_set(e, ERR_INTERNAL, ENOSPC, "acpi_build", "ACPI tables",
			       "a bug of ours: please report it");
	return put(mem, X86_ACPI, tables, len, e);
}

static int write_setup_data(const struct gmem *mem, struct err *e)
{
	const struct setup_data head = {.type = SETUP_DTB, .len = ARCH_FDT_MAX};

	return put(mem, SETUP_DATA, &head, sizeof(head), e);
}

static int write_boot_params(const struct arch_linux *cfg, const struct gmem *mem,
			     const struct layout *l, struct err *e)
{
	static struct boot_params p;
	struct pvh_memory map[RANGES];

	memset(&p, 0, sizeof(p));
	memcpy((uint8_t *)&p + BZ_HEADER_AT, l->bz.header, sizeof(l->bz.header));
	p.acpi_rsdp_addr = X86_ACPI;
	p.e820_entries = (uint8_t)memory_map(cfg, map);
	for (unsigned i = 0; i < p.e820_entries; i++)
		p.e820_table[i] = (struct boot_e820_entry){map[i].at, map[i].size, map[i].type};
	p.hdr.type_of_loader = LOADER_UNKNOWN;
	p.hdr.vid_mode = VIDEO_NORMAL;
	p.hdr.loadflags &= (uint8_t)~CAN_USE_HEAP;
	p.hdr.cmd_line_ptr = X86_CMDLINE;
	p.hdr.ramdisk_image = (uint32_t)l->initrd.v; /* within RAM, which ends far below 4 GiB */
	p.hdr.ramdisk_size = (uint32_t)cfg->image->initrd_len;
	p.hdr.setup_data = cfg->by_fdt ? SETUP_DATA : 0;
	int ret = put(mem, X86_BOOT_PARAMS, &p, sizeof(p), e);
	return !ret && cfg->by_fdt ? write_setup_data(mem, e) : ret;
}

static int write_pvh_start(const struct arch_linux *cfg, const struct gmem *mem,
			   const struct layout *l, struct err *e)
{
	struct {
		struct pvh_start start;
		struct pvh_module initrd;
		struct pvh_memory map[RANGES];
	} all = {
	    .start = {.magic = PVH_MAGIC,
		      .version = 1,
		      .modules = cfg->image->initrd ? 1 : 0,
		      .modlist = X86_BOOT_PARAMS + sizeof(struct pvh_start),
		      .cmdline = X86_CMDLINE,
		      .rsdp = X86_ACPI,
		      .memmap =
			  X86_BOOT_PARAMS + sizeof(struct pvh_start) + sizeof(struct pvh_module)},
	    .initrd = {.at = l->initrd.v, .size = cfg->image->initrd_len},
	};

	all.start.memmap_entries = memory_map(cfg, all.map);
	return put(mem, X86_BOOT_PARAMS, &all, sizeof(all), e);
}

int arch_boot_linux(const struct vm *vm, const struct gmem *mem, const struct arch_linux *cfg,
		    struct arch_start *start, struct err *e)
{
	bool pvh = cfg->image->kind == BOOT_PVH;
	struct layout l = {0};
	int ret = pvh ? load_vmlinux(cfg, mem, &l, e) : load_bzimage(cfg, mem, &l, e);

	if (!ret)
		ret = load_initrd(cfg, mem, &l, e);
	if (!ret)
		ret = write_cmdline(cfg, mem, &l, e);
	if (!ret)
		ret = write_acpi(cfg, mem, e);
	if (!ret)
		ret = pvh ? write_pvh_start(cfg, mem, &l, e) : write_boot_params(cfg, mem, &l, e);
	if (!ret)
		ret = x86_boot_tables(vm, mem, true, e);
	*start = (struct arch_start){pvh ? ARCH_START_PVH : ARCH_START_LINUX_64, l.entry,
				     gpa(X86_BOOT_PARAMS)};
	return ret;
}

int arch_wire_linux(struct vm *vm, struct bus *ports, struct serial *serial, int irq_fd,
		    struct power *power, struct err *e)
{
	const struct bus_device port = {gpa(X86_PORT_SERIAL), SERIAL_REGISTERS, serial_access,
					serial};
	/* The speaker's port is the PIT's as well, and kernels without kvmclock calibrate by it. */
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit))
		return err_set(e, ERR_HOST, errno, "KVM_CREATE_PIT2", "VM",
			       "this KVM is too old or broken: use a newer kernel, or the lab");
	if (bus_add(ports, &port) || power_wire(power, ports))
		return err_set(e, ERR_INTERNAL, 0, "bus_add", "ports",
			       "a bug of ours: please report it");
	return vm_irqfd(vm, X86_GSI_SERIAL, irq_fd, e);
}
