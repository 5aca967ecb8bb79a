/* SPDX-License-Identifier: MIT */
/* The device tree, made front to back with libfdt's sequential calls; see fdt.h. */
#include "fdt.h"

#include "../guest/abi.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define PAGE 0x1000u

/*
 * libfdt tells only whether each call worked. A writer keeps the first failure, so that a tree
 * reads as a list of what is in it.
 */
struct writer {
	void *fdt;
	int error;
};

static void keep(struct writer *w, int ret)
{
	if (!w->error)
		w->error = ret;
}

static void begin(struct writer *w, const char *name)
{
	keep(w, fdt_begin_node(w->fdt, name));
}

static void end(struct writer *w)
{
	keep(w, fdt_end_node(w->fdt));
}

static void u32(struct writer *w, const char *name, uint32_t v)
{
	keep(w, fdt_property_u32(w->fdt, name, v));
}

static void u64(struct writer *w, const char *name, uint64_t v)
{
	keep(w, fdt_property_u64(w->fdt, name, v));
}

static void pair(struct writer *w, const char *name, uint64_t a, uint64_t b)
{
	fdt64_t cells[2] = {cpu_to_fdt64(a), cpu_to_fdt64(b)};

	keep(w, fdt_property(w->fdt, name, cells, sizeof(cells)));
}

static void string(struct writer *w, const char *name, const char *v)
{
	keep(w, fdt_property(w->fdt, name, v, (int)strlen(v) + 1));
}

static void begin_at(struct writer *w, const char *name, uint64_t at)
{
	char full[64];

	snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)at);
	begin(w, full);
}

static void cpus(struct writer *w, unsigned count)
{
	begin(w, "cpus");
	u32(w, "#address-cells", 1);
	u32(w, "#size-cells", 0);
	for (unsigned i = 0; i < count; i++) {
		begin_at(w, "cpu", i);
		string(w, "device_type", "cpu");
		u32(w, "reg", i);
		end(w);
	}
	end(w);
}

static void memory(struct writer *w, uint64_t size)
{
	begin_at(w, "memory", 0);
	string(w, "device_type", "memory");
	pair(w, "reg", 0, size);
	end(w);
}

static void devices(struct writer *w, const struct fdt_config *cfg)
{
	begin_at(w, "virtio_mmio", cfg->mmio.v);
	string(w, "compatible", "virtio,mmio");
	pair(w, "reg", cfg->mmio.v, PAGE);
	u32(w, "interrupts", cfg->gsi);
	end(w);
	begin_at(w, "ringfence-report", cfg->report.v);
	string(w, "compatible", "ringfence,report");
	pair(w, "reg", cfg->report.v, PAGE);
	end(w);
}

static void attack(struct writer *w, const struct fdt_config *cfg)
{
	begin(w, "ringfence-attack");
	string(w, "compatible", "ringfence,attack");
	u32(w, ATTACK_PROP_ID, cfg->attack);
	pair(w, ATTACK_PROP_ARENA, cfg->arena.v, cfg->arena_size);
	u64(w, ATTACK_PROP_READABLE, cfg->arena_readable);
	/*
	 * Inverted, so that a search of guest RAM for the magic does not find this very property.
	 */
	u64(w, ATTACK_PROP_MAGIC, ~cfg->canary_magic);
	u64(w, ATTACK_PROP_SCAN, cfg->scan_stride);
	u32(w, ATTACK_PROP_CTRL, cfg->ctrl_classes);
	u32(w, ATTACK_PROP_DRIVER, cfg->driver);
	end(w);
}

/*
 * What arch/x86/kernel/devicetree.c of Linux knows interrupt controllers by; the I/O APIC's
 * interrupts are a pin and a way to be triggered. Once it has that I/O APIC the 8259s' interrupts
 * reach nobody, so the serial port has to be in the tree, though Linux looks for one at its address
 * anyway: on a bus named "isa", whose addresses are a 1 for ports, and a port.
 */
#define LINUX_LAPIC 0xfee00000u
#define LINUX_IOAPIC 0xfec00000u
#define LINUX_IOAPIC_PHANDLE 1
#define LINUX_EDGE_RISING 3
#define LINUX_SERIAL 0x3f8u
#define LINUX_SERIAL_GSI 4
#define LINUX_SERIAL_HZ 1843200

static void cells(struct writer *w, const char *name, const uint32_t *v, unsigned count)
{
	fdt32_t be[8];

	for (unsigned i = 0; i < count; i++)
		be[i] = cpu_to_fdt32(v[i]);
	keep(w, fdt_property(w->fdt, name, be, (int)(count * sizeof(be[0]))));
}

static void linux_interrupt(struct writer *w, uint32_t pin)
{
	u32(w, "interrupt-parent", LINUX_IOAPIC_PHANDLE);
	cells(w, "interrupts", (const uint32_t[]){pin, LINUX_EDGE_RISING}, 2);
}

static void linux_serial(struct writer *w)
{
	begin(w, "isa");
	string(w, "compatible", "isa");
	string(w, "device_type", "isa");
	u32(w, "#address-cells", 2);
	u32(w, "#size-cells", 1);
	/* Port 0 is 0 above, where they are 64 KiB. */
	cells(w, "ranges", (const uint32_t[]){1, 0, 0, 0, 0x10000}, 5);
	begin_at(w, "serial", LINUX_SERIAL);
	string(w, "compatible", "ns16550a");
	cells(w, "reg", (const uint32_t[]){1, LINUX_SERIAL, 8}, 3);
	u32(w, "clock-frequency", LINUX_SERIAL_HZ);
	linux_interrupt(w, LINUX_SERIAL_GSI);
	end(w);
	end(w);
}

static void linux_devices(struct writer *w, const struct fdt_config *cfg)
{
	begin_at(w, "interrupt-controller", LINUX_LAPIC);
	string(w, "compatible", "intel,ce4100-lapic");
	pair(w, "reg", LINUX_LAPIC, PAGE);
	keep(w, fdt_property(w->fdt, "intel,virtual-wire-mode", NULL, 0));
	end(w);
	begin_at(w, "interrupt-controller", LINUX_IOAPIC);
	string(w, "compatible", "intel,ce4100-ioapic");
	pair(w, "reg", LINUX_IOAPIC, PAGE);
	keep(w, fdt_property(w->fdt, "interrupt-controller", NULL, 0));
	u32(w, "#interrupt-cells", 2);
	u32(w, "phandle", LINUX_IOAPIC_PHANDLE);
	end(w);
	begin_at(w, "virtio_mmio", cfg->mmio.v);
	string(w, "compatible", "virtio,mmio");
	pair(w, "reg", cfg->mmio.v, PAGE);
	linux_interrupt(w, cfg->gsi);
	keep(w, fdt_property(w->fdt, "dma-coherent", NULL, 0));
	end(w);
}

static void tree(struct writer *w, const struct fdt_config *cfg)
{
	keep(w, fdt_finish_reservemap(w->fdt));
	begin(w, "");
	u32(w, "#address-cells", 2);
	u32(w, "#size-cells", 2);
	string(w, "compatible", "ringfence,machine");
	string(w, "model", "ringfence");
	begin(w, "chosen");
	string(w, "bootargs", "");
	end(w);
	memory(w, cfg->ram_size);
	cpus(w, cfg->cpus);
	if (cfg->for_linux) {
		linux_devices(w, cfg);
		linux_serial(w);
	} else {
		devices(w, cfg);
		attack(w, cfg);
	}
	end(w);
	keep(w, fdt_finish(w->fdt));
}

int fdt_build(const struct fdt_config *cfg, void *buf, size_t len, struct err *e)
{
	struct writer w = {.fdt = buf};

	memset(buf, 0, len);
	w.error = fdt_create(buf, (int)len);
	if (!w.error)
		tree(&w, cfg);
	if (w.error)
		return err_set(e, ERR_INTERNAL, 0, "fdt_build", "device tree", "libfdt: %s",
			       fdt_strerror(w.error));
	return 0;
}
