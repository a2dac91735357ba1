package programs

// writeAndSave is a client of Redis that overwrites twelve values again and again, and has the twelfth step begin a BGSAVE.
const writeAndSave = `cat >write <<'EOF'
#!/bin/sh
set -e
n=$(redis-cli -e -p "$1" incr n)
head -c "$2" /dev/zero | redis-cli -e -p "$1" -x set k$((n % 12))
[ "$n" != 12 ] || redis-cli -e -p "$1" bgsave
EOF
chmod +x write`

var redis = group{
	name:  "redis",
	title: "Redis",
	needs: []string{"redis-server:redis-server", "redis-cli:redis-tools"},
	about: `redis-server --version | cut -d ' ' -f 1-3`,
	add:   []string{"redis-server", "redis-cli", "chmod", "head"},
	cases: []testCase{
		{
			name: "limit",
			shows: "Without maxmemory a list grows until the kernel ends the server, which has no word on it. The script's own " +
				"copies stay with the server: the first step takes five times as much as one that only keeps its bytes, so the prediction is too high.",
			run: `--max 64M --ready tcp --step 4MiB --expect oom-killed --acked 7..14 \
    --exec 'redis-cli -e -p $PORT eval redis.call([[rpush]],[[k]],([[x]]):rep($step)) 0' \
    -- redis-server --port '$PORT' --save ''`,
			says: `^killed by its own limit: .*filled by anon .*victims? redis-server`,
		},
		{
			name:  "evicts",
			shows: "With maxmemory and a policy that evicts, three times as much as it may keep is written, and it lives.",
			run: `--max 64M --timeout 3m --ready tcp --step 2MiB --steps 36 --expect survived --acked 36 \
    --exec 'redis-cli -e -p $PORT eval redis.call([[set]],[[k]]..redis.call([[incr]],[[n]]),([[x]]):rep($step)) 0' \
    -- redis-server --port '$PORT' --save '' --maxmemory 24mb --maxmemory-policy allkeys-lru`,
			says: `^alive when the load ended: .*, after step 36`,
		},
		{
			name:  "refuses",
			shows: "With maxmemory and noeviction it refuses writes, and lives: the limit of the cage has no part in it.",
			run: `--max 64M --timeout 3m --ready tcp --step 2MiB --steps 36 --expect survived --acked 6..14 \
    --exec 'redis-cli -e -p $PORT eval redis.call([[set]],[[k]]..redis.call([[incr]],[[n]]),([[x]]):rep($step)) 0' \
    -- redis-server --port '$PORT' --save '' --maxmemory 24mb --maxmemory-policy noeviction`,
			says: `was not acknowledged`,
		},
		{
			name: "bgsave",
			shows: "BGSAVE forks, and each page that is written meanwhile is held twice. With oom-score-adj, which is off by default, the " +
				"kernel takes the child that saves first, and the server goes on, or is killed too where that came too late for its next write. The child is made slow here, so that all is written while it saves.",
			setup: writeAndSave,
			run: `--max 64M --timeout 3m --ready tcp --step 3MiB --steps 30 --expect child-oom-killed,oom-killed --acked 12..30 \
    --exec './write $PORT $step' \
    -- redis-server --port '$PORT' --save '' --oom-score-adj yes --rdb-key-save-delay 2000000`,
			says: `filled by anon .*victims? redis-(rdb-bgsave|server)`,
		},
		{
			name:  "bgsave-refuses",
			shows: "Where save points are set, a dead child means that writes are refused from then on (MISCONF), where the server lives.",
			setup: writeAndSave,
			run: `--max 64M --timeout 3m --ready tcp --step 3MiB --steps 60 --expect child-oom-killed,oom-killed --acked 12..40 \
    --exec './write $PORT $step' \
    -- redis-server --port '$PORT' --save '3600 100000' --oom-score-adj yes --rdb-key-save-delay 2000000`,
			says: `filled by anon .*victims? redis-(rdb-bgsave|server)`,
		},
		{
			name:  "resized",
			shows: "A limit that is lowered below what is in use, as by a resize of a pod in place, kills at once.",
			run: `--max 128M --at step=8:max=24M --ready tcp --step 4MiB --steps 16 --expect oom-killed --acked 8..9 \
    --exec 'redis-cli -e -p $PORT eval redis.call([[rpush]],[[k]],([[x]]):rep($step)) 0' \
    -- redis-server --port '$PORT' --save ''`,
			says: `24\.0 MiB`,
		},
	},
}

// setItems is a client of memcached: it writes as many bytes as it is told to, in items of 64 KiB.
const setItems = `cat >set.py <<'EOF'
import os, socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
answers = s.makefile()
for i in range(int(sys.argv[2]) // 65536):
    s.sendall(b"set %d-%d 0 0 65536\r\n" % (os.getpid(), i) + b"x" * 65536 + b"\r\n")
    said = answers.readline().strip()
    if said != "STORED":
        sys.exit(said or "it has hung up")
EOF`

// nginxConf is what all of its cases have, with PORT for the port and WHERE for what a server does.
const nginxConf = `mkdir www
cat >nginx.in <<'EOF'
daemon off; worker_processes 1; user root; pid nginx.pid; error_log stderr;
events {}
http {
  access_log off; client_max_body_size 0;
  client_body_temp_path TEMP; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server { listen 127.0.0.1:PORT; location / { WHERE } }
}
EOF
nginx_in() { sed -i "s|TEMP|$1|; s|WHERE|$2|" nginx.in; }
`

const startNginx = `sh -c 'sed "s/PORT/$0/" nginx.in >nginx.conf; exec nginx -p "$PWD" -c "$PWD/nginx.conf"' '$PORT'`

var memcachedAndNginx = group{
	name:  "servers",
	title: "memcached and nginx",
	needs: []string{"memcached:memcached", "nginx:nginx-light", "/usr/lib/python3.11:python3"},
	about: "memcached --version\nnginx -v 2>&1",
	add:   []string{"memcached", "nginx", "/usr/bin/python3", "/usr/lib/python3.11", "sed", "chmod", "head"},
	cases: []testCase{
		{
			name:  "memcached-full",
			shows: "memcached drops old items at its own limit (-m), and lives.",
			setup: setItems,
			run: `--max 64M --timeout 3m --ready tcp --step 4MiB --steps 16 --expect survived --acked 16 \
    --exec 'python3 set.py $PORT $step' -- memcached -u root -l 127.0.0.1 -p '$PORT' -m 16 -t 2`,
			says: `^alive when the load ended: `,
		},
		{
			name:  "memcached-limit",
			shows: "Where -m is more than the cage has, it is killed before it drops anything.",
			setup: setItems,
			run: `--max 48M --ready tcp --step 4MiB --expect oom-killed --acked predicted \
    --exec 'python3 set.py $PORT $step' -- memcached -u root -l 127.0.0.1 -p '$PORT' -m 1024 -t 2`,
			says: `filled by anon .*victims? memcached`,
		},
		{
			name:  "nginx-files",
			shows: "A file of three times the limit costs nothing here: its page cache is charged to who has read or written it first, which was not nginx.",
			setup: nginxConf + `nginx_in t "root www;"
head -c 96M /dev/zero >www/large`,
			run: `--max 32M --get /large --steps 4 --expect survived --acked 4 \
    -- ` + startNginx,
			says: `^alive when the load ended: `,
		},
		{
			name:  "nginx-uploads",
			shows: "Uploads that go to tmpfs stay charged, and are nobody's memory: the worker is killed, which frees next to nothing, and then the master.",
			setup: nginxConf + `mkdir /dev/shm/up; nginx_in /dev/shm/up/t "root /dev/shm/up/\$request_id; dav_methods PUT; create_full_put_path on;"`,
			run: `--max 48M --timeout 3m --request 'PUT /file' --body-size '$step' --step 4MiB --steps 20 --tolerate 20 --expect oom-killed --acked 9..12 \
    -- ` + startNginx,
			says: `filled by shmem .*/dev/shm`,
		},
		{
			name:  "nginx-clients",
			shows: "A worker with 16 clients at once needs next to nothing for each of them, and ends when it is told to (SIGQUIT).",
			setup: nginxConf + `nginx_in t "root www;"
head -c 100k /dev/zero >www/page`,
			run: `--max 32M --get /page --clients 16 --steps 200 --stop QUIT,20s --expect stopped --acked 200 \
    -- ` + startNginx,
			says: `^alive when the load ended: `,
		},
	},
}
