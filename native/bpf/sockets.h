/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Blocked reason of a thread that waits on a socket: the peer's response, or the next request. */
#ifndef KERNSCALE_SOCKETS_H
#define KERNSCALE_SOCKETS_H

#include "due.h"
#include "connection.h"

#define AF_UNIX 1

enum direction { READS, WRITES };

/* Both ends of the port range: one word since 6.8, two words before. */
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

/* Present with CONFIG_MPTCP only; the times since 6.10. */
struct mptcp_sock___optional {
	struct sock *first;                   /* TCP subflow */
	__u32 last_data_sent, last_data_recv; /* jiffies */
} __attribute__((preserve_access_index));

/* First port of net.ipv4.ip_local_port_range in the socket's network namespace, which a pod may set. */
static __always_inline __u16 ephemeral_from(struct sock *sk)
{
	struct net *net = peek(sk, __sk_common.skc_net.net);
	struct net___word *word = typed(struct net___word, net);
	struct net___words *words = (void *)word;

	if (bpf_core_field_exists(word->ipv4.ip_local_ports.range))
		return peek(word, ipv4.ip_local_ports.range);
	if (bpf_core_field_exists(words->ipv4.ip_local_ports.range))
		return peek(words, ipv4.ip_local_ports.range[0]);
	return ephemeral_low;
}

/*
 * True for the server side of a connection. An accepted socket is a copy of its listener and keeps its backlog, unless
 * that is 0, and its entry in the kernel's table of ports; of a port that connect() chose, the entry is marked
 * (`fastreuse` is -1: __inet_hash_connect).
 */
static __always_inline bool was_accepted(struct sock *sk)
{
	struct inet_connection_sock *connection = typed(struct inet_connection_sock, sk);
	struct inet_bind_bucket *port = peek(connection, icsk_bind_hash);

	return peek(sk, sk_max_ack_backlog) || (port && peek(port, fastreuse) >= 0);
}

/* True for the server side, as the TCP probe saw the connection opened, or by what the socket shows. */
static __always_inline bool is_server(struct sock *sk)
{
	struct connection *connection = find_connection(sk);

	return connection && connection->exchange.role ? connection->exchange.role == ROLE_SERVER : was_accepted(sk);
}

/* What was sent and not accounted for yet, on kernels where no hook shows it, is a request, too. */
static __always_inline bool response_is_due(struct connection *connection, struct tcp_sock *tcp)
{
	struct exchange *exchange = &connection->exchange;

	if (exchange->role != ROLE_CLIENT)
		return false;
	return connection->is_due || (connection->leased && connection->leased * 1000 > bpf_ktime_get_ns()) ||
	       (!sends_shown && peek(tcp, write_seq) - !!(exchange->end & END_OURS) != exchange->sent);
}

static __always_inline __u8 waiting_on_tcp(struct sock *sk)
{
	struct tcp_sock *tcp = typed(struct tcp_sock, sk);
	struct connection *connection = find_connection(sk);
	__u8 state = peek(sk, __sk_common.skc_state);

	if (state == TCP_SYN_SENT)
		return STATE_NETWORK;
	if (connection && connection->exchange.role)
		return response_is_due(connection, tcp) ? STATE_NETWORK : STATE_IDLE;
	/* Without the tcp probe, or a record: in a client, what was sent after the last receive may be a request. */
	if (state == TCP_LISTEN || was_accepted(sk) || !peek(tcp, bytes_sent))
		return STATE_IDLE;
	return (__s32)(peek(tcp, lsndtime) - peek(tcp, inet_conn.icsk_ack.lrcvtime)) >= 0 ? STATE_NETWORK : STATE_IDLE;
}

static __always_inline __u8 waiting_on_multipath(struct sock *sk)
{
	struct mptcp_sock___optional *multipath;

	if (!bpf_core_type_exists(struct mptcp_sock___optional))
		return STATE_IDLE; /* unreachable: this kernel has no such sockets */
	multipath = typed(struct mptcp_sock___optional, sk);
	if (is_server(peek(multipath, first)))
		return STATE_IDLE;
	if (!bpf_core_field_exists(multipath->last_data_sent))
		return STATE_NETWORK;
	return (__s32)(peek(multipath, last_data_sent) - peek(multipath, last_data_recv)) >= 0 ? STATE_NETWORK :
												 STATE_IDLE;
}

/*
 * UDP: a server binds an explicit port, a client gets one from the kernel. Some clients bind a port too (resolvers, at
 * random), but then connect the socket to receive from one peer only.
 */
static __always_inline __u8 waiting_on_datagrams(struct sock *sk)
{
	const __u8 connected = 1 /* TCP_ESTABLISHED */, bound_to_port = 8 /* SOCK_BINDPORT_LOCK */;

	if (peek(sk, __sk_common.skc_num) < ephemeral_from(sk))
		return STATE_IDLE;
	if (peek(sk, __sk_common.skc_state) == connected)
		return STATE_NETWORK;
	return peek_bits(sk, sk_userlocks) & bound_to_port ? STATE_IDLE : STATE_NETWORK;
}

/* Server-side unix sockets, listening or accepted, are bound to an address; client-side ones are not. */
static __always_inline __u8 waiting_on_unix(struct sock *sk, enum direction direction)
{
	struct unix_sock *named = typed(struct unix_sock, sk);

	return direction == READS && peek(named, addr) ? STATE_IDLE : STATE_IPC;
}

static __always_inline __u8 waiting_on_socket(struct file *file, enum direction direction)
{
	struct socket *socket = typed(struct socket, peek(file, private_data));
	struct sock *sk = peek(socket, sk);
	__u16 family = peek(sk, __sk_common.skc_family), protocol;

	if (family == AF_UNIX)
		return waiting_on_unix(sk, direction);
	if (family != AF_INET && family != AF_INET6)
		return STATE_IDLE; /* netlink, packet: a daemon that listens to the kernel */
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
