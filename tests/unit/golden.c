// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "../../fs/nfs4/proto.h"
#include "decoders.h"
#include "golden.h"
#include "wire.h"

#define SESSION	"x000102030405060708090a0b0c0d0e0f"
#define SID	"7 xaabbccddeeff001122334455"
#define VERF	"x0102030405060708"
#define CINFO	"1 q10 q11"
#define CINFO2	"0 q20 q22"

#define SEQ_OK	"53 0 " SESSION " 9 3 63 31 0 "
#define PUTFH_OK "22 0 "

#define FATTR3	"1 0x1a4 1 0 0 q4096 q4096 0 0 q1 q2 1 2 3 4 5 6"

/* type, change, size, fsid, fileid; mode ... mounted_on_fileid */
#define ATTR_VALS \
	"1 q77 q12345 q1 q2 q4242 " \
	"0x1a4 2 '1000' '100' 8 17 q16384 " \
	"q1000000001 111 q1000000002 222 q1000000003 333 q1000000004 444 q4242"
#define ATTR	"2 0x0010011a 0x00b4a23a [ " ATTR_VALS " ]"

#define FSINFO \
	"3 0xf8010565 0x40080000 0x0004a800 [ " \
	"3 0xfffff 0x1fffff 0x7ffff " /* supported_attrs */ \
	"0 1 1 q5 q6 90 0 " \
	"q0x7fffffffffffffff 255 255 q1048576 q1048576 " \
	"q0 1 " /* time_delta */ \
	"3 1 4 4000000000 " /* fs_layout_type */ \
	"2 0x12 0x22 " /* suppattr_exclcreat */ \
	"4096 1 1 ]"

#define STATFS \
	"2 0x20e00000 0x00001c00 [ q11 q22 q33 255 q1000 q2000 q3000 ]"

/* fs_root, two locations of one and two servers; mounted_on_fileid */
#define LOCATIONS \
	"2 0x01000100 0x00800000 [ q1 q2 2 'a' 'bc' 2 " \
	"2 '10.0.0.1' 'node1' 2 'x' 'export' 1 '10.0.0.9' 0 q77 ]"

/* rdattr_error 0, type, fileid, filehandle; in the order of their numbers */
#define DIRENT(cookie, name, type, fileid) \
	"1 q" #cookie " " name " 1 0x00180802 [ " #type " 0 o01020304 q" #fileid " ] "

#define DELEG_READ	"1 " SID " 0 0 0 0x81 'OWNER@'"
#define DELEG_WRITE	"2 " SID " 1 1 q65536 0 0 0x83 'OWNER@'"
#define DELEG_WRITE_BLOCKS "2 " SID " 0 2 16 4096 0 0 0x83 ''"
#define OPEN_OK(deleg)	"18 0 " SID " " CINFO " 4 2 0x10 0x2 " deleg

#define DEVID	"x0f0e0d0c0b0a09080706050403020100"
#define FF_DS(eff, user) DEVID " " eff " " SID " 1 o0102 " user " '200'"
#define FF_LAYOUT \
	"q65536 2 2 " FF_DS("10", "'100'") " " FF_DS("10", "'root@x'") " 2 " \
	FF_DS("20", "'100'") " " FF_DS("20", "'100'") " 1 30"
#define FF_DEVICE \
	"1 'tcp' '10.1.0.12.8.1' 2 3 0 65536 65536 0 4 1 1048576 1048576 1"

#define CHANNEL(maxreqs) "0 1049620 1049480 7584 16 " #maxreqs " 0 "

const struct golden goldens[] = {
	/* -- session -- */
	{ "sequence", "sequence", 0, SEQ_OK },
	{ "sequence_badsession", "sequence", 10052, "53 10052" },
	{ "sequence_illegal", "sequence", 10044, "10044 10044" },
	{ "exchange_id", "exchange_id", 0,
	  "42 0 q0x1122334455667788 1 0x00030103 0 "
	  "q3 'server.major' 'scope' 1 'example.org' 'server 1.0' q1600000000 5" },
	{ "exchange_id_no_impl", "exchange_id", 0,
	  "42 0 q1 1 0x20000 0 q0 '' '' 0" },
	{ "exchange_id_protected", "exchange_id", 0,
	  "42 0 q1 1 0x20000 1 2 0 0x2001e00 3 0x4110 0x802000 0x10 q0 'major' 'scope' 0" },
	{ "exchange_id_inuse", "exchange_id", 10017, "42 10017" },
	{ "create_session", "create_session", 0,
	  "43 0 " SESSION " 1 2 " CHANNEL(64) "0 4096 4096 0 2 16 1 9" },
	{ "create_session_stale", "create_session", 10022, "43 10022" },
	{ "bind_conn", "bind_conn_to_session", 0, "41 0 " SESSION " 3 0" },
	{ "destroy_session", "destroy_session", 0, "44 0" },
	{ "destroy_clientid", "destroy_clientid", 10074, "57 10074" },
	{ "reclaim_complete", "reclaim_complete", 10054, "58 10054" },
	{ "test_stateid", "test_stateid", 0, "55 0 3 0 10025 10087" },
	{ "free_stateid", "free_stateid", 10037, "45 10037" },
	{ "secinfo_name", "secinfo", 0,
	  "33 0 2 6 o2a864886f712010202 0 2 1" },
	{ "secinfo", "secinfo_no_name", 0,
	  "52 0 3 6 o2a864886f712010202 0 3 1 0" },
	/* -- file handles and attributes -- */
	{ "putrootfh", "putrootfh", 0, "24 0" },
	{ "putfh", "putfh", 70, "22 70" },
	{ "savefh", "savefh", 0, "32 0" },
	{ "restorefh", "restorefh", 10030, "31 10030" },
	{ "getfh", "getfh", 0, "10 0 o0102030405" },
	{ "getattr", "getattr", 0, "9 0 " ATTR },
	{ "getattr_none", "getattr", 0, "9 0 0 0" },
	{ "getattr_delay", "getattr", 10008, "9 10008" },
	{ "getattr_names", "getattr", 0,
	  "9 0 2 0 0x30 [ 'root@example.org' '01' ]" },
	{ "getattr_zero_words", "getattr", 0,
	  "9 0 5 0x8 0 0 0 0 [ q99 ]" },
	{ "fsinfo", "getattr_fsinfo", 0, "9 0 " FSINFO },
	{ "statfs", "getattr_statfs", 0, "9 0 " STATFS },
	{ "locations", "getattr_locations", 0, "9 0 " LOCATIONS },
	{ "locations_none", "getattr_locations", 0, "9 0 1 0x100 [ q1 q2 ]" },
	{ "locations_unasked", "getattr_locations", -EREMOTEIO,
	  "9 0 1 0x110 [ q1 q2 q3 ]" },
	{ "setattr", "setattr", 0, "34 0 2 0x10 0x2" },
	{ "setattr_perm", "setattr", 1, "34 1 0", 0, 8 },
	{ "access", "access", 0, "3 0 0x1f 0x03" },
	/* -- layouts -- */
	{ "layoutget_ff", "layoutget", 0,
	  "50 0 1 " SID " 1 q0 q0xffffffffffffffff 2 4 [ " FF_LAYOUT " ]" },
	{ "layoutget_two", "layoutget", 0,
	  "50 0 0 " SID " 2 q0 q4096 1 1 [ 1 ] q4096 q8192 2 1 [ 2 ]" },
	{ "layoutget_empty_range", "layoutget", -EREMOTEIO,
	  "50 0 0 " SID " 1 q0 q0 1 1 [ 1 ]" },
	{ "layoutget_range_wraps", "layoutget", -EREMOTEIO,
	  "50 0 0 " SID " 1 q2 q0xfffffffffffffffe 1 1 [ 1 ]" },
	{ "layoutget_later", "layoutget", 10058, "50 10058 0" },
	{ "layoutget_unavail", "layoutget", 10059, "50 10059" },
	{ "layoutcommit", "layoutcommit", 0, "49 0 1 q4096" },
	{ "layoutcommit_same", "layoutcommit", 0, "49 0 0" },
	{ "layoutreturn", "layoutreturn", 0, "51 0 0" },
	{ "layoutreturn_rest", "layoutreturn", 0, "51 0 1 " SID },
	{ "layouterror", "layouterror", 0, "64 0" },
	{ "layoutstats", "layoutstats", 0, "65 0" },
	{ "getdeviceinfo", "getdeviceinfo", 0, "47 0 4 [ " FF_DEVICE " ] 1 6" },
	{ "getdeviceinfo_small", "getdeviceinfo", 10005, "47 10005 70000" },
	{ "cb_devnotify", "cb_devnotify", 0,
	  "2 1 2 [ 4 " DEVID " 1 ] 1 6 [ 1 " DEVID " 0 4 " DEVID " ]" },
	{ "fl_layout", "fl_layout", 0, DEVID " 0x10001 1 q0 2 o01 o0203" },
	{ "fl_layout_no_unit", "fl_layout", -EREMOTEIO, DEVID " 1 0 q0 0" },
	{ "ff_layout", "ff_layout", 0, FF_LAYOUT },
	{ "ff_layout_uneven", "ff_layout", -EREMOTEIO,
	  "q65536 2 1 " FF_DS("1", "'1'") " 2 " FF_DS("2", "'1'") " "
	  FF_DS("3", "'1'") " 0 0" },
	{ "ff_layout_no_unit", "ff_layout", -EREMOTEIO,
	  "q0 1 2 " FF_DS("1", "'1'") " " FF_DS("2", "'1'") " 0 0" },
	{ "ff_layout_none", "ff_layout", -EREMOTEIO, "q0 0 0 0" },
	{ "fl_device", "fl_device", 0,
	  "3 0 1 0 2 1 'tcp' '10.1.0.11.8.1' 2 'tcp' '10.1.0.12.8.1' "
	  "'tcp6' 'fd00::1:12.8.1'" },
	{ "fl_device_index", "fl_device", -EREMOTEIO,
	  "2 0 1 1 1 'tcp' '10.1.0.11.8.1'" },
	{ "ff_device", "ff_device", 0, FF_DEVICE },
	/* -- names -- */
	{ "lookup", "lookup", 2, "15 2" },
	{ "lookupp", "lookupp", 0, "16 0" },
	{ "readlink", "readlink", 0, "27 0 '../some/where'" },
	{ "create", "create", 0, "6 0 " CINFO " 2 0 0x2" },
	{ "remove", "remove", 0, "28 0 " CINFO },
	{ "rename", "rename", 0, "29 0 " CINFO " " CINFO2 },
	{ "link", "link", 0, "11 0 " CINFO2 },
	{ "readdir", "readdir", 0,
	  "26 0 " VERF " " DIRENT(3, "'a'", 1, 100) DIRENT(4, "'sub'", 2, 101)
	  DIRENT(5, "'name with blanks'", 5, 102) "0 1" },
	{ "readdir_more", "readdir", 0, "26 0 " VERF " " DIRENT(9, "'x'", 1, 7) "0 0" },
	{ "readdir_empty", "readdir", 0, "26 0 " VERF " 0 1" },
	{ "readdir_odd_names", "readdir", 0,
	  "26 0 " VERF " " DIRENT(1, "'.'", 2, 1) DIRENT(2, "'..'", 2, 2)
	  DIRENT(3, "''", 1, 3) DIRENT(4, "'a/b'", 1, 4)
	  DIRENT(5, "o610062", 1, 5) DIRENT(6, "'...'", 1, 6)
	  DIRENT(7, "'/'", 1, 7) "0 1" },
	{ "readdir_rdattr_error", "readdir", 0,
	  "26 0 " VERF " 1 q3 'busy' 1 0x800 [ 10008 ] 0 1" },
	{ "readdir_cookie_zero", "readdir", -EREMOTEIO,
	  "26 0 " VERF " " DIRENT(0, "'a'", 1, 100) "0 1" },
	{ "readdir_bad_cookie", "readdir", 10003, "26 10003" },
	{ "readdir_end", "readdir_end", 0,
	  "26 0 " VERF " " DIRENT(3, "'a'", 1, 100) DIRENT(4, "'b'", 1, 101) "0 0" },
	/* -- open -- */
	{ "open", "open", 0, OPEN_OK("0") },
	{ "open_read_deleg", "open", 0, OPEN_OK(DELEG_READ) },
	{ "open_write_deleg", "open", 0, OPEN_OK(DELEG_WRITE) },
	{ "open_write_deleg_blocks", "open", 0, OPEN_OK(DELEG_WRITE_BLOCKS) },
	{ "open_none_ext", "open", 0, OPEN_OK("3 0") },
	{ "open_none_contention", "open", 0, OPEN_OK("3 1 1") },
	{ "open_none_resource", "open", 0, OPEN_OK("3 2 0") },
	{ "open_bad_deleg", "open", -EREMOTEIO, OPEN_OK("4") },
	{ "open_exist", "open", 17, "18 17" },
	{ "open_downgrade", "open_downgrade", 0, "21 0 " SID },
	{ "close", "close", 0, "4 0 " SID },
	{ "delegreturn", "delegreturn", 0, "8 0" },
	{ "lock", "lock", 0, "12 0 " SID },
	{ "lock_denied", "lock", 10010,
	  "12 10010 q4096 q0xffffffffffffffff 2 q5 'other'" },
	{ "lock_deadlock", "lock", 10045, "12 10045" },
	{ "lockt", "lockt", 0, "13 0" },
	{ "lockt_denied", "lockt", 10010, "13 10010 q0 q1 1 q5 ''" },
	{ "locku", "locku", 0, "14 0 " SID },
	/* -- data -- */
	{ "read", "read", 0, "25 0 1 'hello'", 8 },
	{ "read_io", "read", 5, "25 5" },
	{ "write", "write", 0, "38 0 4096 2 " VERF },
	{ "write_nospc", "write", 28, "38 28" },
	{ "write_bad_stable", "write", -EREMOTEIO, "38 0 4096 3 " VERF },
	{ "commit", "commit", 0, "5 0 " VERF },
	/* -- NFSv3 -- */
	{ "nfs3_read", "nfs3_read", 0, "0 1 " FATTR3 " 5 1 'hello'", 8 },
	{ "nfs3_read_bare", "nfs3_read", -EREMOTEIO, "0 0 5 1 'hello'" },
	{ "nfs3_read_two_counts", "nfs3_read", -EREMOTEIO, "0 1 " FATTR3 " 4 1 5" },
	{ "nfs3_read_stale", "nfs3_read", 70, "70" },
	{ "nfs3_write", "nfs3_write", 0, "0 1 q1 q2 q3 1 " FATTR3 " 4096 2 " VERF },
	{ "nfs3_write_bare", "nfs3_write", 0, "0 0 0 4096 0 " VERF },
	{ "nfs3_write_bad_stable", "nfs3_write", -EREMOTEIO, "0 0 0 4096 3 " VERF },
	{ "nfs3_write_jukebox", "nfs3_write", 10008, "10008" },
	{ "nfs3_write_expired", "nfs3_write", -EREMOTEIO, "10011" },
	{ "nfs3_commit", "nfs3_commit", 0, "0 0 1 " FATTR3 " " VERF },
	/* -- 4.2 -- */
	{ "allocate", "allocate", 10004, "59 10004" },
	{ "deallocate", "deallocate", 0, "62 0" },
	{ "seek", "seek", 0, "69 0 0 q65536" },
	{ "seek_nxio", "seek", 6, "69 6" },
	{ "copy", "copy", 0, "60 0 0 q1048576 2 " VERF " 1 1" },
	{ "copy_async", "copy", 0, "60 0 1 " SID " q0 0 " VERF " 1 0" },
	{ "copy_no_reqs", "copy", 10094, "60 10094 0 1" },
	{ "copy_notsupp", "copy", 10004, "60 10004" },
	{ "offload_cancel", "offload_cancel", 0, "66 0" },
	{ "offload_status", "offload_status", 0, "67 0 q4096 0" },
	{ "offload_status_done", "offload_status", 0, "67 0 q8192 1 28" },
	{ "clone", "clone", 0, "71 0" },
	/* -- xattrs -- */
	{ "getxattr", "getxattr", 0, "72 0 'value'" },
	{ "getxattr_empty", "getxattr", 0, "72 0 ''" },
	{ "getxattr_none", "getxattr", 10095, "72 10095" },
	{ "setxattr", "setxattr", 0, "73 0 " CINFO },
	{ "listxattrs", "listxattrs", 0, "74 0 q2 2 'one' 'two' 1" },
	{ "listxattrs_odd", "listxattrs", 0, "74 0 q9 4 '' o610062 'b/c' 'd' 0" },
	{ "removexattr", "removexattr", 0, "75 0 " CINFO },
	/* -- whole replies -- */
	{ "compound", "compound", 0, "0 'tag' 1 53 0", 8 },
	{ "compound_minor", "compound", 0, "10021 '' 0" },
	{ "reply_getattr", "reply", 0,
	  "0 '' 3 " SEQ_OK PUTFH_OK "9 0 " ATTR },
	{ "reply_read", "reply", 0,
	  "0 '' 3 " SEQ_OK PUTFH_OK "25 0 0 'abcdefgh'", 8 },
	{ "reply_stale", "reply", 70, "70 '' 2 " SEQ_OK "22 70" },
	{ "reply_open", "reply", 0,
	  "0 '' 6 " SEQ_OK PUTFH_OK OPEN_OK("0") " 10 0 o010203 3 0 31 31 9 0 " ATTR },
	{ "reply_readdir", "reply", 0,
	  "0 '' 3 " SEQ_OK PUTFH_OK "26 0 " VERF " " DIRENT(3, "'a'", 1, 100) "0 1" },
	/* -- callbacks -- */
	{ "cb_compound", "cb_compound", 0,
	  "'' 2 0 3 11 " SESSION " 1 0 0 1 0 4 " SID " 0 o0102 10 5" },
	{ "cb_compound_illegal", "cb_compound", -EOPNOTSUPP, "'t' 1 0 1 10044" },
	{ "cb_sequence", "cb_sequence", 0,
	  SESSION " 5 1 2 1 3 " SESSION " 2 8 0 9 1 " SESSION " 0 "
	  "x101112131415161718191a1b1c1d1e1f 1 4 7" },
	{ "cb_recall", "cb_recall", 0, SID " 1 o01020304" },
	{ "cb_recall_any", "cb_recall_any", 0, "100 1 0x3" },
	{ "cb_recall_slot", "cb_recall_slot", 0, "7" },
	{ "cb_getattr", "cb_getattr", 0, "o0102 1 0x18" },
	{ "cb_layoutrecall_file", "cb_layoutrecall", 0,
	  "1 3 0 1 o0102 q0 q0xffffffffffffffff " SID },
	{ "cb_layoutrecall_fsid", "cb_layoutrecall", 0, "4 3 1 2 q8 q9" },
	{ "cb_layoutrecall_all", "cb_layoutrecall", 0, "4 3 0 3" },
	{ "cb_layoutrecall_bad", "cb_layoutrecall", -EREMOTEIO, "4 3 0 4" },
	{ "cb_notify_lock", "cb_notify_lock", 0, "o0102 q7 'owner'" },
	{ "cb_offload", "cb_offload", 0, "o0102 " SID " 0 0 q8192 2 " VERF },
	{ "cb_offload_failed", "cb_offload", 0, "o0102 " SID " 28 q512" },
	{ "cb_push_deleg", "cb_push_deleg", 0, "o0102 " DELEG_READ },
	{ "cb_notify", "cb_notify", 0, SID " o0102 2 1 8 [ 1 2 3 ] 1 1 ''" },
	{ "cb_wants_cancelled", "cb_wants_cancelled", 0, "1 0" },
	{ "cb_notify_deviceid", "cb_notify_deviceid", 0,
	  "1 1 4 [ 1 " SESSION " ]" },
};

const unsigned int nr_goldens = sizeof(goldens) / sizeof(goldens[0]);

const char *golden(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_goldens; i++)
		if (!strcmp(goldens[i].name, name))
			return goldens[i].wire;
	fprintf(stderr, "no golden message %s\n", name);
	abort();
}

static int write_seed(const char *dir, const struct golden *g)
{
	char path[512];
	size_t len;
	FILE *f;
	u8 *data;

	snprintf(path, sizeof(path), "%s/%s", dir, g->name);
	f = fopen(path, "wb");
	if (!f) {
		perror(path);
		return 1;
	}
	data = wire(g->wire, &len);
	fputc((int)decoder_index(g->decoder), f);
	fwrite(data, 1, len, f);
	return fclose(f) ? 1 : 0;
}

int golden_write_seeds(const char *dir)
{
	unsigned int i;

	if (mkdir(dir, 0777) && errno != EEXIST) {
		perror(dir);
		return 1;
	}
	for (i = 0; i < nr_goldens; i++)
		if (write_seed(dir, &goldens[i]))
			return 1;
	return 0;
}
