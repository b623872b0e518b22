package main

import (
	"math"
	"slices"
	"time"
)

// median of the values; NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// ratios divides pairwise, so that what disturbs one round disturbs both of its figures.
func ratios(a, b []float64) []float64 {
	out := make([]float64, 0, len(a))
	for i := range min(len(a), len(b)) {
		out = append(out, a[i]/b[i])
	}
	return out
}

// busiestSecond is the largest number of moments inside one calendar second.
func busiestSecond(at []time.Time) int {
	most, count := 0, map[int64]int{}
	for _, t := range at {
		count[t.Unix()]++
		most = max(most, count[t.Unix()])
	}
	return most
}
