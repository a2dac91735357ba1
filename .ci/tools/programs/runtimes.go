package programs

var postgres = group{
	name:  "postgres",
	title: "PostgreSQL",
	needs: []string{"psql:postgresql-client", "/usr/share/doc/postgresql:postgresql", "setpriv:util-linux"},
	about: `psql --version`,
	add:   []string{"$(ls -d /usr/lib/postgresql/*)", "/usr/share/postgresql", "/usr/share/zoneinfo", "setpriv", "chown", "chmod", "/bin/sh", "cat"},
	setup: `export PATH=$PATH:$(echo /usr/lib/postgresql/*/bin) LC_ALL=C
chmod 777 . "$TMPDIR"
mkdir data sockets && chmod 700 data && chown nobody:nogroup data sockets
as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
as_nobody initdb -D data -U postgres -A trust --no-sync --no-locale -E UTF8
DATA=$PWD/data
cat >psql.sh <<'EOF'
#!/bin/sh
exec psql -h 127.0.0.1 -p "$1" -U postgres -v ON_ERROR_STOP=1 -qAtc "$2"
EOF
chmod +x psql.sh
export DATA PSQL=$PWD/psql.sh`,
	cases: []testCase{
		{
			name: "backend",
			shows: "A query with much work_mem takes its backend to the limit. The kernel kills that backend, the server restarts all others, and the queries " +
				"after it work again.",
			setup: `cat >step <<'EOF'
#!/bin/sh
n=$(cat n 2>/dev/null || echo 0); n=$((n + 1)); echo $n >n
[ $n != 3 ] || exec $PSQL $1 "select count(*) from (select repeat(md5(a::text), 8) r from generate_series(1, 400000) a order by 1 offset 1) x"
exec $PSQL $1 "select 1"
EOF
chmod +x step`,
			run: `--max 96M --ready 'output:ready to accept connections' --steps 20 --tolerate 15 --expect child-oom-killed --acked 4..19 --recovered 1m --timeout 2m \
    --output 'was terminated by signal 9' --exec './step $PORT' \
    --user nobody -- postgres -D "$DATA" -p '$PORT' -k '' \
    -c work_mem=512MB -c shared_buffers=16MB -c fsync=off`,
			says: `filled by anon .*victims? postgres`,
		},
		{
			name:  "spills",
			shows: "The same query with 4 MB of work_mem sorts on the disk, and the server ends in order when it is told to (SIGINT, its fast shutdown).",
			run: `--max 96M --ready 'output:ready to accept connections' --steps 1 --stop INT,30s --expect stopped --acked 1 --timeout 2m \
    --exec "$PSQL \$PORT 'select count(*) from (select repeat(md5(a::text), 8) r from generate_series(1, 400000) a order by 1 offset 1) x'" \
    --user nobody -- postgres -D "$DATA" -p '$PORT' -k '' \
    -c work_mem=4MB -c shared_buffers=16MB -c fsync=off`,
			says: `^alive when the load ended: `,
		},
		{
			name:  "shared-buffers",
			shows: "shared_buffers beyond the limit are not refused: they fill up with the table. A killed backend gives nothing of them back, so others are killed after it, and often the server itself.",
			setup: `cat >step <<'EOF'
#!/bin/sh
exec $PSQL $1 "create table if not exists t(x text); alter table t alter x set storage plain; insert into t select repeat('x', 7000) from generate_series(1, $2 / 8192)"
EOF
chmod +x step`,
			run: `--max 64M --ready 'output:ready to accept connections' --step 8MiB --steps 30 --expect oom-killed,child-oom-killed --acked predicted --timeout 2m \
    --exec './step $PORT $step' \
    --user nobody -- postgres -D "$DATA" -p '$PORT' -k '' \
    -c shared_buffers=256MB -c fsync=off`,
			says: `filled by shmem .*victims? postgres`,
		},
	},
}

var jvm = group{
	name:  "jvm",
	title: "The JVM",
	needs: []string{"java:default-jre-headless", "javac:default-jdk-headless"},
	about: `java -version 2>&1 | head -n 1`,
	host: `cat >Fill.java <<'EOF'
import java.nio.ByteBuffer;
import java.util.ArrayList;

public class Fill {
  public static void main(String[] a) throws Exception {
    System.out.println("largest heap: " + (Runtime.getRuntime().maxMemory() >> 20) + " MiB");
    var kept = new ArrayList<Object>();
    for (int i = 0; i < Integer.parseInt(a[1]); i++) {
      if (a[0].equals("direct")) {
        var b = ByteBuffer.allocateDirect(1 << 20);
        for (int j = 0; j < b.capacity(); j += 4096) b.put(j, (byte) 1);
        kept.add(b);
      } else {
        kept.add(new byte[1 << 20]);
      }
    }
    System.out.println("kept " + kept.size() + " MiB");
  }
}
EOF
"$(dirname "$(readlink -f "$(command -v java)")")/javac" --release 11 Fill.java`,
	add: []string{"$JAVA_HOME/bin/java", "$JAVA_HOME/lib", "$JAVA_HOME/conf", "Fill.class"},
	cases: []testCase{
		{
			name: "unaware",
			shows: "A JVM that does not see the limit takes a quarter of the machine as its heap, and is killed. Java 17 before the change of " +
				"JDK-8349988 is such a one on kernels without cgroup v1's memory controller, from 6.12 on, as it looks into /proc/cgroups; here it is told to be.",
			run: `--max 160M --expect oom-killed --output '^largest heap: [0-9]{3,} MiB' \
    -- java -XX:-UseContainerSupport -cp "$HERE" Fill heap 300`,
			says: `filled by anon .*victims? java`,
		},
		{
			name:  "heap",
			shows: "-Xmx beyond the limit lets the heap grow into it.",
			run:   `--max 96M --expect oom-killed -- java -Xmx400m -cp "$HERE" Fill heap 300`,
			says:  `filled by anon .*victims? java`,
		},
		{
			name:  "direct",
			shows: "A small heap with direct buffers: no -Xmx would have helped.",
			run:   `--max 96M --expect oom-killed -- java -Xmx24m -XX:MaxDirectMemorySize=400m -cp "$HERE" Fill direct 300`,
			says:  `filled by anon .*victims? java`,
		},
		{
			name:  "direct-limit",
			shows: "Direct buffers have a limit of their own, -Xmx unless MaxDirectMemorySize says more, and an error of their own.",
			run:   `--max 128M --expect runtime-oom --output 'direct buffer memory' -- java -Xmx24m -cp "$HERE" Fill direct 300`,
			says:  `\(JVM\).*direct buffer memory`,
		},
	},
}

var node = group{
	name:  "node",
	title: "Node.js",
	needs: []string{"node:nodejs"},
	about: `node --version`,
	add:   []string{"node"},
	setup: `cat >fill.js <<'EOF'
const kept = [];
for (let i = 0; i < 300; i++) kept.push(new Array(1 << 17).fill(1.5));
console.log("kept", kept.length);
EOF
cat >server.js <<'EOF'
const kept = [];
require("http").createServer((request, response) => {
  kept.push(Buffer.alloc(4 << 20, 1));
  response.end("ok");
}).listen(+process.argv[2], "127.0.0.1");
EOF
export JS=$PWD`,
	cases: []testCase{
		{
			name:  "heap",
			shows: "V8's heap has a limit of its own; below that of the cage, V8 gives up and aborts.",
			run:   `--max 256M --expect runtime-oom --output 'JavaScript heap out of memory' -- node --max-old-space-size=32 "$JS/fill.js"`,
			says:  `\(V8\).*JavaScript heap out of memory`,
		},
		{
			name:  "limit",
			shows: "With more heap allowed than the cage has, the kernel is first.",
			run:   `--max 96M --expect oom-killed -- node --max-old-space-size=512 "$JS/fill.js"`,
			says:  `filled by anon .*victims? node`,
		},
		{
			name:  "buffers",
			shows: "Buffers are outside of V8's heap, and its limit does not hold them.",
			run: `--max 96M --post / --step 4MiB --expect oom-killed --acked predicted \
    -- node --max-old-space-size=16 "$JS/server.js" '$PORT'`,
			says: `filled by anon .*victims? node`,
		},
	},
}

var python = group{
	name:  "python",
	title: "Python",
	needs: []string{"/usr/lib/python3.11:python3"},
	about: `/usr/bin/python3 --version`,
	add:   []string{"/usr/bin/python3", "/usr/lib/python3.11", "/bin/sh"},
	setup: `cat >leak.py <<'EOF'
import http.server, sys
kept = []
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept.append(b"x" * (2 << 20))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
EOF
cat >prefork.py <<'EOF'
import fcntl, os, socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
def work():
    kept = []
    turn = open(__file__, "a")
    fcntl.flock(turn, fcntl.LOCK_EX) # until it ends: the kernel kills the largest, which is to be the one that serves
    while True:
        c, _ = s.accept()
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += c.recv(65536) or b"\r\n\r\n"
        if asked.startswith(b"POST"):
            kept.append(b"x" * (2 << 20))
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        c.close()
def start():
    if os.fork() == 0:
        try: work()
        finally: os._exit(1)
for i in range(2): start()
while True:
    pid, status = os.wait()
    print("a worker ended with status", status, flush=True)
    start()
EOF
cat >refcounts.py <<'EOF'
import os, sys
data = [str(i) for i in range(400000)]
for i in range(2):
    if os.fork() == 0:
        open("/proc/self/oom_score_adj", "w").write("500")
        kept = [s for s in data]
        os._exit(0 if len(kept) else 1)
print([os.wait()[1] for i in range(2)])
EOF
export PY=$PWD`,
	cases: []testCase{
		{
			name:  "server",
			shows: "One process that keeps 2 MiB of each request.",
			run:   `--max 64M --post / --step 2MiB --expect oom-killed --acked predicted -- python3 "$PY/leak.py" '$PORT'`,
			says:  `filled by anon .*victims? python3`,
		},
		{
			name:  "prefork",
			shows: "Two forked workers, of which one serves: it is killed, the other takes over, the parent starts one anew, and the service is back.",
			run: `--max 64M --post / --step 2MiB --steps 40 --tolerate 10 --expect child-oom-killed --acked 34..39 --recovered 1m \
    --output 'a worker ended with status 9' -- python3 "$PY/prefork.py" '$PORT'`,
			says: `filled by anon .*victims? python3`,
		},
		{
			name:  "prefork-group",
			shows: "The same with memory.oom.group: parent and workers go together.",
			run: `--max 64M --oom-group --post / --step 2MiB --expect oom-group-killed --acked predicted \
    -- python3 "$PY/prefork.py" '$PORT'`,
			says: `filled by anon`,
		},
		{
			name:  "refused",
			shows: "Memory that the kernel refuses (ulimit -v) is a MemoryError, and Python ends by itself.",
			run: `--max 256M --expect runtime-oom --output '^MemoryError' \
    -- sh -c 'ulimit -v 120000; exec python3 -c "kept = [b\"x\" * (2 << 20) + bytes([i % 256]) for i in range(200)]"'`,
			says: `\(Python\).*MemoryError`,
		},
	},
}
