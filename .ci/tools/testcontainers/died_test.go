package testcontainers

import (
	"context"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"oomcage/harness"
	"oomcage/harness/outcome"
)

// serviceIn starts the service of this repository in a container that has 64 MiB, and returns its ID and its address. IMAGE has
// the service as /app, and DOCKER_HOST is the socket of docker or podman.
func serviceIn(t *testing.T) (id, address string) {
	t.Helper()
	image := os.Getenv("IMAGE")
	if image == "" {
		t.Fatal("IMAGE is to be the name of an image that has ./app as /app: .ci/containers makes one")
	}
	c, err := testcontainers.Run(t.Context(), image,
		testcontainers.WithCmd("/app", "-addr", "0.0.0.0:8080"),
		testcontainers.WithExposedPorts("8080/tcp"),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.Memory, h.MemorySwap = 64<<20, 64<<20
		}),
		testcontainers.WithWaitStrategyAndDeadline(2*time.Minute, wait.ForHTTP("/ping").WithPort("8080/tcp")),
	)
	testcontainers.CleanupContainer(t, c)
	if err != nil {
		t.Fatal(err)
	}
	address, err = c.PortEndpoint(t.Context(), "8080/tcp", "http")
	if err != nil {
		t.Fatal(err)
	}
	return c.GetContainerID(), address
}

func TestTheContainerWasKilledByItsOwnLimit(t *testing.T) {
	id, address := serviceIn(t)
	began := make(chan struct{}, 1)
	watch := harness.WatchSpec{Container: id, For: 5 * time.Minute, Observe: func(outcome.Sample, harness.Bytes) {
		select {
		case began <- struct{}{}:
		default:
		}
	}}
	var o *harness.Outcome
	ended := make(chan error, 1)
	go func() {
		var err error
		o, err = harness.Watch(t.Context(), watch)
		ended <- err
	}()
	select {
	case <-began:
	case err := <-ended:
		t.Fatalf("the watch ended before it began: %v", err)
	}
	for push(t.Context(), address) == nil {
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	o.RequireVerdict(t, harness.OOMKilled)
	t.Log(o)
}

// push has the service take 20 MiB.
func push(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/generate-load/memory?bytes=20MiB", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
