// SPDX-License-Identifier: GPL-2.0
/*
 * penstock cred krb5: what this host and this user have for sec=krb5 and kin.
 *
 * Looks where penstock-gss looks: the host's keytab for uid 0, each user's
 * default cache for the others.  Reads names, numbers and times; keys stay where
 * they are.
 */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"

#define KEYTAB		"/etc/krb5.keytab"
#define KEY_TYPE	"." PENSTOCK_FSTYPE
#define NAME_LEN	256

/* What was found; *_why: what is wrong with it, or empty. */
struct krb5_state {
	char rule[NAME_LEN];		/* the program that the rule runs */
	char rule_why[WHY_MAX];
	const char *keytab;
	char host[NAME_LEN];		/* whom this host's calls are from */
	char enctypes[NAME_LEN];
	char host_why[WHY_MAX];
	char user[NAME_LEN];
	char cache[NAME_LEN];
	time_t until;			/* of the user's ticket, 0: there is none */
	char user_why[WHY_MAX];
};

/* ---- request-key ---- */

/* "create TYPE DESCRIPTION CALLOUT PROGRAM ARGUMENTS", see request-key.conf(5) */
static bool rule_in(const char *file, char *program)
{
	char line[1024], op[32], type[64];
	bool found = false;
	FILE *f = fopen(file, "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%31s %63s %*s %*s %255s", op, type, program) == 3 &&
			!strcmp(op, "create") && !strcmp(type, KEY_TYPE);
	if (f)
		fclose(f);
	return found;
}

static void look_rule(struct krb5_state *s)
{
	bool found = false;
	glob_t files;
	size_t i;

	if (!glob("/etc/request-key.d/*.conf", 0, NULL, &files)) {
		for (i = 0; i < files.gl_pathc && !found; i++)
			found = rule_in(files.gl_pathv[i], s->rule);
		globfree(&files);
	}
	if (!found && !rule_in("/etc/request-key.conf", s->rule)) {
		s->rule[0] = '\0';
		complain(s->rule_why, "no rule for keys of type %s in /etc/request-key.d: penstock-gss.conf belongs there",
			 KEY_TYPE);
	} else if (access(s->rule, X_OK)) {
		complain(s->rule_why, "%s cannot be run: %s", s->rule, strerror(errno));
	} else if (access("/sbin/request-key", X_OK)) {	/* the kernel knows no other place */
		complain(s->rule_why, "/sbin/request-key is missing: install keyutils");
	}
}

#ifdef HAVE_KRB5
#include <krb5/krb5.h>

static void krb5_complain(krb5_context ctx, krb5_error_code error, char *why)
{
	const char *text = krb5_get_error_message(ctx, error);

	complain(why, "%s", text);
	krb5_free_error_message(ctx, text);
}

static void name_of(krb5_context ctx, krb5_const_principal who, char *name)
{
	char *text;

	if (krb5_unparse_name(ctx, who, &text))
		return;
	snprintf(name, NAME_LEN, "%s", text);
	krb5_free_unparsed_name(ctx, text);
}

/* RFC 3962, RFC 8009: what the kernel's part protects messages with */
static bool enctype_fits(krb5_enctype type)
{
	return type >= 17 && type <= 20;
}

static void add_enctype(char *list, krb5_enctype type)
{
	size_t len = strlen(list);
	char name[64];

	if (krb5_enctype_to_name(type, 1, name, sizeof(name)) || strstr(list, name))
		return;
	snprintf(list + len, NAME_LEN - len, "%s%s", len ? " " : "", name);
}

/* The GSS library takes the first principal of the keytab. */
static krb5_error_code read_keytab(krb5_context ctx, krb5_keytab kt, struct krb5_state *s)
{
	krb5_principal first = NULL;
	krb5_keytab_entry entry;
	krb5_kt_cursor cursor;
	bool fits = false;
	krb5_error_code error;

	error = krb5_kt_start_seq_get(ctx, kt, &cursor);
	if (error)
		return error;
	while (!krb5_kt_next_entry(ctx, kt, &entry, &cursor)) {
		if (!first)
			error = krb5_copy_principal(ctx, entry.principal, &first);
		if (first && krb5_principal_compare(ctx, first, entry.principal)) {
			add_enctype(s->enctypes, entry.key.enctype);
			fits |= enctype_fits(entry.key.enctype);
		}
		krb5_free_keytab_entry_contents(ctx, &entry);
	}
	krb5_kt_end_seq_get(ctx, kt, &cursor);
	if (first)
		name_of(ctx, first, s->host);
	if (!first)
		complain(s->host_why, "there is no key in it");
	else if (!fits)
		complain(s->host_why, "no key of %s is for AES, which is all that works", s->host);
	krb5_free_principal(ctx, first);
	return error;
}

static void look_keytab(krb5_context ctx, struct krb5_state *s)
{
	krb5_keytab kt;
	krb5_error_code error;

	if (access(s->keytab, R_OK)) {
		complain(s->host_why, "%s", strerror(errno));
		return;
	}
	error = krb5_kt_resolve(ctx, s->keytab, &kt);
	if (!error) {
		error = read_keytab(ctx, kt, s);
		krb5_kt_close(ctx, kt);
	}
	if (error)
		krb5_complain(ctx, error, s->host_why);
}

static bool data_is(const krb5_data *data, const char *text)
{
	return data->length == strlen(text) && !memcmp(data->data, text, data->length);
}

/* Until when the ticket for tickets is good. */
static krb5_error_code read_cache(krb5_context ctx, krb5_ccache cc, struct krb5_state *s)
{
	krb5_principal who;
	krb5_cc_cursor cursor;
	krb5_creds creds;
	krb5_error_code error;

	error = krb5_cc_get_principal(ctx, cc, &who);
	if (error)
		return error;
	name_of(ctx, who, s->user);
	krb5_free_principal(ctx, who);
	error = krb5_cc_start_seq_get(ctx, cc, &cursor);
	if (error)
		return error;
	while (!krb5_cc_next_cred(ctx, cc, &cursor, &creds)) {
		if (!krb5_is_config_principal(ctx, creds.server) &&
		    krb5_princ_size(ctx, creds.server) == 2 &&
		    data_is(&creds.server->data[0], "krbtgt") &&
		    creds.times.endtime > s->until)
			s->until = creds.times.endtime;
		krb5_free_cred_contents(ctx, &creds);
	}
	krb5_cc_end_seq_get(ctx, cc, &cursor);
	return 0;
}

static void look_cache(krb5_context ctx, struct krb5_state *s)
{
	krb5_ccache cc;
	krb5_error_code error = krb5_cc_default(ctx, &cc);

	if (!error) {
		snprintf(s->cache, sizeof(s->cache), "%s:%s", krb5_cc_get_type(ctx, cc),
			 krb5_cc_get_name(ctx, cc));
		error = read_cache(ctx, cc, s);
		krb5_cc_close(ctx, cc);
	}
	if (error)
		krb5_complain(ctx, error, s->user_why);
	else if (!s->until)
		complain(s->user_why, "there is no ticket in it: run kinit");
	else if (s->until <= time(NULL))
		complain(s->user_why, "the ticket has expired: run kinit");
}

static void look(struct krb5_state *s)
{
	krb5_context ctx;

	unsetenv("KRB5CCNAME");		/* penstock-gss does not see it */
	look_rule(s);
	if (krb5_init_context(&ctx)) {
		complain(s->host_why, "/etc/krb5.conf cannot be read");
		return;
	}
	look_keytab(ctx, s);
	look_cache(ctx, s);
	krb5_free_context(ctx);
}

#else

static void look(struct krb5_state *s)
{
	look_rule(s);
	complain(s->host_why, "not looked at: this penstock was built without Kerberos");
	complain(s->user_why, "not looked at: this penstock was built without Kerberos");
}

#endif

/* ---- showing ---- */

static void print_pair(const char *key, const char *value)
{
	printf("\"%s\": ", key);
	print_string(value);
}

static void show_json(const struct krb5_state *s, const char *until)
{
	printf("\"krb5\": {\"request_key\": {");
	print_pair("program", s->rule);
	printf(", ");
	print_pair("error", s->rule_why);
	printf("}, \"keytab\": {");
	print_pair("file", s->keytab);
	printf(", ");
	print_pair("principal", s->host);
	printf(", ");
	print_pair("enctypes", s->enctypes);
	printf(", ");
	print_pair("error", s->host_why);
	printf("}, \"ticket\": {");
	print_pair("cache", s->cache);
	printf(", ");
	print_pair("principal", s->user);
	printf(", \"not_after\": \"%s\", ", until);
	print_pair("error", s->user_why);
	printf("}}");
}

static void show_text(const struct krb5_state *s, const char *until)
{
	printf("Kerberos  requests of the kernel: %s%s%s\n", s->rule,
	       *s->rule && *s->rule_why ? ": " : "", s->rule_why);
	printf("          host: %s: %s%s%s%s%s%s\n", s->keytab, s->host,
	       *s->enctypes ? " (" : "", s->enctypes, *s->enctypes ? ")" : "",
	       *s->host && *s->host_why ? ": " : "", s->host_why);
	printf("          user %u: %s", (unsigned int)getuid(), s->cache);
	if (*s->user)
		printf(": %s, ticket until %s", s->user, *until ? until : "?");
	printf("%s%s\n", *s->user_why ? ": " : "", s->user_why);
}

static struct krb5_state *show(const char *keytab, bool json)
{
	static struct krb5_state s;
	char until[32] = "";

	s.keytab = keytab;
	look(&s);
	if (s.until)
		strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", gmtime(&s.until));
	if (json)
		show_json(&s, until);
	else
		show_text(&s, until);
	return &s;
}

void cred_krb5_show(bool json)
{
	show(KEYTAB, json);
}

/* Root's calls need the keytab, those of all others a ticket. */
static bool ready(const struct krb5_state *s)
{
	return !*s->rule_why && !*(getuid() ? s->user_why : s->host_why);
}

int cred_krb5(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "keytab", required_argument, NULL, 'k' },
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	const char *keytab = KEYTAB, *cache = getenv("KRB5CCNAME");
	const struct krb5_state *s;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "j", longs, NULL)) != -1) {
		switch (c) {
		case 'k':
			keytab = optarg;
			break;
		case 'j':
			json = true;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind != argc) {
		fprintf(stderr, "usage: penstock cred krb5 [--keytab FILE] [--json]\n");
		return EXIT_USAGE;
	}
	if (cache && getuid())
		fprintf(stderr, "penstock cred: KRB5CCNAME is set here, but mounts look into the user's default cache\n");
	if (json)
		printf("{");
	s = show(keytab, json);
	if (json)
		printf("}\n");
	return ready(s) ? EXIT_OK : EXIT_FAIL;
}
