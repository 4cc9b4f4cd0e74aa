package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// result is one row of bench.json. Baseline and ratio are null where nothing was measured beside it.
type result struct {
	Name     string   `json:"name"`
	Value    float64  `json:"value"`
	Unit     string   `json:"unit"`
	Baseline *float64 `json:"baseline"`
	Ratio    *float64 `json:"ratio"`
	Note     string   `json:"note,omitempty"`
}

// report collects rows and prints each at once.
type report struct{ rows []result }

// value is a measurement without a baseline.
func (r *report) value(name string, value float64, unit, note string) {
	r.add(result{Name: name, Value: round(value), Unit: unit, Note: note})
}

// against is a measurement beside its baseline of the same run.
func (r *report) against(name string, value, baseline float64, unit, note string) {
	row := result{Name: name, Value: round(value), Unit: unit, Baseline: new(round(baseline)), Note: note}
	if baseline != 0 {
		row.Ratio = new(round(value / baseline))
	}
	r.add(row)
}

// skipped says why a row is missing.
func (r *report) skipped(name, why string) { fmt.Printf("%-24s skipped: %s\n", name, why) }

func (r *report) add(row result) {
	r.rows = append(r.rows, row)
	line := fmt.Sprintf("%-24s %12s %-10s", row.Name, figure(row.Value), row.Unit)
	if row.Baseline != nil && row.Ratio != nil {
		line += fmt.Sprintf(" baseline %10s  ratio %6s", figure(*row.Baseline), figure(*row.Ratio))
	}
	if row.Note != "" {
		line += "  " + row.Note
	}
	fmt.Println(line)
}

// write puts the rows into a file, replacing those of the same name that an earlier run of other parts left there.
func (r *report) write(path string) error {
	rows := r.rows
	if old, err := os.ReadFile(path); err == nil {
		var before []result
		if json.Unmarshal(old, &before) == nil {
			for _, b := range before {
				if !slices.ContainsFunc(r.rows, func(n result) bool { return n.Name == b.Name }) {
					rows = append(rows, b)
				}
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	raw, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644) //nolint:gosec // figures
}

// round keeps four significant figures.
func round(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

func figure(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		return fmt.Sprintf("%.0f", v)
	case a >= 100:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.4f", v)
	}
}

// quantile of durations, in milliseconds; the nearest rank, so that a p99 of few samples is their worst.
func quantile(list []time.Duration, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return milliseconds(sorted[max(rank, 0)])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
