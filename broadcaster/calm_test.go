package broadcaster

import "testing"

func TestMemoryIsGivenBackOnceWhenAStormIsOver(t *testing.T) {
	for _, c := range []struct {
		name        string
		connections []int // second by second
		want        []int // seconds at which a storm is over
	}{
		{"a trickle is no storm", []int{100, 200, 300, 400, 500, 600, 700, 800, 900}, nil},
		{"connections arrive and stay", []int{4000, 8000, 12000, 15000, 15000, 15000, 15000, 15000, 15000, 15000, 15000}, []int{8}},
		{"they keep coming", []int{2000, 4000, 6000, 8000, 10000, 12000, 14000, 16000}, nil},
		{"a crowd leaves", []int{2000, 2000, 2000, 2000, 2000, 2000, 0, 0, 0, 0, 0, 0, 0}, []int{5, 11}},
		{"slow growth adds up to one once it ends", []int{300, 600, 900, 1200, 1500, 1800, 1800, 1800, 1800}, []int{8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calm calm
			var got []int
			for second, n := range c.connections {
				if calm.tick(n) {
					got = append(got, second)
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("storms were over at %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("storms were over at %v, want %v", got, c.want)
				}
			}
		})
	}
}
