/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a thread blocked on a socket waits for: its peer's answer, or somebody's question. */
#ifndef KERNSCALE_SOCKETS_H
#define KERNSCALE_SOCKETS_H

#include "common.h"
#include "connection.h"

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

/*
 * Where the kernel has bpf_rdonly_cast (6.2, a35b9af4ec2c), memory is read through the verifier's typed loads, and
 * through a helper call elsewhere: 2 ns or 15. The verifier drops the branch that this kernel cannot take.
 * The value of a statement expression has the member's type without its qualifiers.
 */
#define typed(type, pointer)                                                                                  \
	((type *)(bpf_rdonly_cast ? bpf_rdonly_cast((const void *)(pointer), bpf_core_type_id_kernel(type)) : \
				    (void *)(pointer)))
#define peek(pointer, member)                                           \
	({                                                              \
		typeof(({ (pointer)->member; })) value__;                \
                                                                        \
		if (bpf_rdonly_cast)                                    \
			value__ = (pointer)->member;                    \
		else                                                    \
			BPF_CORE_READ_INTO(&value__, pointer, member);  \
		value__;                                                \
	})

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10

enum direction { READS, WRITES };

/* The two numbers of a range: in one word since 6.8, two words before. */
struct local_ports___word {
	__u32 range;
} __attribute__((preserve_access_index));

struct netns_ipv4___word {
	struct local_ports___word ip_local_ports;
} __attribute__((preserve_access_index));

struct net___word {
	struct netns_ipv4___word ipv4;
} __attribute__((preserve_access_index));

struct local_ports___words {
	int range[2];
} __attribute__((preserve_access_index));

struct netns_ipv4___words {
	struct local_ports___words ip_local_ports;
} __attribute__((preserve_access_index));

struct net___words {
	struct netns_ipv4___words ipv4;
} __attribute__((preserve_access_index));

/* Not in every kernel: CONFIG_MPTCP; the times came in 6.10. */
struct mptcp_sock___optional {
	struct sock *first;                   /* of the TCP connections that it consists of */
	__u32 last_data_sent, last_data_recv; /* jiffies */
} __attribute__((preserve_access_index));

/* Where net.ipv4.ip_local_port_range begins in the socket's network namespace: pods may set it. */
static hot __u16 ephemeral_from(struct sock *sk)
{
	struct net *net = peek(sk, __sk_common.skc_net.net);
	struct net___word *word = typed(struct net___word, net);
	struct net___words *words = (void *)net;

	if (bpf_core_field_exists(word->ipv4.ip_local_ports.range))
		return peek(word, ipv4.ip_local_ports.range);
	if (bpf_core_field_exists(words->ipv4.ip_local_ports.range))
		return BPF_CORE_READ(words, ipv4.ip_local_ports.range[0]);
	return ephemeral_low;
}

/*
 * A connection that was accepted is a copy of its listener, whose backlog it keeps; a socket that connects has none.
 * Outside the ephemeral range a local port was asked for by name, as servers do.
 */
static hot bool was_accepted(struct sock *sk)
{
	return peek(sk, sk_max_ack_backlog) || peek(sk, __sk_common.skc_num) < ephemeral_from(sk);
}

static hot enum thread_state waiting_on_tcp(struct sock *sk)
{
	const __u8 tcp_syn_sent = 2, tcp_listen = 10;
	struct tcp_sock *tcp = typed(struct tcp_sock, sk);
	__u8 state = peek(sk, __sk_common.skc_state);
	__s32 sent_after;

	if (state == tcp_syn_sent)
		return STATE_NETWORK;
	if (state == tcp_listen || was_accepted(sk))
		return STATE_IDLE;
	if (!peek(tcp, bytes_sent))
		return STATE_IDLE; /* it asked for nothing */
	/* Last sent, not last received: it waits for an answer. Both are jiffies and wrap. */
	sent_after = peek(tcp, lsndtime) - peek(tcp, inet_conn.icsk_ack.lrcvtime);
	if (sent_after)
		return sent_after > 0 ? STATE_NETWORK : STATE_IDLE;
	/* Within one of them, which is 1 to 10 ms: an answer that was fast, or the next question. */
	return is_answered(sk) ? STATE_IDLE : STATE_NETWORK;
}

static hot enum thread_state waiting_on_multipath(struct sock *sk)
{
	struct mptcp_sock___optional *multipath;

	if (!bpf_core_type_exists(struct mptcp_sock___optional))
		return STATE_IDLE; /* it does not come to this */
	multipath = typed(struct mptcp_sock___optional, sk);
	if (was_accepted(peek(multipath, first)))
		return STATE_IDLE;
	if (!bpf_core_field_exists(multipath->last_data_sent))
		return STATE_NETWORK;
	return (__s32)(peek(multipath, last_data_sent) - peek(multipath, last_data_recv)) >= 0 ? STATE_NETWORK :
												 STATE_IDLE;
}

/*
 * UDP. A server binds to a port by its number, a client is given one. A client may ask for a port too (resolvers do,
 * at random), but then it connects, so that it hears of no other.
 */
static hot enum thread_state waiting_on_datagrams(struct sock *sk)
{
	const __u8 connected = 1 /* TCP_ESTABLISHED */, bound_to_port = 8 /* SOCK_BINDPORT_LOCK */;

	if (peek(sk, __sk_common.skc_num) < ephemeral_from(sk))
		return STATE_IDLE;
	if (peek(sk, __sk_common.skc_state) == connected)
		return STATE_NETWORK;
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & bound_to_port ? STATE_IDLE : STATE_NETWORK;
}

/* A server's unix socket has a name, and so have the connections that it accepted; a client's has none. */
static hot enum thread_state waiting_on_unix(struct sock *sk, enum direction direction)
{
	struct unix_sock *named = typed(struct unix_sock, sk);

	return direction == READS && peek(named, addr) ? STATE_IDLE : STATE_IPC;
}

static hot enum thread_state waiting_on_socket(struct file *file, enum direction direction)
{
	struct socket *socket = typed(struct socket, peek(file, private_data));
	struct sock *sk = peek(socket, sk);
	__u16 family = peek(sk, __sk_common.skc_family), protocol;

	if (family == AF_UNIX)
		return waiting_on_unix(sk, direction);
	if (family != AF_INET && family != AF_INET6)
		return STATE_IDLE; /* netlink, packet: a daemon listening to the kernel */
	if (direction == WRITES)
		return STATE_NETWORK;
	protocol = peek(sk, sk_protocol);
	if (protocol == IPPROTO_TCP)
		return waiting_on_tcp(sk);
	if (protocol == IPPROTO_MPTCP)
		return waiting_on_multipath(sk);
	return waiting_on_datagrams(sk);
}

#endif
