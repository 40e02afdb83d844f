// SPDX-License-Identifier: GPL-2.0
/*
 * penstock-gss KEY: make an RPCSEC_GSS context for the kernel.
 *
 * Run by request-key(8) as root when penstock.ko needs a context.  The key's
 * callout information says for whom and with which server.  A child that has
 * become that user gets the tickets and speaks to the server (RFC 2203 section
 * 5.2.2), and hands the context to us, who put it into the key.  uid 0 is this
 * host: its credentials come from the keytab.  Nothing secret is printed or
 * logged, and no core file is written.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gssapi/gssapi_krb5.h>
#include <keyutils.h>
#include <krb5/krb5.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM		100003	/* NFS */
#define VERSION4	4
#define FLAVOR		6	/* RPCSEC_GSS */
#define GSS_INIT	1
#define GSS_CONTINUE	2
#define LIFE_DEFAULT	3600
#define PATIENCE_MS	10000	/* with a silent server */
#define TIME_LIMIT	45	/* seconds for all of it, a silent KDC included */
/*
 * Seconds that the kernel's key holds a refusal.  Nobody finds it again, so that it
 * need not be short; but if it is over before the kernel has read it, which looks
 * after we have exited and counts whole seconds, ENOKEY takes the refusal's place.
 */
#define NEGATIVE_LIFE	60
#define TOKEN_MAX	16384

struct request {
	uid_t uid;
	char server[256];
	struct sockaddr_storage addr;
	socklen_t addr_len;
};

struct buffer {
	size_t len;
	unsigned char data[TOKEN_MAX + 1024];
};

/* ---- XDR ---- */

static void put32(struct buffer *b, uint32_t v)
{
	uint32_t be = htonl(v);

	if (b->len + 4 > sizeof(b->data))
		exit(EMSGSIZE);
	memcpy(b->data + b->len, &be, 4);
	b->len += 4;
}

static void put_opaque(struct buffer *b, const void *p, size_t len)
{
	put32(b, len);
	if (len > TOKEN_MAX || b->len + len + 4 > sizeof(b->data))
		exit(EMSGSIZE);
	memcpy(b->data + b->len, p, len);
	memset(b->data + b->len + len, 0, -len & 3);
	b->len += (len + 3) & ~3UL;
}

struct reader {
	const unsigned char *p, *end;
};

static uint32_t get32(struct reader *r)
{
	uint32_t be;

	if (r->end - r->p < 4)
		exit(EPROTO);
	memcpy(&be, r->p, 4);
	r->p += 4;
	return ntohl(be);
}

static const void *get_opaque(struct reader *r, size_t *len)
{
	const void *p;
	uint32_t n = get32(r);

	if (n > TOKEN_MAX || (size_t)(r->end - r->p) < ((n + 3) & ~3UL))
		exit(EPROTO);
	p = r->p;
	r->p += (n + 3) & ~3UL;
	*len = n;
	return p;
}

/* ---- the child: tickets and the server; exits with an errno ---- */

/* What the failure of the GSS library means to the kernel. */
static int gss_errno(OM_uint32 major, OM_uint32 minor)
{
	switch ((krb5_error_code)minor) {
	case KRB5KRB_AP_ERR_TKT_EXPIRED:
	case KRB5KDC_ERR_KEY_EXP:
		return EKEYEXPIRED;
	case KRB5_KDC_UNREACH:
	case KRB5_REALM_UNKNOWN:
	case KRB5_REALM_CANT_RESOLVE:
		return EAGAIN;
	case KRB5KRB_AP_ERR_SKEW:
	case KRB5KRB_AP_ERR_TKT_NYV:
	case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
	case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
	case KRB5KDC_ERR_PREAUTH_FAILED:
		return EKEYREJECTED;
	}
	switch (GSS_ROUTINE_ERROR(major)) {
	case GSS_S_CREDENTIALS_EXPIRED:
	case GSS_S_CONTEXT_EXPIRED:
		return EKEYEXPIRED;
	case GSS_S_NO_CRED:
		return ENOKEY;
	}
	return EKEYREJECTED;
}

static void gss_fail(const struct request *req, const char *what, OM_uint32 major,
		     OM_uint32 minor)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 st, more = 0;

	if (minor)
		gss_display_status(&st, minor, GSS_C_MECH_CODE, GSS_C_NO_OID, &more, &text);
	else
		gss_display_status(&st, major, GSS_C_GSS_CODE, GSS_C_NO_OID, &more, &text);
	syslog(LOG_WARNING, "uid %u, server %s: %s: %.*s", (unsigned int)req->uid,
	       req->server, what, (int)text.length, (char *)text.value);
	exit(gss_errno(major, minor));
}

static int become(uid_t uid)
{
	struct passwd *pw = getpwuid(uid);
	gid_t gid = pw ? pw->pw_gid : (gid_t)-2;

	if (setgroups(1, &gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -1;
	prctl(PR_SET_DUMPABLE, 0);	/* the user has no business in here */
	return 0;
}

/* Where the credentials are: this host's keytab, or the user's own cache. */
static void find_credentials(const struct request *req)
{
	if (req->uid) {
		if (become(req->uid))
			exit(EACCES);
		return;
	}
	setenv("KRB5_CLIENT_KTNAME", "FILE:/etc/krb5.keytab", 1);
	setenv("KRB5CCNAME", "MEMORY:penstock", 1);
}

static int dial(const struct request *req)
{
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	int fd = socket(req->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		exit(EAGAIN);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&req->addr, req->addr_len))
		exit(EAGAIN);
	return fd;
}

static void read_all(int fd, void *to, size_t len)
{
	unsigned char *p = to;
	ssize_t n;

	for (; len; len -= n, p += n) {
		n = read(fd, p, len);
		if (n <= 0)
			exit(EAGAIN);
	}
}

struct init_res {
	unsigned char handle[64];
	size_t handle_len;
	uint32_t major, minor, window;
	struct buffer verf;
	struct buffer token;
};

static void parse_init(struct reader *r, struct init_res *res)
{
	const void *p;
	size_t len;

	p = get_opaque(r, &len);
	if (len > sizeof(res->handle))
		exit(EPROTO);
	memcpy(res->handle, p, len);
	res->handle_len = len;
	res->major = get32(r);
	res->minor = get32(r);
	res->window = get32(r);
	p = get_opaque(r, &len);
	memcpy(res->token.data, p, len);
	res->token.len = len;
}

/* One NULL call with a token in it (RFC 2203 section 5.2.2). */
static void exchange(int fd, uint32_t xid, const gss_buffer_desc *token,
		     struct init_res *res)
{
	static struct buffer out, in;
	struct reader r;
	const void *p;
	uint32_t mark;
	size_t len;

	out.len = 4;
	put32(&out, xid);
	put32(&out, 0);
	put32(&out, 2);
	put32(&out, PROGRAM);
	put32(&out, VERSION4);
	put32(&out, 0);
	put32(&out, FLAVOR);
	put32(&out, 20 + ((res->handle_len + 3) & ~3UL));
	put32(&out, 1);
	put32(&out, res->handle_len ? GSS_CONTINUE : GSS_INIT);
	put32(&out, 0);
	put32(&out, 1);
	put_opaque(&out, res->handle, res->handle_len);
	put32(&out, 0);
	put32(&out, 0);
	put_opaque(&out, token->value, token->length);
	mark = htonl(0x80000000u | (out.len - 4));
	memcpy(out.data, &mark, 4);
	if (send(fd, out.data, out.len, MSG_NOSIGNAL) != (ssize_t)out.len)
		exit(EAGAIN);

	read_all(fd, &mark, 4);
	len = ntohl(mark) & 0x7fffffff;
	if (!(ntohl(mark) & 0x80000000u) || len > sizeof(in.data))
		exit(EPROTO);
	read_all(fd, in.data, len);
	r.p = in.data;
	r.end = in.data + len;
	if (get32(&r) != xid || get32(&r) != 1)
		exit(EPROTO);
	if (get32(&r))
		exit(EKEYREJECTED);	/* the server knows no RPCSEC_GSS, or not our principal */
	res->verf.len = 0;
	if (get32(&r) == FLAVOR) {
		p = get_opaque(&r, &len);
		memcpy(res->verf.data, p, len);
		res->verf.len = len;
	} else {
		get_opaque(&r, &len);
	}
	if (get32(&r))
		exit(EKEYREJECTED);
	parse_init(&r, res);
}

/* The server's proof that it has our context: a MIC of the window. */
static void check_window(const struct request *req, gss_ctx_id_t ctx, struct init_res *res)
{
	uint32_t window = htonl(res->window);
	gss_buffer_desc msg = { 4, &window }, mic = { res->verf.len, res->verf.data };
	OM_uint32 major, minor;

	major = gss_verify_mic(&minor, ctx, &msg, &mic, NULL);
	if (major != GSS_S_COMPLETE)
		gss_fail(req, "the server's answer is forged", major, minor);
}

static gss_name_t server_name(const struct request *req)
{
	char text[300], host[NI_MAXHOST];
	gss_buffer_desc name;
	OM_uint32 major, minor;
	struct in6_addr literal;
	gss_name_t out;

	snprintf(host, sizeof(host), "%s", req->server);
	/* an address has no principal; its name may have one */
	if (inet_pton(AF_INET, host, &literal) == 1 || inet_pton(AF_INET6, host, &literal) == 1)
		getnameinfo((const struct sockaddr *)&req->addr, req->addr_len, host,
			    sizeof(host), NULL, 0, NI_NAMEREQD);
	name.length = snprintf(text, sizeof(text), "nfs@%s", host);
	name.value = text;
	major = gss_import_name(&minor, &name, GSS_C_NT_HOSTBASED_SERVICE, &out);
	if (major != GSS_S_COMPLETE)
		gss_fail(req, "the server's name", major, minor);
	return out;
}

static gss_cred_id_t credentials(const struct request *req)
{
	gss_OID_set_desc krb5 = { 1, (gss_OID)gss_mech_krb5 };
	OM_uint32 major, minor, life = 0;
	gss_cred_id_t cred;

	major = gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &krb5,
				 GSS_C_INITIATE, &cred, NULL, &life);
	if (major != GSS_S_COMPLETE)
		gss_fail(req, "credentials", major, minor);
	if (req->uid && !life)
		exit(EKEYEXPIRED);
	return cred;
}

static gss_ctx_id_t establish(const struct request *req, struct init_res *res)
{
	gss_cred_id_t cred = credentials(req);
	gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
	gss_name_t name = server_name(req);
	gss_buffer_desc out, in = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor;
	uint32_t xid = time(NULL) << 8 ^ getpid();
	int fd = -1;

	do {
		major = gss_init_sec_context(&minor, cred, &ctx, name, (gss_OID)gss_mech_krb5,
					     GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG |
					     GSS_C_CONF_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS,
					     &in, NULL, &out, NULL, NULL);
		if (GSS_ERROR(major))
			gss_fail(req, "the context", major, minor);
		if (out.length) {
			if (fd < 0)
				fd = dial(req);
			exchange(fd, xid++, &out, res);
			if (GSS_ERROR(res->major))
				gss_fail(req, "refused by the server", res->major, 0);
			in.length = res->token.len;
			in.value = res->token.data;
		}
	} while (major & GSS_S_CONTINUE_NEEDED);
	if (!res->handle_len)
		exit(EPROTO);
	check_window(req, ctx, res);
	return ctx;
}

/* What net/gss.c reads. */
static void serialize(const struct request *req, gss_ctx_id_t ctx,
		      const struct init_res *res, struct buffer *out)
{
	gss_krb5_lucid_context_v1_t *lucid;
	gss_krb5_lucid_key_t *key;
	OM_uint32 major, minor;
	int64_t life;
	void *p;

	major = gss_krb5_export_lucid_sec_context(&minor, &ctx, 1, &p);
	if (major != GSS_S_COMPLETE)
		gss_fail(req, "exporting the context", major, minor);
	lucid = p;
	if (lucid->protocol != 1)	/* only the enctypes of RFC 4121 */
		exit(EKEYREJECTED);
	key = lucid->cfx_kd.have_acceptor_subkey ? &lucid->cfx_kd.acceptor_subkey :
						   &lucid->cfx_kd.ctx_key;
	life = (int64_t)lucid->endtime - time(NULL);
	if (!lucid->endtime)
		life = LIFE_DEFAULT;
	if (life < 10)
		exit(EKEYEXPIRED);
	put32(out, 1);
	put32(out, life);
	put32(out, key->type);
	put32(out, lucid->cfx_kd.have_acceptor_subkey);
	put32(out, res->window);
	put32(out, lucid->send_seq >> 32);
	put32(out, lucid->send_seq);
	put_opaque(out, res->handle, res->handle_len);
	put_opaque(out, key->data, key->length);
}

static int child(const struct request *req, int fd)
{
	static struct init_res res;
	static struct buffer out;
	gss_ctx_id_t ctx;

	alarm(TIME_LIMIT);
	find_credentials(req);
	ctx = establish(req, &res);
	serialize(req, ctx, &res, &out);
	return write(fd, out.data, out.len) == (ssize_t)out.len ? 0 : EIO;
}

/* ---- the parent: the key ---- */

static int parse_addr(struct request *req, char *text)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM }, *ai;
	char *port = strrchr(text, ':');

	if (!port)
		return -1;
	*port++ = 0;
	if (*text == '[') {
		text++;
		text[strcspn(text, "]")] = 0;
	}
	if (getaddrinfo(text, port, &hints, &ai))
		return -1;
	memcpy(&req->addr, ai->ai_addr, ai->ai_addrlen);
	req->addr_len = ai->ai_addrlen;
	freeaddrinfo(ai);
	return 0;
}

/* "uid=N server=NAME addr=ADDRESS:PORT" */
static int parse_request(struct request *req, char *info)
{
	char addr[128];
	unsigned int uid;

	if (sscanf(info, "uid=%u server=%255s addr=%127s", &uid, req->server, addr) != 3)
		return -1;
	req->uid = uid;
	return parse_addr(req, addr);
}

static int refuse(key_serial_t key, int error)
{
	keyctl_reject(key, NEGATIVE_LIFE, error, KEY_REQKEY_DEFL_DEFAULT);
	return 1;
}

static int read_answer(int fd, unsigned char *to, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while (got < size && (n = read(fd, to + got, size - got)) > 0)
		got += n;
	return got;
}

int main(int argc, char **argv)
{
	static struct request req;
	unsigned char answer[1024];
	int fds[2], status, len;
	key_serial_t key;
	void *info;
	pid_t pid;

	if (argc != 2) {
		fprintf(stderr, "usage: penstock-gss KEY (request-key runs it)\n");
		return 2;
	}
	openlog("penstock-gss", LOG_PID, LOG_DAEMON);
	prctl(PR_SET_DUMPABLE, 0);
	key = strtol(argv[1], NULL, 10);
	if (keyctl_assume_authority(key) < 0) {
		syslog(LOG_ERR, "key %d is not ours to make: %m", key);
		return 1;
	}
	if (keyctl_read_alloc(KEY_SPEC_REQKEY_AUTH_KEY, &info) < 0 || parse_request(&req, info)) {
		syslog(LOG_ERR, "key %d: the request makes no sense", key);
		return refuse(key, EINVAL);
	}
	if (pipe(fds))
		return refuse(key, EAGAIN);
	pid = fork();
	if (pid < 0)
		return refuse(key, EAGAIN);
	if (!pid) {
		close(fds[0]);
		_exit(child(&req, fds[1]));
	}
	close(fds[1]);
	len = read_answer(fds[0], answer, sizeof(answer));
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return refuse(key, EAGAIN);
	if (WEXITSTATUS(status) || !len)
		return refuse(key, WEXITSTATUS(status) ?: EKEYREJECTED);
	status = keyctl_instantiate(key, answer, len, KEY_REQKEY_DEFL_DEFAULT);
	explicit_bzero(answer, sizeof(answer));
	if (status < 0) {
		syslog(LOG_ERR, "key %d: the kernel does not take the context: %m", key);
		return refuse(key, EKEYREJECTED);
	}
	return 0;
}
