/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that net/ knows of kernel versions.  Private ps_ names: distributions
 * backport helpers, and a shim under the kernel's own name would clash.
 */
#ifndef PENSTOCK_NET_COMPAT_H
#define PENSTOCK_NET_COMPAT_H

#include <linux/bvec.h>
#include <linux/net.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
typedef struct sockaddr_unsized ps_sockaddr;
#else
typedef struct sockaddr ps_sockaddr;
#endif

static inline int ps_sock_connect(struct socket *sock,
				  struct sockaddr_storage *ss, int len, int flags)
{
	return kernel_connect(sock, (ps_sockaddr *)ss, len, flags);
}

static inline int ps_sock_bind(struct socket *sock, struct sockaddr_storage *ss,
			       int len)
{
	return kernel_bind(sock, (ps_sockaddr *)ss, len);
}

/* Kernel sockets do not pin their namespace; one with timers running must. */
static inline void ps_sock_hold_net(struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	sk_net_refcnt_upgrade(sk);
#else
	struct net *net = sock_net(sk);

	sk->sk_net_refcnt = 1;
	get_net_track(net, &sk->ns_tracker, GFP_KERNEL);
	sock_inuse_add(net, 1);
#endif
}

/*
 * Send the pages of @it (a bvec iterator, not advanced) without copying them.
 * 6.1 may define MSG_SPLICE_PAGES but its TCP ignores it.
 */
static inline int ps_sock_send_pages(struct socket *sock,
				     const struct iov_iter *it, int flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	struct msghdr msg = {
		.msg_flags = flags | MSG_SPLICE_PAGES,
		.msg_iter = *it,
	};

	return sock_sendmsg(sock, &msg);
#else
	size_t left = iov_iter_count(it), skip = it->iov_offset;
	const struct bio_vec *bv = it->bvec;
	int sent = 0;

	while (left) {
		size_t at = bv->bv_offset + skip;
		size_t n = min3(left, (size_t)bv->bv_len - skip,
				PAGE_SIZE - offset_in_page(at));
		int more = left > n ? MSG_MORE | MSG_SENDPAGE_NOTLAST : 0;
		int ret;

		if (!n) {
			bv++;
			skip = 0;
			continue;
		}
		ret = kernel_sendpage(sock, bv->bv_page + (at >> PAGE_SHIFT),
				      offset_in_page(at), n, flags | more);
		if (ret <= 0)
			return sent ? sent : ret;
		sent += ret;
		left -= ret;
		skip += ret;
	}
	return sent;
#endif
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define PS_WQ_PERCPU	WQ_PERCPU
#else
#define PS_WQ_PERCPU	0
#endif

#endif
