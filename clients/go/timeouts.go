package holkas

import (
	"context"
	"time"
)

// Timeouts says how long calls may take whose context has no deadline. Zero: the client sets no
// limit, and the server's own holds, an hour where its configuration says nothing else.
type Timeouts struct {
	// Inspect has a minute by default.
	Inspect time.Duration
	// Copy has no limit by default.
	Copy time.Duration
	// Delete has a minute by default.
	Delete time.Duration
	// ListTags has a minute by default, for all pages together.
	ListTags time.Duration
	// Sync has no limit by default.
	Sync time.Duration
	// Sign has a minute by default.
	Sign time.Duration
	// Verify has a minute by default.
	Verify time.Duration
	// Import has no limit by default.
	Import time.Duration
	// Export has no limit by default.
	Export time.Duration
	// CheckCredentials has a minute by default.
	CheckCredentials time.Duration
	// GetServerInfo has ten seconds by default.
	GetServerInfo time.Duration
}

// DefaultTimeouts is what a client has without WithTimeouts.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Inspect:          time.Minute,
		Delete:           time.Minute,
		ListTags:         time.Minute,
		Sign:             time.Minute,
		Verify:           time.Minute,
		CheckCredentials: time.Minute,
		GetServerInfo:    10 * time.Second,
	}
}

// limit is a context that ends with its parent, after the timeout where the parent has no deadline, or
// with the function.
func limit(parent context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if _, has := parent.Deadline(); has || timeout == 0 {
		return context.WithCancel(parent)
	}
	return context.WithTimeout(parent, timeout)
}
