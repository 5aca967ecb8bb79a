/* SPDX-License-Identifier: MIT */
/*
 * The isolation checks by name: every condition under which something of the guest's or the
 * device's is refused. `if (CHECK(QUEUE_HEAD, head >= q->num))` reads as its condition alone, and
 * compiles as that and, where it refuses, a note of which check it was: whoever answers for a
 * refusal asks check_why(). With breaks one check can be left out (C10, `--break
 * skip-check=NAME`), so that a proof can show that it would be missed. It must never decide
 * anything itself, nor be left out by itself.
 */
#ifndef VIRTIO_CHECK_H
#define VIRTIO_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* id, name as --break takes it, what the check refuses */
#define CHECK_TABLE(X)                                                                             \
	X(GMEM_ADD_EMPTY, "gmem-add-empty", "a region of guest RAM of no size")                    \
	X(GMEM_ADD_WRAP, "gmem-add-wrap", "a region past the end of the address space")            \
	X(GMEM_ADD_OVERLAP, "gmem-add-overlap", "a region over another")                           \
	X(GMEM_ADD_FULL, "gmem-add-full", "more regions than there is room for")                   \
	X(GMEM_START, "gmem-start", "an address outside a region")                                 \
	X(GMEM_END, "gmem-end", "a length that leaves the region")                                 \
	X(GMEM_ODD, "gmem-odd", "a 16-bit access at an odd address")                               \
	X(QUEUE_NUM_ZERO, "queue-num-zero", "a ring of no entries")                                \
	X(QUEUE_NUM_MAX, "queue-num-max", "a ring larger than any offered")                        \
	X(QUEUE_NUM_POWER, "queue-num-power", "a ring whose size is no power of two")              \
	X(QUEUE_DESC_ALIGN, "queue-desc-align", "a descriptor table that is not aligned")          \
	X(QUEUE_AVAIL_ALIGN, "queue-avail-align", "an available ring that is not aligned")         \
	X(QUEUE_USED_ALIGN, "queue-used-align", "a used ring that is not aligned")                 \
	X(QUEUE_DESC_RAM, "queue-desc-ram", "a descriptor table outside guest RAM")                \
	X(QUEUE_AVAIL_RAM, "queue-avail-ram", "an available ring outside guest RAM")               \
	X(QUEUE_USED_RAM, "queue-used-ram", "a used ring outside guest RAM")                       \
	X(QUEUE_AHEAD, "queue-ahead", "an available index further ahead than the ring is long")    \
	X(QUEUE_HEAD, "queue-head", "a head that is no descriptor of the ring")                    \
	X(PACKED_ENDLESS, "packed-endless", "a packed chain without an end")                       \
	X(CHAIN_NEXT, "chain-next", "a next that is no descriptor of the ring")                    \
	X(CHAIN_LOOP, "chain-loop", "a chain of more descriptors than the ring has")               \
	X(CHAIN_MAX, "chain-max", "a chain of more descriptors than are held")                     \
	X(CHAIN_INDIRECT, "chain-indirect", "an indirect table, which was not negotiated")         \
	X(INDIRECT_NESTED, "indirect-nested", "an indirect table in an indirect table")            \
	X(INDIRECT_NEXT, "indirect-next", "an indirect table with a next descriptor")              \
	X(INDIRECT_LEN, "indirect-len", "an indirect table of a part of a descriptor")             \
	X(INDIRECT_RAM, "indirect-ram", "an indirect table outside guest RAM")                     \
	X(CHAIN_RAM, "chain-ram", "a buffer outside guest RAM")                                    \
	X(CHAIN_ORDER, "chain-order", "a readable buffer after a writable one")                    \
	X(QUEUE_READ_FIT, "queue-read-fit", "readable bytes beyond the private copy")              \
	X(QUEUE_WRITE_ROOM, "queue-write-room", "an answer longer than the writable buffers")      \
	X(QUEUE_WRITE_FIT, "queue-write-fit", "bytes beyond the answer for the rest of a buffer")  \
	X(MMIO_INIT_QUEUES, "mmio-init-queues", "more queues than there are registers for")        \
	X(MMIO_INIT_CONFIG, "mmio-init-config", "a config space longer than is held")              \
	X(MMIO_READ_WIDTH, "mmio-read-width", "a read of a register that is not 32 bits wide")     \
	X(MMIO_WRITE_WIDTH, "mmio-write-width", "a write that is not 32 bits wide")                \
	X(MMIO_CONFIG_WIDTH, "mmio-config-width", "a config read of an odd width")                 \
	X(MMIO_CONFIG_START, "mmio-config-start", "a config read past its end")                    \
	X(MMIO_CONFIG_END, "mmio-config-end", "a config read that leaves it")                      \
	X(MMIO_GENERATION, "mmio-generation", "a config read that a change came into")             \
	X(MMIO_CONFIG_EARLY, "mmio-config-early", "a config interrupt before DRIVER_OK")           \
	X(MMIO_QUEUE_SEL, "mmio-queue-sel", "a queue that does not exist")                         \
	X(MMIO_WORD_SEL, "mmio-word-sel", "a word of the driver's features that does not exist")   \
	X(MMIO_FEATURES_EARLY, "mmio-features-early", "features before DRIVER")                    \
	X(MMIO_FEATURES_LATE, "mmio-features-late", "features after FEATURES_OK")                  \
	X(MMIO_STATUS_BITS, "mmio-status-bits", "status bits that are not the driver's")           \
	X(MMIO_OK_OFFERED, "mmio-ok-offered", "FEATURES_OK for a feature that was not offered")    \
	X(MMIO_OK_VERSION, "mmio-ok-version", "FEATURES_OK without VERSION_1")                     \
	X(MMIO_OK_DRIVER, "mmio-ok-driver", "FEATURES_OK without DRIVER")                          \
	X(MMIO_OK_FIRST, "mmio-ok-first", "DRIVER_OK without FEATURES_OK before it")               \
	X(MMIO_QUEUE_EARLY, "mmio-queue-early", "queue registers before FEATURES_OK")              \
	X(MMIO_QUEUE_LIVE, "mmio-queue-live", "queue registers after DRIVER_OK")                   \
	X(MMIO_QUEUE_READY, "mmio-queue-ready", "registers of a queue that is ready")              \
	X(MMIO_READY_NUM, "mmio-ready-num", "QueueReady for a queue of no valid size")             \
	X(MMIO_NUM_MAX, "mmio-num-max", "a QueueNum above QueueNumMax")                            \
	X(MMIO_NUM_POWER, "mmio-num-power", "a QueueNum that is no power of two")                  \
	X(MMIO_NOTIFY_QUEUE, "mmio-notify-queue", "a notification of a queue that does not exist") \
	X(MMIO_NOTIFY_EARLY, "mmio-notify-early", "a notification before DRIVER_OK")               \
	X(CTRL_LONG, "ctrl-long", "a command longer than any")                                     \
	X(CTRL_SHORT, "ctrl-short", "a command shorter than its header")                           \
	X(CTRL_FEATURE, "ctrl-feature", "a command of a feature that was not negotiated")          \
	X(CTRL_LENGTH, "ctrl-length", "a command of another length than its own")                  \
	X(CTRL_UNKNOWN, "ctrl-unknown", "a command that is not known")                             \
	X(CTRL_MAC_COUNT, "ctrl-mac-count", "a MAC table without its count")                       \
	X(CTRL_MAC_TABLE, "ctrl-mac-table", "more MAC addresses than the command holds")           \
	X(CTRL_MAC_END, "ctrl-mac-end", "bytes behind the MAC tables")                             \
	X(CTRL_VLAN_ID, "ctrl-vlan-id", "a VLAN that has no 12-bit id")                            \
	X(CTRL_PAIRS_ZERO, "ctrl-pairs-zero", "no queue pair at all")                              \
	X(CTRL_PAIRS_MANY, "ctrl-pairs-many", "more queue pairs than the device has")              \
	X(CTRL_HASH_TYPES, "ctrl-hash-types", "hash types that the device does not have")          \
	X(CTRL_HASH_RESERVED, "ctrl-hash-reserved", "reserved bytes of a hash that are not 0")     \
	X(CTRL_HASH_KEY, "ctrl-hash-key", "a hash key longer than the device takes")               \
	X(CTRL_HASH_END, "ctrl-hash-end", "a hash key that does not end the command")              \
	X(CTRL_RSS_TYPES, "ctrl-rss-types", "RSS by types that the device does not have")          \
	X(CTRL_RSS_POWER, "ctrl-rss-power", "an RSS table whose size is no power of two")          \
	X(CTRL_RSS_TABLE, "ctrl-rss-table", "an RSS table longer than the device takes")           \
	X(CTRL_RSS_SHORT, "ctrl-rss-short", "an RSS table that leaves the command")                \
	X(CTRL_RSS_ENTRY, "ctrl-rss-entry", "an RSS table with a queue that is none")              \
	X(CTRL_RSS_DEFAULT, "ctrl-rss-default", "RSS with a queue for the rest that is none")      \
	X(CTRL_RSS_TX_ZERO, "ctrl-rss-tx-zero", "RSS with no transmit queue")                      \
	X(CTRL_RSS_TX_MAX, "ctrl-rss-tx-max", "RSS with more transmit queues than exist")          \
	X(CTRL_RSS_KEY, "ctrl-rss-key", "an RSS key longer than the device takes")                 \
	X(CTRL_RSS_END, "ctrl-rss-end", "an RSS command with more behind the key than a byte")     \
	X(CTRL_OFFLOADS, "ctrl-offloads", "an offload that was not negotiated")                    \
	X(CTRL_COAL_QUEUE, "ctrl-coal-queue", "coalescing of a queue that is no data queue")       \
	X(CTRL_COAL_ENABLED, "ctrl-coal-enabled", "coalescing of a queue that is not enabled")     \
	X(CTRL_STATS_LENGTH, "ctrl-stats-length", "a part of a request for statistics")            \
	X(CTRL_RESULT_LENGTH, "ctrl-result-length", "a result of another length than its own")     \
	X(CTRL_RESULT_SMALL, "ctrl-result-small", "statistics shorter than their header")          \
	X(CTRL_RESULT_END, "ctrl-result-end", "statistics that leave the result")                  \
	X(CVQ_VALIDATE, "cvq-validate", "a command that is not well formed")                       \
	X(CVQ_ACK_ROOM, "cvq-ack-room", "a command that leaves no room for its answer")            \
	X(CVQ_RESULT_ROOM, "cvq-result-room", "a command that leaves its result no room")          \
	X(CVQ_RESULT, "cvq-result", "a result that is not well formed")                            \
	X(CVQ_DEAD, "cvq-dead", "commands for a device that broke the rules")                      \
	X(CVQ_LATE, "cvq-late", "answers of a device that broke the rules")                        \
	X(CVQ_ONE, "cvq-one", "a command while another is in flight")                              \
	X(CVQ_SHARE, "cvq-share", "more commands in one step than the ring holds")                 \
	X(CVQ_COMMIT, "cvq-commit", "the effect of a command that the device refused")             \
	X(CVQ_UNASKED, "cvq-unasked", "a completion to the guest of what it did not ask")          \
	X(SVQ_UNASKED, "svq-unasked", "an answer to nothing")                                      \
	X(SVQ_INDEX, "svq-index", "a used index that jumped")                                      \
	X(SVQ_ID, "svq-id", "an answer to another command")                                        \
	X(SVQ_LEN, "svq-len", "an answer of a length not asked for")                               \
	X(SVQ_ACK, "svq-ack", "an answer that is neither OK nor ERR")                              \
	X(LOAD_REGULAR, "load-regular", "a guest image that is no regular file")                   \
	X(LOAD_SIZE, "load-size", "a guest image that is too large")                               \
	X(LOAD_HEADER, "load-header", "an image too short for its header")                         \
	X(LOAD_MAGIC, "load-magic", "an image that is no ELF file")                                \
	X(LOAD_CLASS, "load-class", "an image that is not 64-bit")                                 \
	X(LOAD_ENDIAN, "load-endian", "an image that is not little-endian")                        \
	X(LOAD_IDENT_VERSION, "load-ident-version", "an ELF identification of another version")    \
	X(LOAD_VERSION, "load-version", "an ELF header of another version")                        \
	X(LOAD_TYPE, "load-type", "an image that is no fixed executable")                          \
	X(LOAD_MACHINE, "load-machine", "an image for another architecture")                       \
	X(LOAD_PHENTSIZE, "load-phentsize", "program headers of another size")                     \
	X(LOAD_PHNUM_ZERO, "load-phnum-zero", "an image without program headers")                  \
	X(LOAD_PHNUM_MAX, "load-phnum-max", "more program headers than are looked at")             \
	X(LOAD_PHOFF, "load-phoff", "program headers past the end of the file")                    \
	X(LOAD_PHDRS, "load-phdrs", "program headers that leave the file")                         \
	X(LOAD_FILESZ, "load-filesz", "a segment with more bytes than it has memory")              \
	X(LOAD_OFFSET, "load-offset", "a segment past the end of the file")                        \
	X(LOAD_BYTES, "load-bytes", "a segment whose bytes leave the file")                        \
	X(LOAD_LOW, "load-low", "a segment over what the VMM keeps in low memory")                 \
	X(LOAD_ORDER, "load-order", "a segment over another, or out of order")                     \
	X(LOAD_RAM, "load-ram", "a segment outside guest RAM")                                     \
	X(LOAD_ENTRY, "load-entry", "an entry that lies in no segment")                            \
	X(NOTE_SEGMENT, "note-segment", "notes that leave the file")                               \
	X(NOTE_SIZE, "note-size", "a note that leaves its segment")                                \
	X(NOTE_ENTRY, "note-entry", "a PVH entry that lies in no segment")                         \
	X(BZ_HEADER, "bz-header", "a bzImage too short for its header")                            \
	X(BZ_BOOT_FLAG, "bz-boot-flag", "a bzImage without its boot flag")                         \
	X(BZ_MAGIC, "bz-magic", "a setup header without its magic")                                \
	X(BZ_VERSION, "bz-version", "a boot protocol without a 64-bit entry")                      \
	X(BZ_END_LOW, "bz-end-low", "a setup header shorter than its version's")                   \
	X(BZ_END_HIGH, "bz-end-high", "a setup header longer than its place")                      \
	X(BZ_HIGH, "bz-high", "a kernel that is to be loaded low")                                 \
	X(BZ_ENTRY_64, "bz-entry-64", "a kernel that has no 64-bit entry")                         \
	X(BZ_SETUP, "bz-setup", "setup code past the end of the file")                             \
	X(BZ_CODE, "bz-code", "a kernel cut short")                                                \
	X(BZ_ENTRY, "bz-entry", "a kernel too short for its entry")                                \
	X(BZ_INIT, "bz-init", "a kernel larger than the memory it asks for")                       \
	X(BZ_ALIGN, "bz-align", "an alignment that is no power of two")                            \
	X(BZ_LOW, "bz-low", "a kernel over what the VMM keeps in low memory")                      \
	X(BZ_RAM, "bz-ram", "a kernel that does not fit into guest RAM")                           \
	X(INITRD_FIT, "initrd-fit", "an initrd that does not fit above the kernel")                \
	X(CMDLINE_FIT, "cmdline-fit", "a command line that is too long")

enum check_id {
#define CHECK_ID(id, name, refuses) CHECK_##id,
	CHECK_TABLE(CHECK_ID)
#undef CHECK_ID
	    CHECK_COUNT
};

struct check_info {
	const char *name;
	const char *refuses; /* "refuses ...", for people */
};

/** The table, indexed by enum check_id. */
extern const struct check_info check_table[CHECK_COUNT];

/** The id of the check of that name, or -1. With RINGFENCE_BREAKS=OFF always -1. */
int check_by_name(const char *name);

#define CHECK_NONE (-1)

/*
 * The check that refused last on this thread (enum check_id), as errno is the error that came last:
 * a refusal comes up through functions that have a bool or an -errno for it, and the reason is for
 * people only.
 */
extern _Thread_local int check_refused;

static inline bool check_note(enum check_id id)
{
	check_refused = (int)id;
	return true;
}

static inline void check_forget(void)
{
	check_refused = CHECK_NONE;
}

/** The check that refused last on this thread; NULL if none has since check_forget(). */
static inline const struct check_info *check_why(void)
{
	return check_refused == CHECK_NONE ? NULL : &check_table[check_refused];
}

#if RINGFENCE_BREAKS
/*
 * The check that is left out, or CHECK_NONE; loaded and stored atomically. A variable of the
 * process, the only one in virtio/ beside that of the thread above: the checks stand in functions
 * that are given the guest's bytes and nothing else, and an argument that only a proof fills in
 * would have to go through every one of them, and stay in the library without breaks. It is set
 * before the machine starts.
 */
extern int check_left_out;

/** Leave out one check (enum check_id), or, with CHECK_NONE, none. */
static inline void check_leave_out(int id)
{
	__atomic_store_n(&check_left_out, id, __ATOMIC_RELAXED);
}

static inline bool check_is_left_out(enum check_id id)
{
	return __atomic_load_n(&check_left_out, __ATOMIC_RELAXED) == (int)id;
}

/** Whether @refuse holds, and the check of this name is not left out. */
#define CHECK(id, refuse) ((refuse) && !check_is_left_out(CHECK_##id) && check_note(CHECK_##id))
#else
static inline void check_leave_out(int id)
{
	(void)id; /* CHECK_NONE: there is no name that says another */
}

#define CHECK(id, refuse) ((refuse) && check_note(CHECK_##id))
#endif

#endif
