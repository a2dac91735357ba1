package programs

var tools = group{
	name:  "tools",
	title: "GNU sort, xz, gcc and SQLite",
	needs: []string{"sort:coreutils", "xz:xz-utils", "gcc:gcc", "sqlite3:sqlite3"},
	about: "sort --version | head -n 1\nxz --version | head -n 1\ngcc --version | head -n 1\nsqlite3 --version | cut -d ' ' -f 1",
	add:   []string{"sort", "xz", "gcc", "$(gcc -print-prog-name=cc1)", "sqlite3", "yes", "head", "seq", "/bin/sh"},
	setup: `yes 'the quick brown fox jumps over the lazy dog, and the five boxing wizards jump quickly, and so on' | head -c 40M >lines
head -c 4M /dev/urandom >noise
xz -9 -k noise
{ echo 'int a[] = {'; seq -s, 1 300000; echo '};'; } >table.c
export FILES=$PWD`,
	cases: []testCase{
		{
			name:  "sort",
			shows: "sort makes its buffer by the size of its input and by the machine's memory, and does not ask for the limit.",
			run:   `--max 32M --expect oom-killed -- sort -o /dev/null "$FILES/lines"`,
			says:  `filled by anon .*victims? sort`,
		},
		{
			name:  "sort-buffer",
			shows: "With a buffer that is named it sorts 40 MiB on the disk.",
			run:   `--max 32M --expect exited=0 -- sort -S 8M -T . -o /dev/null "$FILES/lines"`,
			says:  `exit code 0`,
		},
		{
			name:  "xz",
			shows: "xz -9 has tables of 674 MiB, and 4 MiB of random bytes touch enough of them.",
			run:   `--max 64M --expect oom-killed -- xz -9 -k -c "$FILES/noise"`,
			says:  `filled by anon .*victims? xz`,
		},
		{
			name:  "xz-memlimit",
			shows: "Told its limit, xz takes a smaller dictionary.",
			run: `--max 64M --expect exited=0 --output 'Adjusted LZMA2 dictionary size' \
    -- sh -c 'xz -9 -v -c --memlimit-compress=40MiB "$0" >/dev/null' "$FILES/noise"`,
			says: `exit code 0`,
		},
		{
			name:  "xz-decompress",
			shows: "Decompressing takes what compressing chose. A limit of its own ends it with a message, and with 1.",
			run: `--max 64M --expect runtime-oom --output 'Memory usage limit reached' \
    -- xz -dc --memlimit-decompress=16MiB "$FILES/noise.xz"`,
			says: `Memory usage limit reached.*exit code 1`,
		},
		{
			name:  "gcc",
			shows: "A table of 300,000 numbers: the compiler proper, cc1, is killed, and gcc itself says so and ends with 1.",
			run:   `--max 32M --expect child-oom-killed --output 'Killed signal terminated program cc1' -- gcc -ffreestanding -S -o /dev/null "$FILES/table.c"`,
			says:  `filled by anon .*victims? cc1`,
		},
		{
			name:  "gcc-refused",
			shows: "Where the kernel refuses it memory (ulimit -v), cc1 says so, and gcc ends with 1.",
			run: `--max 256M --expect runtime-oom --output 'out of memory allocating|virtual memory exhausted' \
    -- sh -c 'ulimit -v 70000; exec gcc -ffreestanding -S -o /dev/null "$0"' "$FILES/table.c"`,
			says: `exit code 1`,
		},
		{
			name:  "sqlite-memory",
			shows: "A database in memory grows into the limit.",
			run:   `--max 32M --expect oom-killed -- sqlite3 :memory: 'create table t(x); insert into t select zeroblob(1000) from generate_series(1, 60000)'`,
			says:  `filled by anon .*victims? sqlite3`,
		},
		{
			name:  "sqlite-heap-limit",
			shows: "With a heap limit of its own it refuses the insert, and ends with an error.",
			run: `--max 64M --expect runtime-oom --output 'out of memory' \
    -- sqlite3 :memory: 'pragma hard_heap_limit=16000000; create table t(x); insert into t select zeroblob(1000) from generate_series(1, 60000)'`,
			says: `exit code 7`,
		},
		{
			name:  "sqlite-file",
			shows: "The same on the disk is page cache, and is done.",
			run:   `--max 32M --expect exited=0 -- sqlite3 t.db 'create table t(x); insert into t select zeroblob(1000) from generate_series(1, 60000)'`,
			says:  `exit code 0`,
		},
	},
}
