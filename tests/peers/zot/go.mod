// An OCI registry for the tests, pinned: its last version whose modules the Go module proxy has and
// that Debian 12's Go builds. tools/setup builds it.
module holkas.invalid/tests/peers/zot

go 1.14

require (
	github.com/anuvu/zot v1.1.6
	// The first versions that run with a Go of today.
	github.com/json-iterator/go v1.1.12
	github.com/modern-go/reflect2 v1.0.2
)
