package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"plimsoll/scenarios/topology"
)

// Definition tells whether two replicas were made from the same service: equal
// services have equal ones. The number of replicas is not part of any one of
// them.
func Definition(s topology.Service) (string, error) {
	s.Replicas = 0
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
