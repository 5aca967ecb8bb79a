// SPDX-License-Identifier: MIT
/*
 * Owns the few functions of the C library that compilers and libfdt call. It must never grow past
 * that. The empty asm statements keep a compiler from turning a loop into a call of the function it
 * is in.
 */
#include "arch.h"

#include <stddef.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word), s += sizeof(word)) {
		*(word *)d = *(const word *)s;
		__asm__ volatile("" : : : "memory");
	}
	while (n--) {
		*d++ = *s++;
		__asm__ volatile("" : : : "memory");
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if ((uintptr_t)d <= (uintptr_t)s || (uintptr_t)d >= (uintptr_t)s + n)
		return memcpy(dst, src, n);
	while (n--) {
		d[n] = s[n];
		__asm__ volatile("" : : : "memory");
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;
	word fill = (uint8_t)c * 0x0101010101010101u;

	for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word)) {
		*(word *)d = fill;
		__asm__ volatile("" : : : "memory");
	}
	while (n--) {
		*d++ = (uint8_t)c;
		__asm__ volatile("" : : : "memory");
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	const uint8_t *p = s;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == (uint8_t)c)
			return (void *)(uintptr_t)(p + i);
	}
	return NULL;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n]) {
		n++;
		__asm__ volatile("" : : : "memory");
	}
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
	return memchr(s, c, strlen(s) + 1);
}

char *strrchr(const char *s, int c)
{
	for (size_t i = strlen(s) + 1; i > 0; i--) {
		if (s[i - 1] == (char)c)
			return (char *)(uintptr_t)(s + i - 1);
	}
	return NULL;
}

/* Debian's libfdt is built with a stack protector; a smashed stack ends the guest. */
void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	arch_halt();
}
