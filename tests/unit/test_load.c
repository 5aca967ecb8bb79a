/* SPDX-License-Identifier: MIT */
/*
 * The ELF loader against images that a hostile guest's author could make: each header field on its
 * own at its boundaries, every truncation, every change of one byte, sizes that wrap.
 */
#include "../../guest/abi.h"
#include "../../vmm/load.h"
#include "test.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#define BASE                                                                                       \
	(GUEST_LOAD_MIN - 0x1000u) /* a page below what may be loaded to, to see it untouched */
#define END (GUEST_LOAD_MIN + 0x10000u)
#define SEG1 GUEST_LOAD_MIN
#define SEG2 (GUEST_LOAD_MIN + 0x2000u)
#define FILL 0xa5

struct image {
	Elf64_Ehdr h;
	Elf64_Phdr p[3]; /* a note, code with its bss, data */
	uint8_t bytes[48];
};

static struct image im;
static uint8_t *ram;
static struct gmem mem;
static gpa_t entry;
static struct err e;

static uint8_t *at(uint64_t address)
{
	return ram + (address - BASE);
}

static int setup(void **state)
{
	(void)state;
	im = (struct image){
	    .h = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			      EV_CURRENT},
		  .e_type = ET_EXEC,
		  .e_machine = EM_X86_64,
		  .e_version = EV_CURRENT,
		  .e_entry = SEG1 + 4,
		  .e_phoff = offsetof(struct image, p),
		  .e_phentsize = sizeof(Elf64_Phdr),
		  .e_phnum = 3},
	    .p = {{.p_type = PT_NOTE, .p_offset = ~0ull, .p_filesz = ~0ull, .p_memsz = 1},
		  {.p_type = PT_LOAD,
		   .p_offset = offsetof(struct image, bytes),
		   .p_paddr = SEG1,
		   .p_vaddr = 0x666,
		   .p_filesz = 16,
		   .p_memsz = 0x1800},
		  {.p_type = PT_LOAD,
		   .p_offset = offsetof(struct image, bytes) + 16,
		   .p_paddr = SEG2,
		   .p_filesz = 32,
		   .p_memsz = 32}},
	};
	for (unsigned i = 0; i < sizeof(im.bytes); i++)
		im.bytes[i] = (uint8_t)(i + 1);
	ram = malloc(END - BASE);
	mem = (struct gmem){0};
	return ram ? gmem_add(&mem, gpa(BASE), END - BASE, ram) : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(ram);
	return 0;
}

/* Load @len bytes from a heap block of just that size, so that a read past its end is seen. */
static int load(const void *file, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, file, len);
	e = (struct err){0};
	int ret = load_elf("guest.elf", copy, len, EM_X86_64, &mem, &entry, &e);
	free(copy);
	return ret;
}

static void accepted(void)
{
	if (load(&im, sizeof(im)))
		fail_msg("%s", e.text);
}

/* Refused as the user's mistake, with a line that names the file and the field. */
static void refused(const char *field)
{
	assert_true(load(&im, sizeof(im)) < 0);
	assert_int_equal(e.kind, ERR_USAGE);
	if (!strstr(e.text, field) || !strstr(e.text, "guest.elf"))
		fail_msg("'%s' does not name %s", e.text, field);
}

static bool all(uint64_t from, uint64_t to, uint8_t value)
{
	for (; from < to; from++)
		if (*at(from) != value)
			return false;
	return true;
}

static void segments_land_where_they_say(void **state)
{
	(void)state;
	memset(ram, FILL, END - BASE);
	accepted();
	assert_int_equal(entry.v, SEG1 + 4);
	assert_memory_equal(at(SEG1), im.bytes, 16);
	assert_memory_equal(at(SEG2), im.bytes + 16, 32);
	assert_true(all(SEG1 + 16, SEG1 + 0x1800, 0));
	assert_true(all(BASE, SEG1, FILL) && all(SEG1 + 0x1800, SEG2, FILL) &&
		    all(SEG2 + 32, END, FILL));
}

static void each_byte_of_the_identification_counts(void **state)
{
	static const char *const name[] = {"e_ident",  "e_ident",	    "e_ident",
					   "e_ident",  "e_ident[EI_CLASS]", "e_ident[EI_DATA]",
					   "e_version"};

	(void)state;
	for (unsigned i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		uint8_t good = im.h.e_ident[i];
		for (unsigned v = 0; v < 256; v++) {
			im.h.e_ident[i] = (uint8_t)v;
			if (v == good)
				accepted();
			else
				refused(name[i]);
		}
		im.h.e_ident[i] = good;
	}
	static const uint32_t versions[] = {0, 2, 0x101, ~0u};
	for (unsigned i = 0; i < 4; i++) {
		im.h.e_version = versions[i];
		refused("e_version");
	}
}

static void each_sixteen_bit_field_has_one_good_value(void **state)
{
	const struct {
		uint16_t *field;
		const char *name;
	} fields[] = {{&im.h.e_type, "e_type"},
		      {&im.h.e_machine, "e_machine"},
		      {&im.h.e_phentsize, "e_phentsize"}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint16_t good = *fields[i].field;
		for (unsigned v = 0; v <= 0xffff; v++) {
			*fields[i].field = (uint16_t)v;
			if (v == good)
				accepted();
			else
				refused(fields[i].name);
		}
		*fields[i].field = good;
	}
}

static void program_headers_lie_within_the_file(void **state)
{
	const uint64_t room = sizeof(im) - sizeof(im.p);
	const uint64_t outside[] = {room + 1,	      sizeof(im), sizeof(im) + 1,
				    1ull << 32,	      1ull << 63, ~0ull - 167,
				    ~0ull - 167 + 64, ~0ull - 55, ~0ull};

	(void)state;
	for (unsigned n = 0; n <= 0xffff; n++) {
		im.h.e_phnum = (uint16_t)n;
		if (n == 0 || n > 64)
			refused("e_phnum");
		else if (n == 1)
			refused("e_entry"); /* the note alone is no place to start in */
		else if (n <= 3)
			accepted();
		else
			refused("e_phoff");
	}
	im.h.e_phnum = 3;
	for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		im.h.e_phoff = outside[i];
		refused("e_phoff");
	}
	im.h.e_phoff =
	    room; /* the last place they fit into: over the bytes, which are no good headers */
	memmove((uint8_t *)&im + room, im.p, sizeof(im.p));
	((Elf64_Phdr *)(void *)((uint8_t *)&im + room))[1].p_offset = 0;
	((Elf64_Phdr *)(void *)((uint8_t *)&im + room))[2].p_offset = 0;
	accepted();
}

static void there_may_be_64_program_headers(void **state)
{
	static struct {
		struct image im;
		Elf64_Phdr p[65];
	} big;

	(void)state;
	for (unsigned n = 64; n <= 65; n++) {
		big.im = im;
		big.im.h.e_phoff = offsetof(__typeof__(big), p);
		big.im.h.e_phnum = (uint16_t)n;
		for (unsigned i = 0; i < n; i++) {
			big.p[i] = im.p[2];
			big.p[i].p_paddr = SEG1 + 0x20 * i; /* one right behind the other */
		}
		big.im.h.e_entry = SEG1 + 0x20 * 63;
		assert_int_equal(load(&big, sizeof(big)), n == 64 ? 0 : -EINVAL);
	}
}

static void a_segment_lies_within_the_file(void **state)
{
	const uint64_t bytes = offsetof(struct image, bytes);
	const struct {
		uint64_t offset, filesz;
		bool good;
	} cases[] = {
	    {bytes + 16, 32, true},
	    {bytes + 17, 32, false},
	    {sizeof(im), 0, true},
	    {sizeof(im) + 1, 0, false},
	    {sizeof(im), 1, false},
	    {0, 32, true},
	    {~0ull, 0, false},
	    {~0ull, 1, false},
	    {~0ull - 31, 32, false},
	    {1ull << 63, 32, false},
	    {(1ull << 32) + 16, 1, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		im.p[2].p_offset = cases[i].offset;
		im.p[2].p_filesz = cases[i].filesz;
		if (cases[i].good)
			accepted();
		else
			refused("p_offset");
	}
	im.p[2].p_offset = 0;
	im.p[2].p_filesz = 33; /* of 32 in memory */
	refused("p_filesz");
	im.p[2].p_filesz = ~0ull;
	refused("p_filesz");
}

static void a_segment_lies_within_ram(void **state)
{
	const struct {
		uint64_t paddr, memsz;
		const char *field; /* NULL: it is good */
	} cases[] = {
	    {END - 32, 32, NULL},
	    {END - 31, 32, "p_memsz"},
	    {END, 32, "p_memsz"},
	    {SEG2, END - SEG2, NULL},
	    {SEG2, END - SEG2 + 1, "p_memsz"},
	    {SEG2, ~0ull, "p_memsz"},
	    {SEG2, ~0ull - SEG2, "p_memsz"},
	    {SEG2, 0 - (uint64_t)SEG2, "p_memsz"},
	    {~0ull, 32, "p_memsz"},
	    {0 - 32ull, 32, "p_memsz"},
	    {0 - 32ull, SEG2, "p_memsz"},
	    {1ull << 32 | SEG2, 32, "p_memsz"},
	    {0, 32, "p_paddr"},
	    {BASE, 32, "p_paddr"},
	    {SEG1 - 1, 32, "p_paddr"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		im.p[2].p_paddr = cases[i].paddr;
		im.p[2].p_memsz = cases[i].memsz;
		memset(at(BASE), FILL, SEG1 - BASE);
		if (cases[i].field)
			refused(cases[i].field);
		else
			accepted();
		assert_true(all(BASE, SEG1, FILL));
	}
}

static void segments_ascend_without_overlap(void **state)
{
	(void)state;
	im.p[2].p_paddr = SEG1 + 0x1800;
	accepted();
	im.p[2].p_paddr--;
	refused("p_paddr");
	im.p[2].p_paddr = SEG1;
	refused("p_paddr");
	im.p[1].p_paddr = SEG2; /* disjoint, but the wrong way round */
	im.h.e_entry = SEG2;
	refused("p_paddr");
}

static void empty_segments_are_nothing(void **state)
{
	(void)state;
	im.p[2].p_memsz = im.p[2].p_filesz = 0;
	im.p[2].p_paddr = ~0ull;
	im.p[2].p_offset = ~0ull;
	accepted();
	im.h.e_entry = ~0ull;
	refused("e_entry");
}

static void the_entry_lies_in_a_segment(void **state)
{
	const struct {
		uint64_t entry;
		bool good;
	} cases[] = {{SEG1, true},	     {SEG1 - 1, false},	 {SEG1 + 0x17ff, true},
		     {SEG1 + 0x1800, false}, {SEG2 - 1, false},	 {SEG2, true},
		     {SEG2 + 31, true},	     {SEG2 + 32, false}, {0, false},
		     {~0ull, false}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		im.h.e_entry = cases[i].entry;
		if (cases[i].good) {
			accepted();
			assert_int_equal(entry.v, cases[i].entry);
		} else {
			refused("e_entry");
		}
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(im); len++) {
		assert_true(load(&im, len) < 0);
		assert_int_equal(e.kind, ERR_USAGE);
		assert_int_equal(len < sizeof(im.h), strstr(e.text, "file size") != NULL);
	}
}

/* What must hold of @m once it was loaded, whatever it is: it is in RAM, as it says, entry and all.
 */
static void in_ram(const struct image *m)
{
	bool has_entry = false;

	for (unsigned i = 0; i < m->h.e_phnum; i++) {
		Elf64_Phdr p;
		memcpy(&p, (const uint8_t *)m + m->h.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type != PT_LOAD || !p.p_memsz)
			continue;
		assert_true(p.p_paddr >= SEG1 && p.p_paddr < END && p.p_memsz <= END - p.p_paddr);
		assert_true(p.p_filesz <= p.p_memsz);
		assert_memory_equal(at(p.p_paddr), (const uint8_t *)m + p.p_offset, p.p_filesz);
		assert_true(all(p.p_paddr + p.p_filesz, p.p_paddr + p.p_memsz, 0));
		has_entry |= entry.v - p.p_paddr < p.p_memsz;
	}
	assert_true(has_entry);
	assert_int_equal(entry.v, m->h.e_entry);
}

/* Counts in @n[0] what was refused, in @n[1] what was loaded. */
static void load_any(const struct image *m, unsigned n[2])
{
	bool good = load(m, sizeof(*m)) == 0;

	n[good]++;
	if (good)
		in_ram(m);
	else
		assert_int_equal(e.kind, ERR_USAGE);
}

static void every_one_byte_change_is_refused_or_stays_in_ram(void **state)
{
	unsigned n[2] = {0};

	(void)state;
	memset(at(BASE), FILL, SEG1 - BASE);
	for (size_t i = 0; i < sizeof(im); i++)
		for (unsigned x = 1; x < 256; x++) {
			struct image m = im;
			((uint8_t *)&m)[i] ^= (uint8_t)x;
			load_any(&m, n);
		}
	assert_true(all(BASE, SEG1, FILL));
	assert_true(n[0] > 10000 && n[1] > 10000);
}

static void extreme_sizes_in_every_combination(void **state)
{
	static const uint64_t v[] = {
	    0,		1,	    32,		  sizeof(struct image), SEG1,	   SEG2, END - 1,
	    1ull << 32, 1ull << 63, ~0ull - SEG2, ~0ull - 31,		~0ull - 1, ~0ull};
	enum { N = sizeof(v) / sizeof(v[0]) };
	unsigned n[2] = {0};

	(void)state;
	memset(at(BASE), FILL, SEG1 - BASE);
	for (unsigned i = 0; i < N * N * N * N; i++) {
		im.p[2].p_offset = v[i % N];
		im.p[2].p_filesz = v[i / N % N];
		im.p[2].p_paddr = v[i / N / N % N];
		im.p[2].p_memsz = v[i / N / N / N];
		load_any(&im, n);
	}
	assert_true(all(BASE, SEG1, FILL));
	assert_true(n[0] > 10000 && n[1] > 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(segments_land_where_they_say),
	    TEST(each_byte_of_the_identification_counts),
	    TEST(each_sixteen_bit_field_has_one_good_value),
	    TEST(program_headers_lie_within_the_file),
	    TEST(there_may_be_64_program_headers),
	    TEST(a_segment_lies_within_the_file),
	    TEST(a_segment_lies_within_ram),
	    TEST(segments_ascend_without_overlap),
	    TEST(empty_segments_are_nothing),
	    TEST(the_entry_lies_in_a_segment),
	    TEST(every_truncation_is_refused),
	    TEST(every_one_byte_change_is_refused_or_stays_in_ram),
	    TEST(extreme_sizes_in_every_combination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
