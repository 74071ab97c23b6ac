package gate

// Between says by how much the values of b lie above those of a: the
// Hodges-Lehmann shift, and limits each of which the true shift is beyond with
// a probability of at most alpha, by the exact Mann-Whitney test. A limit that
// so few values do not have is infinite. Both need a value at the least; they
// need not have equally many, and ties only make the limits wider.
func Between(a, b []float64, alpha float64) (shift, lower, upper float64) {
	e := invert(differences(a, b), rankSums(len(a), len(b)), alpha, alpha)
	return e.shift, e.lower, e.upper
}

// Needed is how many values of each side it takes for Between to have limits.
// Alpha is above 0.
func Needed(alpha float64) int {
	k := 1
	for separated(k) > alpha {
		k++
	}
	return k
}
