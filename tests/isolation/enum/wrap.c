/* SPDX-License-Identifier: MIT */
/* What the linker puts between the code and guest memory; see wrap.h. */
#include "wrap.h"

#include "../../../virtio/ctrl.h"
#include "../../../virtio/gmem.h"

#include <string.h>

_Thread_local struct wrap_hook wrap_hook;
_Thread_local struct wrap_judged wrap_judged;

/* The linker's names for a symbol under --wrap. */
int __real_gmem_read(const struct gmem *m, gpa_t at, void *dst, size_t len);
int __wrap_gmem_read(const struct gmem *m, gpa_t at, void *dst, size_t len);
int __real_gmem_load16(const struct gmem *m, gpa_t at, uint16_t *v);
int __wrap_gmem_load16(const struct gmem *m, gpa_t at, uint16_t *v);
int __real_ctrl_validate(const struct ctrl_rules *r, const uint8_t *cmd, size_t len);
int __wrap_ctrl_validate(const struct ctrl_rules *r, const uint8_t *cmd, size_t len);

int __wrap_gmem_read(const struct gmem *m, gpa_t at, void *dst, size_t len)
{
	int ret = __real_gmem_read(m, at, dst, len);

	if (wrap_hook.after_read)
		wrap_hook.after_read(wrap_hook.ctx, at.v, len);
	return ret;
}

int __wrap_gmem_load16(const struct gmem *m, gpa_t at, uint16_t *v)
{
	int ret = __real_gmem_load16(m, at, v);

	if (wrap_hook.after_read)
		wrap_hook.after_read(wrap_hook.ctx, at.v, sizeof(*v));
	return ret;
}

int __wrap_ctrl_validate(const struct ctrl_rules *r, const uint8_t *cmd, size_t len)
{
	int ret = __real_ctrl_validate(r, cmd, len);

	if (wrap_hook.after_read) {
		wrap_judged.len = len < sizeof(wrap_judged.cmd) ? len : sizeof(wrap_judged.cmd);
		memcpy(wrap_judged.cmd, cmd, wrap_judged.len);
		wrap_judged.ret = ret;
	}
	return ret;
}
