// Package prices reads what CPU and memory cost, from a file that a planner
// writes by hand: strictly, with the place of every mistake.
package prices

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"plimsoll/scenarios/yamlfile"
)

// Prices are what an hour costs.
type Prices struct {
	PerVCPUHour float64 `json:"per_vcpu_hour"`
	PerGiBHour  float64 `json:"per_gib_hour"`
	Currency    string  `json:"currency"`
}

// PerHour is the cost of an hour of so many CPUs and bytes of memory.
func (p Prices) PerHour(cpus, bytes float64) float64 {
	return cpus*p.PerVCPUHour + bytes/(1<<30)*p.PerGiBHour
}

// file is the price file.
type file struct {
	PerVCPUHour price  `json:"per_vcpu_hour"`
	PerGiBHour  price  `json:"per_gib_hour"`
	Currency    string `json:"currency"`
}

type price float64

// UnmarshalText reads an amount of money, which is not negative.
func (p *price) UnmarshalText(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	switch {
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		return fmt.Errorf("%q is not a price; write a number such as 0.0316", text)
	case v < 0:
		return errors.New("is negative")
	}
	*p = price(v)
	return nil
}

// Read reads a price file. What is wrong in it is a *yamlfile.Error.
func Read(name string) (Prices, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Prices{}, err
	}
	return Parse(filepath.ToSlash(name), text)
}

// Parse reads the text of a price file. name is used in messages. The error is
// a *yamlfile.Error.
func Parse(name string, text []byte) (Prices, error) {
	parsed, err := yamlfile.Parse(name, text)
	if err != nil {
		return Prices{}, err
	}
	var f file
	c := parsed.Decode(&f)
	if c.Sound("") && !c.Strange("") {
		for _, key := range []string{"per_vcpu_hour", "per_gib_hour", "currency"} {
			if !c.Has(key) {
				c.Add(key, "is missing: a price file has per_vcpu_hour, per_gib_hour and currency")
			}
		}
		if c.Has("currency") && c.Sound("currency") && f.Currency == "" {
			c.Add("currency", "is empty; write one such as EUR")
		}
	}
	if err := c.Err(); err != nil {
		return Prices{}, err
	}
	return Prices{PerVCPUHour: float64(f.PerVCPUHour), PerGiBHour: float64(f.PerGiBHour), Currency: f.Currency}, nil
}
