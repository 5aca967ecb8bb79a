/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of the data test of RSS: on which queue the kernel got the host's answers, and
 * which hash it was told of. It must never take a hash for the device's that the kernel has made.
 */
#include "data.h"
#include "linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 4u
/* Toeplitz with TEST_KEY of what an answer is hashed by: 10.77.0.1, 10.77.0.2. */
#define HASH 0x928941a3u
#define OTHER_HASH 64u

static void say(const char *what, int code)
{
	printf(TEST_SAYS "%s %s%s\n", what, code ? "FAILED: " : "ok", code ? strerror(code) : "");
	fflush(stdout);
}

/*
 * A packet socket that keeps of an answer as many bytes as its queue's number, from 1 on
 * (skb_record_rx_queue()), or OTHER_HASH. A filter reads skb->hash as it is.
 */
static int watch(const char *name)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 9),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RXHASH)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HASH, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, OTHER_HASH),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_QUEUE)),
	    BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};
	/* Of this protocol alone, it does not see what is sent. */
	const struct sockaddr_ll a = {.sll_family = AF_PACKET,
				      .sll_protocol = htons(ETH_P_IP),
				      .sll_ifindex = (int)if_nametoindex(name)};
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ||
	    bind(s, (const void *)&a, sizeof(a)))
		say("watch", errno);
	return s;
}

static int tell(const char *name, const char *verb, const char *a, const char *b)
{
	char *word[STEP_WORDS] = {(char *)(uintptr_t)verb, (char *)(uintptr_t)a,
				  (char *)(uintptr_t)b};

	return guest_do(name, word, b ? 3 : 2);
}

static int all_to(const char *name, char pair)
{
	char queue[2] = {pair},
	     *word[STEP_WORDS] = {(char *)(uintptr_t) "table", queue, queue, queue, queue};

	return guest_do(name, word, 5);
}

/* All answers, and nothing else, have come on @pair. */
static int came_on(int s, unsigned pair)
{
	unsigned count[OTHER_HASH + 1] = {0}, all = 0;
	uint8_t got[OTHER_HASH];

	for (ssize_t n; (n = recv(s, got, sizeof(got), 0)) > 0; all++)
		count[n]++;
	printf(TEST_SAYS "answers: %u on pair %u of %u, %u with another hash\n", count[pair + 1],
	       pair, all, count[OTHER_HASH]);
	return count[pair + 1] == DATA_PINGS && all == DATA_PINGS ? 0 : EBADMSG;
}

void data_steer(const char *name)
{
	static const char order[] = "3021";
	int s = watch(name);

	say("pairs", tell(name, "channels", "4", NULL));
	say("key", tell(name, "key", TEST_KEY, NULL));
	say("hashes", tell(name, "feature", "rx-hashing", "on"));
	for (unsigned i = 0; i < PAIRS; i++) {
		char what[32];
		say("table", all_to(name, order[i]));
		(void)came_on(s, 0); /* what was on its way is forgotten */
		say("ping", data_ping());
		snprintf(what, sizeof(what), "steered to %c", order[i]);
		say(what, came_on(s, (unsigned)(order[i] - '0')));
	}
	close(s);
}
