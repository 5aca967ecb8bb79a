/* SPDX-License-Identifier: MIT */
/* The registers of the code and of the model side by side; see regs.h. */
#include "regs.h"

#include <assert.h>
#include <string.h>

static_assert((int)MODEL_ACT_NOTHING == MMIO_NOTHING && (int)MODEL_ACT_START == MMIO_START &&
		  (int)MODEL_ACT_RESET == MMIO_RESET && (int)MODEL_ACT_NOTIFY == MMIO_NOTIFY,
	      "the model's words are the interface's");

void regs_init(struct regs *g, struct enum_run *r, unsigned queues, uint16_t max)
{
	uint8_t config[REGS_CONFIG];

	for (unsigned i = 0; i < sizeof(config); i++)
		config[i] = (uint8_t)(0x11 * (i + 1));
	g->run = r;
	memset(&g->moat, 0xaa, sizeof(g->moat));
	mmio_init(&g->code, 1, REGS_OFFERED, queues, max, config, sizeof(config));
	g->model = (struct model_mmio){.device_id = 1,
				       .max = max,
				       .offered = REGS_OFFERED,
				       .queues = queues < MODEL_QUEUES ? queues : MODEL_QUEUES,
				       .config_len = REGS_CONFIG};
	memcpy(g->model.config, config, sizeof(config));
}

bool regs_same(const struct regs *g)
{
	const struct mmio *c = &g->code;
	const struct model_mmio *m = &g->model;

	if (c->offered != m->offered || c->driver != m->accepted ||
	    c->features_sel != m->offered_sel || c->driver_sel != m->accepted_sel ||
	    c->queue_sel != m->queue_sel || c->status != m->status ||
	    c->config_generation != m->generation || c->config_changed != m->config_changed ||
	    c->queues != m->queues || c->queue_max != m->max || c->config_len != m->config_len ||
	    memcmp(c->config, m->config, m->config_len))
		return false;
	for (unsigned q = 0; q < 3; q++)
		if (c->queue[q].num != m->queue[q].num || c->queue[q].ready != m->queue[q].ready ||
		    c->queue[q].desc != m->queue[q].desc ||
		    c->queue[q].driver != m->queue[q].driver ||
		    c->queue[q].device != m->queue[q].device)
			return false;
	return true;
}

bool regs_read(struct regs *g, uint64_t offset, unsigned width)
{
	uint64_t got = mmio_read(&g->code, offset, width),
		 want = model_mmio_read(&g->model, offset, width);

	if (!enum_differs(g->run, got == want, true))
		return true;
	enum_violated(g->run,
		      "status 0x%02x: read of %u bytes at 0x%llx gives 0x%llx, the model 0x%llx",
		      g->model.status, width, (unsigned long long)offset, (unsigned long long)got,
		      (unsigned long long)want);
	return false;
}

bool regs_write(struct regs *g, uint64_t offset, unsigned width, uint64_t value)
{
	uint32_t before = g->model.status;
	unsigned queue = 0;
	struct mmio_result got = mmio_write(&g->code, offset, width, value);
	enum model_act want = model_mmio_write(&g->model, offset, width, value, &queue);

	g->run->result->attempts++;
	if (want == MODEL_ACT_NOTHING)
		g->run->result->refused++;
	else
		g->run->result->accepted++;
	g->run->result->too_lenient += got.action != MMIO_NOTHING && want == MODEL_ACT_NOTHING;
	g->run->result->too_strict += got.action == MMIO_NOTHING && want != MODEL_ACT_NOTHING;
	if ((int)got.action == (int)want && (want != MODEL_ACT_NOTIFY || got.notify == queue) &&
	    regs_same(g))
		return true;
	enum_violated(g->run, "status 0x%02x: write of %u bytes, 0x%llx, at 0x%llx: %s", before,
		      width, (unsigned long long)value, (unsigned long long)offset,
		      (int)got.action != (int)want ? "asks for other than the model"
						   : "leaves other registers than the model");
	return false;
}

static void put(struct regs *g, uint64_t offset, uint32_t v)
{
	unsigned queue;

	(void)mmio_write(&g->code, offset, 4, v);
	(void)model_mmio_write(&g->model, offset, 4, v, &queue);
}

static void put_features(struct regs *g, uint64_t features)
{
	for (uint32_t word = 0; word < 2; word++) {
		put(g, 0x024, word);
		put(g, 0x020, (uint32_t)(features >> 32 * word));
	}
}

static void set_up_queue(struct regs *g, uint32_t q)
{
	put(g, 0x030, q);
	put(g, 0x038, 64);
	for (uint32_t offset = 0x080; offset < 0x0b0; offset += 16) {
		put(g, offset, 0x1000 + offset);
		put(g, offset + 4, q);
	}
}

/* One step on the way to a state, by its letter in the table below. */
static void take_step(struct regs *g, char step)
{
	switch (step) {
	case 'a': /* ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK, FAILED: to what is there */
		put(g, 0x070, g->model.status | 1);
		break;
	case 'd':
		put(g, 0x070, g->model.status | 2);
		break;
	case 'f':
		put(g, 0x070, g->model.status | 8);
		break;
	case 'k':
		put(g, 0x070, g->model.status | 4);
		break;
	case 'b':
		put(g, 0x070, g->model.status | 128);
		break;
	case 'z':
		put(g, 0x070, 0);
		break;
	case 'o': /* the features that are offered; one more; or a word that there is not */
		put_features(g, REGS_OFFERED);
		break;
	case 'x':
		put_features(g, REGS_OFFERED | 1u << 7);
		break;
	case 'w':
		put(g, 0x024, 2);
		break;
	case 'r': /* the queue that is selected: ready, or taken back */
		put(g, 0x044, 1);
		break;
	case 't':
		put(g, 0x044, 0);
		break;
	case 's': /* another is selected, or none */
		put(g, 0x030, 1);
		break;
	case 'n':
		put(g, 0x030, 3);
		break;
	case 'N':
		put(g, 0x030, UINT32_MAX);
		break;
	case 'e': /* the device fails */
		mmio_needs_reset(&g->code);
		model_mmio_failed(&g->model);
		break;
	default:
		set_up_queue(g, (uint32_t)(step - '0'));
		break;
	}
}

const char *regs_bring(struct regs *g, struct enum_run *r, unsigned state)
{
	static const struct {
		const char *name, *steps;
	} states[REGS_STATES] = {
	    {"reset", ""},
	    {"ACKNOWLEDGE", "a"},
	    {"DRIVER without ACKNOWLEDGE", "d"},
	    {"DRIVER", "ad"},
	    {"features written", "ado"},
	    {"no such word of features", "adw"},
	    {"features that were not offered", "adxf"},
	    {"FEATURES_OK", "adof"},
	    {"no such queue", "adof1rn"},
	    {"reset again", "adof0r1r2rkz"},
	    {"a queue set up", "adof1"},
	    {"a queue ready", "adof1r"},
	    {"a queue taken back", "adof1rt"},
	    {"all queues ready", "adof0r1r2r"},
	    {"failed before DRIVER_OK", "adof0r1r2re"},
	    {"DRIVER_OK", "adof0r1r2rk"},
	    {"DRIVER_OK, another queue", "adof0r1r2rks"},
	    {"DRIVER_OK, no such queue", "adof0r1r2rkN"},
	    {"DRIVER_OK without queues", "adofk"},
	    {"failed while it ran", "adof0r1r2rke"},
	    {"FAILED by the driver", "adof0r1r2rkb"},
	};

	regs_init(g, r, 3, 256);
	for (const char *step = states[state].steps; *step; step++)
		take_step(g, *step);
	if (!regs_same(g))
		enum_violated(r, "on the way to state \"%s\" the registers are not the model's",
			      states[state].name);
	return states[state].name;
}
