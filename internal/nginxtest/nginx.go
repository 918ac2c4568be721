// Package nginxtest gives a test a real nginx of its own: configuration, init
// script, a free port on loopback.
//
// [Install] writes the files; the init script starts and stops it. The test
// ends what it left running with [Nginx.Kill].
package nginxtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Nginx is one installed server. It need not run.
type Nginx struct {
	URL string // where it answers while it runs
	dir string
}

const conf = `pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
worker_processes 1;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
	server { listen %[2]s; location / { return 200 "hello\n"; } }
}
`

const script = `#!/bin/sh
### BEGIN INIT INFO
# Provides: nginx
# Short-Description: the web server
### END INIT INFO
# pidfile: %[1]s/nginx.pid
echo "$1" >> %[1]s/actions
alive() { [ -s %[1]s/nginx.pid ] && kill -0 "$(cat %[1]s/nginx.pid)" 2>/dev/null; }
stop() {
	alive || return 0
	nginx -c %[1]s/nginx.conf -s stop
	n=0; while alive && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done
}
case "$1" in
start) alive || exec nginx -c %[1]s/nginx.conf ;;
stop) stop ;;
restart) stop; exec nginx -c %[1]s/nginx.conf ;;
reload) alive || exit 7; exec nginx -c %[1]s/nginx.conf -s reload ;;
status) alive && exit 0; [ -e %[1]s/nginx.pid ] && exit 1; exit 3 ;;
*) exit 2 ;;
esac
`

// Install writes an nginx into the empty directory dir and its init script,
// called nginx, into initDir.
func Install(initDir, dir string) (*Nginx, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, conf, dir, addr), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(initDir, "nginx"), fmt.Appendf(nil, script, dir), 0o755); err != nil {
		return nil, err
	}
	return &Nginx{URL: "http://" + addr, dir: dir}, nil
}

// PID is the process id of the main process, 0 if there is none.
func (n *Nginx) PID() int {
	text, err := os.ReadFile(filepath.Join(n.dir, "nginx.pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// Actions are what the init script was asked to do, in order, but for status.
func (n *Nginx) Actions() []string {
	text, err := os.ReadFile(filepath.Join(n.dir, "actions"))
	if err != nil {
		return nil
	}
	var out []string
	for _, action := range strings.Fields(string(text)) {
		if action != "status" {
			out = append(out, action)
		}
	}
	return out
}

// Kill ends it if it runs.
func (n *Nginx) Kill() {
	if pid := n.PID(); pid > 0 {
		syscall.Kill(pid, syscall.SIGTERM)
	}
}
