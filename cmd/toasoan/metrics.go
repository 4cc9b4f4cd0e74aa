package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics serves /metrics until ctx ends. A taken port costs the metrics, not the newsroom.
func (a *app) metrics(ctx context.Context) error {
	if a.config.MetricsListen == "" {
		<-ctx.Done()
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.config.MetricsListen)
	if err != nil {
		a.log.Warn("metrics are not served", "listen", a.config.MetricsListen, "error", err)
		<-ctx.Done()
		return nil
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &gauges{app: a})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return serveHTTP(ctx, &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 15 * time.Second}, listener)
}

// gauges asks the database, at each scrape, for what an operator watches.
type gauges struct{ app *app }

var (
	gaugeStage   = prometheus.NewDesc("toasoan_articles", "Articles by stage of the working revision.", []string{"stage"}, nil)
	gaugeWaiting = prometheus.NewDesc("toasoan_waiting", "What waits: moves recorded and not settled, publications without all receipts, letters and newsletters not sent, parked events, open alerts.", []string{"what"}, nil)
	gaugeBounces = prometheus.NewDesc("toasoan_bounces_total", "Mails that came back, by what they meant; unknown and ignored ones included.", []string{"what"}, nil)
	gaugeUp      = prometheus.NewDesc("toasoan_up", "1 when the server answers.", []string{"server"}, nil)
)

// Describe implements prometheus.Collector.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	out <- gaugeStage
	out <- gaugeWaiting
	out <- gaugeBounces
	out <- gaugeUp
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // the collector interface brings no context
	defer cancel()
	up := func(server string, err error) {
		value := 1.0
		if err != nil {
			value = 0
		}
		out <- prometheus.MustNewConstMetric(gaugeUp, prometheus.GaugeValue, value, server)
	}
	up("temporal", g.app.dispatch.Check(ctx))
	up("nats", g.app.natsReady(ctx))
	stages, waiting, err := g.app.store.Gauges(ctx)
	up("postgres", err)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			g.app.log.Warn("metrics without the database", "error", fmt.Errorf("gauges: %w", err))
		}
		return
	}
	bounces, err := g.app.store.BounceTotals(ctx)
	if err != nil {
		g.app.log.Warn("metrics without returned mails", "error", err)
	}
	for what, n := range bounces {
		out <- prometheus.MustNewConstMetric(gaugeBounces, prometheus.CounterValue, float64(n), what)
	}
	for stage, n := range stages {
		out <- prometheus.MustNewConstMetric(gaugeStage, prometheus.GaugeValue, float64(n), stage)
	}
	for what, n := range waiting {
		out <- prometheus.MustNewConstMetric(gaugeWaiting, prometheus.GaugeValue, float64(n), what)
	}
}
