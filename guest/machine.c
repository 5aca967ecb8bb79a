// SPDX-License-Identifier: MIT
/*
 * Owns the reading of the FDT. It must never make up a value that the FDT does not have.
 */
#include "machine.h"

#include "abi.h"

#include <libfdt.h>
#include <stdbool.h>
#include <stddef.h>

extern const char image_end[]; /* guest.ld */

/* A property of one or two big-endian u64s; the second is left alone where @second is NULL. */
static bool read_u64(const void *fdt, int node, const char *name, uint64_t *first, uint64_t *second)
{
	int len, want = second ? 16 : 8;
	const fdt64_t *p = fdt_getprop(fdt, node, name, &len);

	if (!p || len < want)
		return false;
	*first = fdt64_ld(p);
	if (second)
		*second = fdt64_ld(p + 1);
	return true;
}

static bool read_u32(const void *fdt, int node, const char *name, uint32_t *value)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, name, &len);

	if (!p || len < 4)
		return false;
	*value = fdt32_ld(p);
	return true;
}

static bool read_reg(const void *fdt, const char *compatible, uint64_t *base, int *node)
{
	uint64_t size;

	*node = fdt_node_offset_by_compatible(fdt, -1, compatible);
	return *node >= 0 && read_u64(fdt, *node, "reg", base, &size);
}

static unsigned count_cpus(const void *fdt)
{
	unsigned n = 0;
	int node, cpus = fdt_path_offset(fdt, "/cpus");

	if (cpus < 0)
		return 0;
	fdt_for_each_subnode(node, fdt, cpus) n++;
	return n;
}

static const char *read_attack(struct machine *m, const void *fdt)
{
	int node = fdt_node_offset_by_compatible(fdt, -1, "ringfence,attack");

	if (node < 0 || !read_u32(fdt, node, ATTACK_PROP_ID, &m->attack))
		return "the FDT has no ringfence,attack";
	if (!read_u32(fdt, node, ATTACK_PROP_CTRL, &m->ctrl_classes))
		return "ringfence,attack does not say what the CVQ can do";
	if (!read_u32(fdt, node, ATTACK_PROP_DRIVER, &m->driver))
		return "ringfence,attack does not say what the driver takes";
	if (m->attack == ATTACK_NONE)
		return NULL;
	if (!read_u64(fdt, node, ATTACK_PROP_ARENA, &m->arena, &m->arena_size) ||
	    !read_u64(fdt, node, ATTACK_PROP_READABLE, &m->arena_readable, NULL) ||
	    !read_u64(fdt, node, ATTACK_PROP_MAGIC, &m->magic_inverted, NULL) ||
	    !read_u64(fdt, node, ATTACK_PROP_SCAN, &m->scan_stride, NULL))
		return "ringfence,attack lacks a property";
	if (m->arena % PAGE || m->arena_size % PAGE || !m->arena_size || m->scan_stride < PAGE ||
	    m->scan_stride % PAGE)
		return "ringfence,attack has an arena or a stride that is no number of pages";
	/* What the attacks overwrite must not be the guest. */
	if (m->arena < (uintptr_t)image_end + PAGES_BESIDE * PAGE ||
	    m->arena + m->arena_size < m->arena)
		return "the arena lies over the guest";
	return NULL;
}

const char *machine_read(struct machine *m, uint64_t fdt_at)
{
	const void *fdt = (const void *)(uintptr_t)fdt_at;
	int node;

	*m = (struct machine){0};
	if (fdt_check_header(fdt))
		return "no FDT";
	if (!read_reg(fdt, "ringfence,report", &m->report, &node))
		return "the FDT has no ringfence,report";
	if (!read_reg(fdt, "virtio,mmio", &m->virtio, &node) ||
	    !read_u32(fdt, node, "interrupts", &m->virtio_gsi))
		return "the FDT has no virtio,mmio";
	node = fdt_path_offset(fdt, "/memory@0");
	if (node < 0 || !read_u64(fdt, node, "reg", &m->ram, &m->ram_size))
		return "the FDT has no /memory@0";
	m->cpus = count_cpus(fdt);
	if (m->cpus == 0)
		return "the FDT has no CPUs";
	return read_attack(m, fdt);
}
