/* SPDX-License-Identifier: MIT */
/*
 * Seals of the files whose memory a device gets to see: a VDUSE device is given the whole file
 * behind a mapping, with the mode it was opened with, so that nothing but its seals says what may
 * be done to it. It must never leave a file open to further seals, which another could add.
 */
#ifndef VDPA_SEAL_H
#define VDPA_SEAL_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * Nobody can change the size of @fd (a memfd made with MFD_ALLOW_SEALING) any more: whoever maps it
 * never meets a SIGBUS. With @read_only nobody can write it either, but through mappings that are
 * there already. ERR_HOST: this kernel cannot.
 */
int seal_file(int fd, bool read_only, const char *name, uint32_t breaks, struct err *e);

#endif
