package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"toasoan/newsroom"
)

// measurePortal asks for an article's page and for a feed, beside servers that do nothing but hand out the same bytes.
func measurePortal(ctx context.Context, b *bench) error {
	p, err := b.open(ctx)
	if err != nil {
		return err
	}
	path, err := p.portal(ctx)
	if err != nil {
		return err
	}
	rounds, span := 4, 2*time.Second
	if b.quick {
		rounds, span = 3, time.Second
	}
	for _, asked := range []struct{ name, path string }{{"page", path}, {"feed", "/rss.xml"}} {
		if err := b.besideStatic(ctx, p, asked.name, asked.path, rounds, span); err != nil {
			return fmt.Errorf("%s: %w", asked.name, err)
		}
	}
	addr := strings.TrimPrefix(p.url, "http://")
	calm, err := load{addr: addr, connections: 2, span: 2 * span, status: "200", request: same(get(addr, path, "gzip"))}.run(ctx)
	if err != nil {
		return err
	}
	b.report.value("page.p50_ms", quantile(calm.waits, 0.5), "ms", "an article's page, 2 connections")
	b.report.value("page.p99_ms", quantile(calm.waits, 0.99), "ms", fmt.Sprintf("%d requests", calm.requests))
	size, parts, err := weight(p.url + path)
	if err != nil {
		return err
	}
	b.report.value("portal.page_kb", float64(size)/1024, "KB", fmt.Sprintf("first visit of an article, on the wire with headers, all but pictures: %d answers", parts))
	return nil
}

func same(request []byte) func(int) []byte { return func(int) []byte { return request } }

// portal starts the roles that readers need, publishes a few articles, and returns the path of the newest. The relay of the run is
// a sink.
func (p *plant) portal(ctx context.Context, settings ...string) (path string, err error) {
	if p.relay == nil {
		if p.relay, err = startSink(sinkOptions{pipelining: true}); err != nil {
			return "", err
		}
		if err := p.list(ctx, "portal", 20); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"web", "consumers", "worker"} {
		if err := p.run(ctx, name, append([]string{"SMTP_URL=" + p.relay.url()}, settings...)...); err != nil {
			return "", err
		}
	}
	var id string
	for n := range 6 {
		if id, err = p.publish(ctx, "portal", fmt.Sprintf("Hội nghị triển khai nhiệm vụ tháng %d", n+1)); err != nil {
			return "", err
		}
	}
	var slug string
	if err := p.db.QueryRow(ctx, `SELECT slug FROM live_articles WHERE article_id = $1`, id).Scan(&slug); err != nil {
		return "", err
	}
	path = newsroom.ArticlePath(slug, id)
	return path, p.until(ctx, "web", func() bool { return answers(p.url+path) && answers(p.url+"/rss.xml") })
}

// publish writes an article and has it approved.
func (p *plant) publish(ctx context.Context, section, title string) (id string, err error) {
	if id, err = p.article(ctx, section, title); err != nil {
		return "", err
	}
	return id, errors.Join(p.forward(ctx, id), p.approve(ctx, id))
}

// besideStatic asks the portal, nginx and a bare net/http server for the same bytes in turn, since the machine may have other work.
func (b *bench) besideStatic(ctx context.Context, p *plant, name, path string, rounds int, span time.Duration) error {
	folder, err := os.MkdirTemp(p.folder, "static-")
	if err != nil {
		return err
	}
	packed, kind, err := fetchPacked(p.url + path)
	if err != nil {
		return err
	}
	if err := writeStatic(folder, packed); err != nil {
		return err
	}
	bare, endBare, err := startBare(folder, kind)
	if err != nil {
		return err
	}
	defer endBare()
	nginx, endNginx, err := startNginx(folder, kind)
	defer endNginx()
	if errors.Is(err, exec.ErrNotFound) {
		b.report.skipped(name+".rps_vs_nginx", "nginx is not installed (apt-get install nginx-light)")
	} else if err != nil {
		return err
	}
	ours, theirs, plain := answered{}, answered{}, answered{}
	for range rounds {
		for _, one := range []struct {
			addr, path string
			sum        *answered
		}{{strings.TrimPrefix(p.url, "http://"), path, &ours}, {nginx, "/page", &theirs}, {bare, "/page", &plain}} {
			if one.addr == "" {
				continue
			}
			got, err := load{addr: one.addr, connections: 16, span: span, status: "200", request: same(get(one.addr, one.path, "gzip"))}.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", one.addr, err)
			}
			if size := got.bytes / int64(max(got.requests, 1)); size < int64(len(packed))*9/10 || size > int64(len(packed))*11/10 {
				return fmt.Errorf("%s answers %d bytes, not %d", one.addr, size, len(packed))
			}
			one.sum.add(got)
		}
	}
	note := fmt.Sprintf("%d bytes (gzip), 16 connections, the generator on the same cores", len(packed))
	if nginx != "" {
		b.report.against(name+".rps_vs_nginx", ours.rate(), theirs.rate(), "answers/s", note)
	}
	if name == "page" {
		b.report.against("page.rps_vs_nethttp", ours.rate(), plain.rate(), "answers/s", "baseline: a bare net/http handler with the same bytes")
	}
	return nil
}

// fetchPacked is a page as a client with gzip gets it.
func fetchPacked(url string) (body []byte, kind string, err error) {
	r, err := http.NewRequest(http.MethodGet, url, nil) //nolint:noctx // loopback
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("Accept-Language", "vi")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != "gzip" {
		return nil, "", fmt.Errorf("%s: %s, encoding %q", url, res.Status, res.Header.Get("Content-Encoding"))
	}
	body, err = io.ReadAll(res.Body)
	return body, res.Header.Get("Content-Type"), err
}

// writeStatic writes page and page.gz into a folder that nginx may read.
func writeStatic(folder string, packed []byte) error {
	unpacker, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(unpacker)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(folder, "page"), plain, 0o644), os.WriteFile(filepath.Join(folder, "page.gz"), packed, 0o644)) //nolint:gosec // public
}

const nginxSettings = `daemon off;
worker_processes auto;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log warn;
%[4]s
events { worker_connections 256; }
http {
	access_log off;
	default_type "%[3]s";
	types { }
	sendfile on;
	tcp_nopush on;
	keepalive_requests 100000000;
	open_file_cache max=16 inactive=1h;
	open_file_cache_valid 1h;
	gzip_static on;
	client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
	server { listen %[2]s; root %[1]s; }
}
`

// startNginx serves a folder with nginx as one sets it up for static pages: packed beforehand, open files kept, no log.
func startNginx(folder, kind string) (addr string, end func(), err error) {
	end = func() {}
	program, err := exec.LookPath("nginx")
	if err != nil {
		return "", end, err
	}
	if addr, err = freeAddress(); err != nil {
		return "", end, err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	settings := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(settings, fmt.Appendf(nil, nginxSettings, folder, addr, kind, user), 0o644); err != nil { //nolint:gosec // no secret
		return "", end, err
	}
	cmd := exec.Command(program, "-p", folder, "-e", filepath.Join(folder, "error.log"), "-c", settings) //nolint:noctx // ended by end
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", end, err
	}
	end = func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }
	return addr, end, awaitAnswer("http://" + addr + "/page")
}

// bareCommand makes this program the bare net/http server.
const bareCommand = "net-http-baseline"

// bareJob is what it serves.
type bareJob struct{ Addr, Folder, Kind string }

// startBare serves the same page with nothing but net/http, in a process of its own.
func startBare(folder, kind string) (addr string, end func(), err error) {
	end = func() {}
	if addr, err = freeAddress(); err != nil {
		return "", end, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", end, err
	}
	said, err := json.Marshal(bareJob{addr, folder, kind})
	if err != nil {
		return "", end, err
	}
	cmd := exec.Command(self, bareCommand) //nolint:noctx // ended by end
	cmd.Stdin, cmd.Stderr = bytes.NewReader(said), os.Stderr
	if err := cmd.Start(); err != nil {
		return "", end, err
	}
	end = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	return addr, end, awaitAnswer("http://" + addr + "/page")
}

// runBare is that process.
func runBare(in io.Reader) error {
	var job bareJob
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return err
	}
	packed, err := os.ReadFile(filepath.Join(job.Folder, "page.gz"))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", job.Addr)
	if err != nil {
		return err
	}
	length := strconv.Itoa(len(packed))
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { //nolint:gosec // loopback, short-lived
		h := w.Header()
		h.Set("Content-Type", job.Kind)
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", length)
		_, _ = w.Write(packed)
	}))
}

func awaitAnswer(url string) error {
	for deadline := time.Now().Add(20 * time.Second); !answers(url); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer", url)
		}
	}
	return nil
}
