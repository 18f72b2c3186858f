package holkas

import (
	"crypto/rand"
	"fmt"
)

// newUUID makes a random UUID (RFC 9562, version 4).
func newUUID() (string, error) {
	var bits [16]byte
	if _, err := rand.Read(bits[:]); err != nil {
		return "", fmt.Errorf("holkas: make a UUID: %w", err)
	}
	bits[6] = bits[6]&0x0f | 0x40
	bits[8] = bits[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", bits[:4], bits[4:6], bits[6:8], bits[8:10], bits[10:]), nil
}
