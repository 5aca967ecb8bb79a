/* SPDX-License-Identifier: MIT */
/*
 * The ELF loader; see load.h. Headers are copied out of the file before they are looked at, every
 * offset and size is compared by subtraction so that no sum can wrap, and only then do bytes move.
 */
#include "load.h"

#include "../guest/abi.h"
#include "../virtio/check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PHDRS_MAX 64

static int read_all(int fd, uint8_t *buf, size_t size, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, buf + *len, size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return 0;
}

static int check_regular(int fd, const char *path, uint64_t *len, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(e, ERR_INTERNAL, errno, "fstat", path, "try another file");
	if (CHECK(LOAD_REGULAR, !S_ISREG(st.st_mode)) ||
	    CHECK(LOAD_SIZE, st.st_size > LOAD_FILE_MAX))
		return err_set(e, ERR_USAGE, 0, "load", path,
			       "the guest must be a regular file of at most %u MiB",
			       LOAD_FILE_MAX >> 20);
	*len = (uint64_t)st.st_size;
	return 0;
}

int load_open(const char *path, uint64_t *len, struct err *e)
{
	/* O_NONBLOCK: a FIFO would make open() wait for a writer; a regular file does not care. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_set(e, ERR_USAGE, errno, "open", path,
			       "a guest's file, see --kernel and --initrd");
	int ret = check_regular(fd, path, len, e);
	if (ret)
		close(fd);
	return ret ? ret : fd;
}

void *load_file(const char *path, size_t *len, struct err *e)
{
	uint64_t size = 0;
	int fd = load_open(path, &size, e);

	if (fd < 0)
		return NULL;
	uint8_t *buf = malloc(size ? size : 1);
	int ret = buf ? read_all(fd, buf, size, len) : -ENOMEM;
	close(fd);
	if (ret) {
		err_set(e, ERR_INTERNAL, -ret, "read", path, "the file could not be read whole");
		free(buf);
		return NULL;
	}
	return buf;
}

int load_stream(const char *name, int fd, uint64_t offset, uint64_t len, const struct gmem *mem,
		gpa_t at, struct err *e)
{
	uint8_t piece[16384];

	while (len) {
		size_t want = len < sizeof(piece) ? (size_t)len : sizeof(piece);
		ssize_t n = pread(fd, piece, want, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(e, ERR_USAGE, n ? errno : 0, "read", name,
				       "the file ended early, at %llu", (unsigned long long)offset);
		if (gmem_write(mem, at, piece, (size_t)n))
			return err_set(e, ERR_USAGE, 0, "load", name,
				       "does not fit into guest RAM at 0x%llx",
				       (unsigned long long)at.v);
		offset += (uint64_t)n;
		len -= (uint64_t)n;
		at.v += (uint64_t)n;
	}
	return 0;
}

struct image {
	const char *name;
	const uint8_t *file;
	size_t len;
	const struct gmem *mem;
	struct err *e;
	uint64_t next; /* the lowest address the next segment may have */
	uint64_t entry;
	bool entry_found;
};

static int bad(const struct image *im, const char *field, uint64_t value, const char *rule)
{
	return err_set(im->e, ERR_USAGE, 0, "load", im->name, "bad ELF: %s is 0x%llx: %s", field,
		       (unsigned long long)value, rule);
}

static int check_header(const struct image *im, const Elf64_Ehdr *h, uint16_t machine)
{
	if (CHECK(LOAD_MAGIC, memcmp(h->e_ident, ELFMAG, SELFMAG)))
		return bad(im, "e_ident", h->e_ident[0], "not an ELF file");
	if (CHECK(LOAD_CLASS, h->e_ident[EI_CLASS] != ELFCLASS64))
		return bad(im, "e_ident[EI_CLASS]", h->e_ident[EI_CLASS], "needs a 64-bit ELF");
	if (CHECK(LOAD_ENDIAN, h->e_ident[EI_DATA] != ELFDATA2LSB))
		return bad(im, "e_ident[EI_DATA]", h->e_ident[EI_DATA], "needs little-endian");
	if (CHECK(LOAD_IDENT_VERSION, h->e_ident[EI_VERSION] != EV_CURRENT) ||
	    CHECK(LOAD_VERSION, h->e_version != EV_CURRENT))
		return bad(im, "e_version", h->e_version, "needs version 1");
	if (CHECK(LOAD_TYPE, h->e_type != ET_EXEC))
		return bad(im, "e_type", h->e_type,
			   "needs an executable that is not position-independent");
	if (CHECK(LOAD_MACHINE, h->e_machine != machine))
		return bad(im, "e_machine", h->e_machine, "built for another architecture");
	if (CHECK(LOAD_PHENTSIZE, h->e_phentsize != sizeof(Elf64_Phdr)))
		return bad(im, "e_phentsize", h->e_phentsize, "needs 56");
	if (CHECK(LOAD_PHNUM_ZERO, h->e_phnum < 1) || CHECK(LOAD_PHNUM_MAX, h->e_phnum > PHDRS_MAX))
		return bad(im, "e_phnum", h->e_phnum, "needs 1 to 64 program headers");
	if (CHECK(LOAD_PHOFF, h->e_phoff > im->len) ||
	    CHECK(LOAD_PHDRS, h->e_phnum * sizeof(Elf64_Phdr) > im->len - h->e_phoff))
		return bad(im, "e_phoff", h->e_phoff,
			   "program headers lie past the end of the file");
	return 0;
}

static int check_segment(const struct image *im, const Elf64_Phdr *p)
{
	if (CHECK(LOAD_FILESZ, p->p_filesz > p->p_memsz))
		return bad(im, "p_filesz", p->p_filesz, "larger than p_memsz");
	if (CHECK(LOAD_OFFSET, p->p_offset > im->len) ||
	    CHECK(LOAD_BYTES, p->p_filesz > im->len - p->p_offset))
		return bad(im, "p_offset", p->p_offset,
			   "the segment lies past the end of the file");
	if (CHECK(LOAD_LOW, p->p_paddr < GUEST_LOAD_MIN))
		return bad(im, "p_paddr", p->p_paddr, "guests are loaded at 1 MiB or above");
	if (CHECK(LOAD_ORDER, p->p_paddr < im->next))
		return bad(im, "p_paddr", p->p_paddr,
			   "segments overlap or are not in ascending order");
	if (CHECK(LOAD_RAM, !gmem_contains(im->mem, gpa(p->p_paddr), p->p_memsz)))
		return bad(im, "p_memsz", p->p_memsz, "the segment lies outside guest RAM");
	return 0;
}

static int zero(const struct gmem *mem, uint64_t at, uint64_t len)
{
	static const uint8_t zeros[4096];
	int ret = 0;

	while (len && !ret) {
		size_t n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);
		ret = gmem_write(mem, gpa(at), zeros, n);
		at += n;
		len -= n;
	}
	return ret;
}

static int load_segment(struct image *im, const Elf64_Phdr *p)
{
	if (p->p_type != PT_LOAD || !p->p_memsz)
		return 0;
	int ret = check_segment(im, p);
	if (ret)
		return ret;
	ret = gmem_write(im->mem, gpa(p->p_paddr), im->file + p->p_offset, p->p_filesz);
	if (!ret)
		ret = zero(im->mem, p->p_paddr + p->p_filesz, p->p_memsz - p->p_filesz);
	if (ret)
		return err_set(im->e, ERR_INTERNAL, -ret, "gmem_write", im->name,
			       "a bug of ours: please report it");
	im->next = p->p_paddr + p->p_memsz; /* within RAM, so the sum does not wrap */
	if (im->entry >= p->p_paddr && im->entry < im->next)
		im->entry_found = true;
	return 0;
}

int load_elf(const char *name, const void *file, size_t len, uint16_t machine,
	     const struct gmem *mem, gpa_t *entry, struct err *e)
{
	uint64_t end;

	return load_elf_end(name, file, len, machine, mem, entry, &end, e);
}

int load_elf_end(const char *name, const void *file, size_t len, uint16_t machine,
		 const struct gmem *mem, gpa_t *entry, uint64_t *end, struct err *e)
{
	struct image im = {.name = name, .file = file, .len = len, .mem = mem, .e = e};
	Elf64_Ehdr h;

	if (CHECK(LOAD_HEADER, len < sizeof(h)))
		return bad(&im, "file size", len, "too short for an ELF header");
	memcpy(&h, file, sizeof(h));
	int ret = check_header(&im, &h, machine);
	im.entry = h.e_entry;
	for (unsigned i = 0; !ret && i < h.e_phnum; i++) {
		Elf64_Phdr p; /* within the file, as check_header() has seen */
		memcpy(&p, im.file + h.e_phoff + i * sizeof(p), sizeof(p));
		ret = load_segment(&im, &p);
	}
	if (ret)
		return ret;
	if (CHECK(LOAD_ENTRY, !im.entry_found))
		return bad(&im, "e_entry", im.entry, "the entry lies in no loaded segment");
	*entry = gpa(im.entry);
	*end = im.next;
	return 0;
}

#define NOTE_XEN "Xen"
#define NOTE_PHYS32_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY: 4 or 8 bytes of physical address */

static uint64_t padded(uint32_t len)
{
	return ((uint64_t)len + 3) & ~3ull;
}

/* The notes of one segment, each with its sizes before it. 1: found, 0: not, or an error. */
static int search_notes(const struct image *im, const Elf64_Phdr *p, uint32_t *entry)
{
	Elf64_Nhdr n;

	if (CHECK(NOTE_SEGMENT, p->p_offset > im->len || p->p_filesz > im->len - p->p_offset))
		return bad(im, "p_offset", p->p_offset, "the notes lie past the end of the file");
	const uint8_t *at = im->file + p->p_offset;
	for (uint64_t left = p->p_filesz; left >= sizeof(n);) {
		memcpy(&n, at, sizeof(n));
		uint64_t name = padded(n.n_namesz), all = sizeof(n) + name + padded(n.n_descsz);
		if (CHECK(NOTE_SIZE, all > left))
			return bad(im, "n_descsz", n.n_descsz, "the note leaves its segment");
		if (n.n_type == NOTE_PHYS32_ENTRY && n.n_namesz == sizeof(NOTE_XEN) &&
		    n.n_descsz >= sizeof(*entry) &&
		    !memcmp(at + sizeof(n), NOTE_XEN, sizeof(NOTE_XEN))) {
			memcpy(entry, at + sizeof(n) + name, sizeof(*entry));
			return 1;
		}
		at += all;
		left -= all;
	}
	return 0;
}

int load_pvh_entry(const char *name, const void *file, size_t len, uint16_t machine,
		   uint32_t *entry, struct err *e)
{
	struct image im = {.name = name, .file = file, .len = len, .e = e};
	Elf64_Ehdr h;
	Elf64_Phdr p;
	int ret = 0;

	if (CHECK(LOAD_HEADER, len < sizeof(h)))
		return bad(&im, "file size", len, "too short for an ELF header");
	memcpy(&h, file, sizeof(h));
	if (check_header(&im, &h, machine))
		return -EINVAL;
	for (unsigned i = 0; !ret && i < h.e_phnum; i++) {
		memcpy(&p, im.file + h.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_NOTE)
			ret = search_notes(&im, &p, entry);
	}
	for (unsigned i = 0; ret > 0 && i < h.e_phnum; i++) {
		memcpy(&p, im.file + h.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_LOAD && *entry >= p.p_paddr && *entry - p.p_paddr < p.p_memsz)
			return ret;
	}
	if (CHECK(NOTE_ENTRY, ret > 0))
		return bad(&im, "PHYS32_ENTRY", *entry, "the PVH entry lies in no loaded segment");
	return ret;
}
