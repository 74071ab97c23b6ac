package load

import (
	"fmt"
	"math/rand/v2"
)

const (
	// deckLen is about how many draws pass before their order repeats.
	deckLen = 4096
	// maxWeight bounds the sum of the weights, in lowest terms.
	maxWeight = 1 << 20
)

// Deck says which request of a mix the k-th one is. It is a pure function of
// the mix, the seed and k. Of every round of as many draws as the weights add
// up to (in lowest terms), each request gets exactly its share; the rounds are
// shuffled one by one, so that the order of the mix does not fall into step
// with anything else that takes turns, such as targets.
type Deck struct{ cards []int32 }

// NewDeck shuffles the rounds of a mix whose weights are all at least 1.
func NewDeck(mix []Request, seed uint64) (Deck, error) {
	divisor := 0
	for _, r := range mix {
		if r.Weight < 1 {
			return Deck{}, fmt.Errorf("request %q has weight %d: it must be at least 1", r.Name, r.Weight)
		}
		divisor = gcd(divisor, r.Weight)
	}
	var round []int32
	for i, r := range mix {
		share := r.Weight / divisor
		if share > maxWeight-len(round) {
			return Deck{}, fmt.Errorf("the weights of the requests add up to more than %d in lowest terms: use rounder ones", maxWeight)
		}
		for range share {
			round = append(round, int32(i))
		}
	}
	if len(mix) < 2 {
		return Deck{cards: round}, nil
	}
	var d Deck
	for number := uint64(0); len(d.cards) < deckLen; number++ {
		from := len(d.cards)
		d.cards = append(d.cards, round...)
		fresh := d.cards[from:]
		rand.New(rand.NewPCG(seed, number)).Shuffle(len(fresh), func(i, j int) { fresh[i], fresh[j] = fresh[j], fresh[i] })
	}
	return d, nil
}

// Draw returns the index in the mix of request k, counted from 0.
func (d Deck) Draw(k int64) int { return int(d.cards[k%int64(len(d.cards))]) }

func gcd[T int | uint64](a, b T) T {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
