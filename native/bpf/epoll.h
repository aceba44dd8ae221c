/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What an epoll instance watches. Runtimes have threads that poll for timers and messages of their own (V8's delayed
 * tasks): these wait for no peer, whatever is due elsewhere in the process.
 */
#ifndef KERNSCALE_EPOLL_H
#define KERNSCALE_EPOLL_H

#include "common.h"

#define S_IFMT 00170000
#define S_IFSOCK 0140000

/* Another instance may watch sockets in turn. */
static __always_inline bool is_socket_or_epoll(struct rb_node *node, struct file *epoll)
{
	struct epitem *item = typed(struct epitem, node); /* `rbn` is its first member */
	struct file *file = peek(item, ffd.file);
	struct inode *inode = peek(file, f_inode);

	return (peek(inode, i_mode) & S_IFMT) == S_IFSOCK || peek(file, f_op) == peek(epoll, f_op);
}

static __always_inline bool has_children(struct rb_node *node)
{
	return peek(node, rb_left) || peek(node, rb_right);
}

/* Looks at up to three files (fs/eventpoll.c keeps them in a tree): an instance with more is taken to watch sockets. */
static __always_inline bool watches_sockets(struct file *epoll)
{
	struct eventpoll *instance = typed(struct eventpoll, peek(epoll, private_data));
	struct rb_node *root = peek(instance, rbr.rb_root.rb_node);
	struct rb_node *left = peek(root, rb_left), *right = peek(root, rb_right);

	return has_children(left) || has_children(right) || is_socket_or_epoll(root, epoll) ||
	       is_socket_or_epoll(left, epoll) || is_socket_or_epoll(right, epoll);
}

#endif
