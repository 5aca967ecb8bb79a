/* SPDX-License-Identifier: MIT */
/*
 * A machine's parts, in the order in which each needs the one before it (machine_assemble()).
 *
 * Which memory is whose: the guest's CPUs see the slots that add_memory() makes, the device sees
 * what vdpa/iotlb.c maps, and the VMM itself sees guest RAM through struct gmem alone. The CVQ's
 * arena is in the second only, and must never be in another but by the memslot break. The
 * registers' page (net_wire()) is in the first only, to read.
 */
#include "../guest/abi.h"
#include "../vdpa/arena.h"
#include "../vdpa/breaks.h"
#include "arch.h"
#include "fdt.h"
#include "load.h"
#include "machine_impl.h"
#include "monitor.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/eventfd.h>

#define CVQ_DEADLINE_MS 1000  /* until a command is answered VIRTIO_NET_ERR */
#define WISH_DEADLINE_MS 2000 /* until a start or a reset that is not done is NEEDS_RESET */

static void on_device_log(void *ctx, const char *line)
{
	struct machine *m = ctx;

	m->cfg.log(m->cfg.ctx, line);
}

static void on_device_failed(void *ctx, const char *why)
{
	struct machine *m = ctx;

	(void)why; /* it has come through the log */
	net_failed(&m->net);
}

static void on_device_state(void *ctx, const struct ctrl_state *state)
{
	struct machine *m = ctx;

	net_state(&m->net, state);
	if (m->cfg.state)
		m->cfg.state(m->cfg.ctx, state);
}

static void on_device_config(void *ctx, const void *config, size_t len, bool interrupt)
{
	struct machine *m = ctx;

	net_config(&m->net, config, len, interrupt);
}

static void on_device_idle(void *ctx)
{
	struct machine *m = ctx;

	net_idle(&m->net);
}

static int open_device(struct machine *m, struct err *e)
{
	const struct machine_config *cfg = &m->cfg;
	struct device_config dc = {
	    .path = cfg->vdpa,
	    .mem = &m->ram.mem,
	    .placement = cfg->placement,
	    .private_cvq = cfg->private_cvq,
	    .breaks = cfg->breaks,
	    .ram_fd = m->ram.fd,
	    .ram_end = m->ram.size,
	    .canary_magic = cfg->canary_magic,
	    .deadline_ms = CVQ_DEADLINE_MS,
	    .wish_ms = WISH_DEADLINE_MS,
	    .log = on_device_log,
	    .trace = cfg->trace,
	    .failed = on_device_failed,
	    .state = on_device_state,
	    .config = on_device_config,
	    .idle = on_device_idle,
	    .ctx = m,
	};

	memcpy(dc.canary_key, cfg->canary_key, sizeof(dc.canary_key));
	int ret = device_open(&m->dev, &dc, e);
	m->stuck = ret && e->kind == ERR_TIMEOUT;
	if (!ret && device_class(m->dev) != VIRTIO_ID_NET && cfg->image->kind == BOOT_TINY)
		ret =
		    err_set(e, ERR_USAGE, 0, "--vdpa", cfg->vdpa,
			    "it is no network device, and the built-in guest drives no other: give "
			    "a Linux kernel with -k");
	return ret;
}

/* [from, to) of guest RAM as memory of the CPUs, if it isn't empty. */
static int add_ram(struct machine *m, uint64_t from, uint64_t to, struct err *e)
{
	if (from >= to)
		return 0;
	return vm_add_memory(&m->vm, gpa(from), to - from, (uint8_t *)m->ram.host + from, e);
}

/*
 * C4: the arena as memory of the CPUs, at the GPA that is its IOVA; where there is RAM, RAM gives
 * way.
 */
static int add_memory_broken(struct machine *m, struct err *e)
{
	struct device_arena a = device_arena(m->dev);
	uint64_t start = a.iova.v, middle = start + a.readable, end = middle + a.writable;
	uint64_t size = m->ram.size;
	int ret = add_ram(m, 0, start < size ? start : size, e);

	if (!ret)
		ret = vm_add_memory(&m->vm, gpa(start), a.readable, a.readable_host, e);
	if (!ret)
		ret = vm_add_memory(&m->vm, gpa(middle), a.writable, a.writable_host, e);
	return ret ? ret : add_ram(m, end, size, e);
}

static int add_memory(struct machine *m, struct err *e)
{
	if (broken(m->cfg.breaks, BREAK_MEMSLOT))
		return add_memory_broken(m, e);
	return add_ram(m, 0, m->ram.size, e);
}

static void serial_interrupt(void *ctx)
{
	struct machine *m = ctx;

	(void)eventfd_write(m->serial_fd, 1);
}

static void serial_wake(void *ctx)
{
	struct machine *m = ctx;

	tty_wake(m->tty);
}

static int wire_linux(struct machine *m, struct err *e)
{
	const struct serial_config sc = {serial_interrupt, serial_wake, machine_on_console, m};

	m->tty = tty_new();
	if (!m->tty)
		return err_set(e, ERR_INTERNAL, errno, "tty_new", "console",
			       "raise the limit on open files (ulimit -n)");
	serial_init(&m->serial, &sc);
	m->power = (struct power){machine_on_power, m};
	return arch_wire_linux(&m->vm, &m->ports, &m->serial, m->serial_fd, &m->power, e);
}

static_assert(MACHINE_MMIO_BASE % NET_PAGE == NET_PAGE - NET_REGISTERS, "see net_wire()");

static int wire(struct machine *m, struct err *e)
{
	const struct bus_device net = {gpa(MACHINE_MMIO_BASE), MMIO_SIZE, net_access, &m->net};
	const struct bus_device report = {gpa(MACHINE_REPORT_BASE), 0x1000, report_access,
					  &m->report};
	int ret = net_init(&m->net, m->dev, e);

	m->net.log = on_device_log;
	m->net.ctx = m;
	if (!ret)
		ret = net_wire(&m->net, &m->vm, gpa(MACHINE_MMIO_BASE), MACHINE_VIRTIO_GSI, e);
	if (ret)
		return ret;
	ret = bus_add(&m->bus, &net);
	if (!ret && boot_is_linux(m->cfg.image))
		return wire_linux(m, e);
	report_init(&m->report, &m->ram.mem, machine_on_record, m);
	if (!ret)
		ret = bus_add(&m->bus, &report);
	return ret ? err_set(e, ERR_INTERNAL, -ret, "bus_add", "MMIO",
			     "a bug of ours: please report it")
		   : 0;
}

/* Feature bits of VIRTIO_NET_CTRL_RX and _MAC_ADDR_SET: section 5.1.3. */
static uint32_t ctrl_classes(const struct machine *m)
{
	uint64_t has = device_features(m->dev);

	if (!m->cfg.expect_offered)
		return 1U << VIRTIO_NET_CTRL_RX | 1U << VIRTIO_NET_CTRL_MAC;
	return (uint32_t)(has >> VIRTIO_NET_F_CTRL_RX & 1) << VIRTIO_NET_CTRL_RX |
	       (uint32_t)(has >> VIRTIO_NET_F_CTRL_MAC_ADDR & 1) << VIRTIO_NET_CTRL_MAC;
}

static int write_fdt(struct machine *m, struct err *e)
{
	struct device_arena a = device_arena(m->dev);
	struct fdt_config fc = {
	    .ram_size = m->ram.size,
	    .cpus = m->cfg.cpus,
	    .mmio = gpa(MACHINE_MMIO_BASE),
	    .report = gpa(MACHINE_REPORT_BASE),
	    .gsi = MACHINE_VIRTIO_GSI,
	    .attack = m->cfg.attack,
	    .driver = m->cfg.driver,
	    .arena = a.iova,
	    .arena_size = a.readable + a.writable,
	    .arena_readable = a.readable,
	    .canary_magic = m->cfg.canary_magic,
	    .scan_stride = m->cfg.scan_stride,
	    .ctrl_classes = ctrl_classes(m),
	    .for_linux = boot_is_linux(m->cfg.image),
	};
	uint8_t blob[ARCH_FDT_MAX];
	if (fc.for_linux && !m->cfg.by_fdt)
		return 0;
	int ret = fdt_build(&fc, blob, sizeof(blob), e);

	if (ret)
		return ret;
	ret = gmem_write(&m->ram.mem, gpa(ARCH_FDT_GPA), blob, sizeof(blob));
	return ret ? err_set(e, ERR_INTERNAL, -ret, "gmem_write", "device tree",
			     "a bug of ours: please report it")
		   : 0;
}

static int load_tiny(struct machine *m, struct err *e)
{
	const struct boot_image *b = m->cfg.image;
	int ret = arch_boot_memory(&m->vm, &m->ram.mem, e);

	m->start = (struct arch_start){.mode = ARCH_START_TINY, .info = gpa(ARCH_FDT_GPA)};
	if (ret)
		return ret;
	return load_elf(b->name, b->elf, b->len, ARCH_ELF_MACHINE, &m->ram.mem, &m->start.entry, e);
}

static int load(struct machine *m, struct err *e)
{
	const struct machine_config *cfg = &m->cfg;
	const struct arch_linux al = {
	    .image = cfg->image,
	    .ram_size = m->ram.size,
	    .cpus = cfg->cpus,
	    .by_acpi = cfg->by_acpi,
	    .by_cmdline = cfg->by_cmdline,
	    .by_fdt = cfg->by_fdt,
	    .mmio = gpa(MACHINE_MMIO_BASE),
	    .mmio_size = MMIO_SIZE,
	    .gsi = MACHINE_VIRTIO_GSI,
	};

	if (!boot_is_linux(cfg->image))
		return load_tiny(m, e);
	return arch_boot_linux(&m->vm, &m->ram.mem, &al, &m->start, e);
}

static int make_vcpus(struct machine *m, struct err *e)
{
	struct vcpus_config vc = {
	    .vm = &m->vm,
	    .bus = &m->bus,
	    .ports = &m->ports,
	    .count = m->cfg.cpus,
	    .start = m->start,
	    .ended = machine_on_vcpu_ended,
	    .ctx = m,
	};

	return vcpus_create(&m->vcpus, &vc, e);
}

static int say_hello(struct machine *m, struct err *e)
{
	struct device_arena a = device_arena(m->dev);
	struct monitor_hello hello = {
	    .ram_size = m->ram.size,
	    .arena_iova = a.iova.v,
	    .arena_readable = a.readable,
	    .arena_writable = a.writable,
	    .arena_offset = {a.offset[0], a.offset[1]},
	    .cvq_index = a.cvq_index,
	    .cvq_asid = a.asid,
	};
	const int files[3] = {m->ram.fd, a.readable_fd, a.writable_fd};

	return m->cfg.monitor_fd < 0 ? 0 : monitor_hello(m->cfg.monitor_fd, &hello, files, e);
}

static int create_ram(struct machine *m, struct err *e)
{
	uint64_t size = m->cfg.ram_size;

	if (size < MACHINE_RAM_MIN || size > MACHINE_RAM_MAX || size % 4096)
		return err_set(e, ERR_USAGE, 0, "--memory", "guest RAM",
			       "%llu bytes; 4M to 1G here, in steps of 4K",
			       (unsigned long long)size);
	return ram_create(&m->ram, size, broken(m->cfg.breaks, BREAK_SHARED_MEMFD) ? ARENA_SIZE : 0,
			  m->cfg.breaks, e);
}

static int open_vm(struct machine *m, struct err *e)
{
	return vm_open(&m->vm, e);
}

int machine_assemble(struct machine *m, struct err *e)
{
	static const struct {
		const char *name;
		int (*run)(struct machine *m, struct err *e);
	} stages[] = {
	    {"making guest memory", create_ram},
	    {"opening the vDPA device", open_device},
	    {"making the VM", open_vm},
	    {"giving it memory", add_memory},
	    {"wiring its devices", wire},
	    {"loading the guest", load},
	    {"writing the device tree", write_fdt},
	    {"making vCPUs", make_vcpus},
	    {"greeting the judge", say_hello},
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(stages) / sizeof(stages[0]); i++) {
		m->cfg.stage(m->cfg.ctx, stages[i].name);
		ret = stages[i].run(m, e);
	}
	return ret;
}
