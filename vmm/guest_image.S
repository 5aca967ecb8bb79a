/* SPDX-License-Identifier: MIT */
/* The bytes of guest.elf inside this program; see guest_image.h. It must never be executed from here. */
	.section .rodata
	.balign 16
	.globl guest_image, guest_image_end
guest_image:
	.incbin GUEST_ELF
guest_image_end:

	.section .note.GNU-stack, "", %progbits
