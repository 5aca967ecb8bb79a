/* SPDX-License-Identifier: MIT */
/* The bytes of load.elf inside ringfence-bench. It must never be executed from here. */
	.section .rodata
	.balign 16
	.globl load_image, load_image_end
load_image:
	.incbin LOAD_ELF
load_image_end:

	.section .note.GNU-stack, "", %progbits
