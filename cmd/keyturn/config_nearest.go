package main

// nearest returns the candidate with the least edit distance from word, if it
// is near enough to be a slip of the fingers: at most two edits, or a third of
// the word.
func nearest(word string, candidates []string) (best string, ok bool) {
	limit := max(2, len(word)/3)
	least := limit + 1
	for _, c := range candidates {
		if d := editDistance(lower(word), lower(c)); d < least {
			best, least = c, d
		}
	}
	return best, least <= limit && best != "" && least < len(best)
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func editDistance(a, b string) int {
	// Only near words matter; a hostile key of a megabyte must not cost a
	// megabyte squared.
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return max(len(a), len(b))
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
