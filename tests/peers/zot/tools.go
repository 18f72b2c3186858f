//go:build tools

// Package zot pins the registry that tests/interop runs.
package zot

import _ "github.com/anuvu/zot/cmd/zot"
