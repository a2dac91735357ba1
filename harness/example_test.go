package harness_test

import "oomcage/harness"

// Each step uploads 8 MiB, and 201 is the answer that acknowledges it.
func ExampleHTTP() {
	upload := harness.Request{Path: "/upload", BodySize: 8 * harness.MiB, Status: []int{201}}
	_ = harness.Load{Step: harness.HTTP(upload), Bytes: 8 * harness.MiB, Count: 20}
}
