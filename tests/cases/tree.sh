# SPDX-License-Identifier: GPL-2.0
# Topology: client, node1. Trees of files, the way people use them.

pack() {
	tar -C "$1" -cf /tmp/tree.tar .
}

#: timeout=600 slow more
t_unpack_and_compare() {
	d=$(ls -d /usr/lib/python3.*/ | head -1)
	(cd $d && find . -name '*.py' -not -path './test/*' | head -500) >/tmp/names
	tar -C $d -cf /tmp/tree.tar -T /tmp/names
	mkdir tree
	tar -C tree -xf /tmp/tree.tar
	tar -C tree -df /tmp/tree.tar
	echo 3 >/proc/sys/vm/drop_caches
	tar -C tree -df /tmp/tree.tar
	eq "$(find tree ! -type d | wc -l)" "$(wc -l </tmp/names)" "files"
	cp -a tree copy
	diff -r tree copy
	rm -r tree copy
}

# The kernel's own headers: some thousand small files.
#: timeout=3000 slow long
t_unpack_kernel() {
	src=$(ls -d /usr/src/linux-headers-*-common | head -1)
	pack $src
	mkdir tree
	tar -C tree -xf /tmp/tree.tar
	echo 3 >/proc/sys/vm/drop_caches
	tar -C tree -df /tmp/tree.tar
	diff -r --no-dereference tree $src
	rm -r tree
}

#: timeout=300 slow more
t_compile() {
	mkdir src
	for i in $(seq 10); do
		echo "int f$i(void) { return $i; }" >src/f$i.c
	done
	{
		for i in $(seq 10); do echo "int f$i(void);"; done
		echo "int main(void) { return 0"
		for i in $(seq 10); do echo " + f$i()"; done
		echo "- 55; }"
	} >src/main.c
	printf 'OBJS = $(patsubst %%.c,%%.o,$(wildcard *.c))\nprog: $(OBJS)\n\t$(CC) -o $@ $^\n' >src/Makefile
	make -s -C src -j2
	src/prog
	ar cr src/lib.a src/f*.o
	sleep 1
	touch src/f3.c
	sleep 1		# clocks of client and server differ a little
	make -C src >/tmp/out
	grep -q f3 /tmp/out
	make -C src >/tmp/out
	grep -q "up to date" /tmp/out
}

#: timeout=240
t_rsync() {
	cp -r /usr/share/keyrings /tmp/from 2>/dev/null || cp -r /etc/apt /tmp/from
	rsync -a /tmp/from/ to/
	rsync -ac --itemize-changes /tmp/from/ to/ >/tmp/again
	eq "$(grep -v '^\.' /tmp/again | wc -l)" 0 "changes in the second run"
	diff -r /tmp/from to
}

t_sqlite_like() {
	python3 - <<-'END'
	import sqlite3
	c = sqlite3.connect("db")
	c.execute("create table t (a integer primary key, b text)")
	for i in range(60):
	    with c:
	        c.execute("insert into t values (?, ?)", (i, "x" * i))
	assert c.execute("select count(*), sum(length(b)) from t").fetchone() == (60, 1770)
	assert c.execute("pragma integrity_check").fetchone()[0] == "ok"
	c.close()
	c = sqlite3.connect("db")
	assert c.execute("select count(*) from t").fetchone() == (60,)
	END
}
