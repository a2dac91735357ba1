package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// sockBlock is pairs of TCP sockets, connected over loopback, with data that was
// sent and nobody reads. TCP's buffers are what memory.stat counts as sock; those
// of Unix sockets would be kernel memory.
type sockBlock []sockPair

type sockPair struct{ from, to *net.TCPConn }

// sockChunk is the bytes of one write. It fills the largest packet of loopback, so
// that headers add little to what the data is charged.
const sockChunk = 64 << 10

// takeSock fills one pair after another. It leaves the size of the buffers to the
// kernel: it grants 2.5 MiB a pair at once, and SO_SNDBUF without CAP_NET_ADMIN less.
func takeSock(size int64) (block, error) {
	var b sockBlock
	buffer := make([]byte, min(size, sockChunk))
	for left := size; left > 0; {
		pair, err := connectPair()
		if err != nil {
			return nil, errors.Join(err, b.release())
		}
		b = append(b, pair)
		n, err := pair.send(buffer, left)
		left -= n
		// At net.ipv4.tcp_mem, and it may be at the limit of the cgroup, TCP gets a
		// few KiB more a socket, and pairs would be made until descriptors run out.
		if err == nil && n < sockChunk && left > 0 {
			err = fmt.Errorf("only %d of %d bytes fit in TCP buffers: net.ipv4.tcp_mem or the limit of the cgroup is reached", size-left, size)
		}
		if err != nil {
			return nil, errors.Join(err, b.release())
		}
	}
	return b, nil
}

func connectPair() (sockPair, error) {
	ctx := context.Background()
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return sockPair{}, fmt.Errorf("make a pair of sockets: %w", err)
	}
	defer ln.Close()
	from, err := new(net.Dialer).DialContext(ctx, "tcp4", ln.Addr().String())
	if err != nil {
		return sockPair{}, fmt.Errorf("make a pair of sockets: %w", err)
	}
	for {
		to, err := ln.Accept()
		if err != nil {
			from.Close()
			return sockPair{}, fmt.Errorf("make a pair of sockets: %w", err)
		}
		if to.RemoteAddr().String() == from.LocalAddr().String() {
			return sockPair{from.(*net.TCPConn), to.(*net.TCPConn)}, nil
		}
		to.Close() // a stranger's
	}
}

// send sends as many bytes as there is room for, size at most, and returns how many.
func (p sockPair) send(buffer []byte, size int64) (sent int64, err error) {
	raw, err := p.from.SyscallConn()
	if err != nil {
		return 0, err
	}
	for sent < size {
		part := buffer[:min(size-sent, int64(len(buffer)))]
		fill(part)
		var n int
		var failed error
		if err := raw.Write(func(fd uintptr) bool {
			n, failed = syscall.Write(int(fd), part)
			return true // a full buffer is not waited for
		}); err != nil {
			return sent, err
		}
		switch {
		case errors.Is(failed, syscall.EAGAIN):
			return sent, nil
		case errors.Is(failed, syscall.EINTR):
		case failed != nil:
			return sent, fmt.Errorf("send to %v: %w", p.from.RemoteAddr(), failed)
		case n == 0:
			return sent, io.ErrShortWrite
		default:
			sent += int64(n)
		}
	}
	return sent, nil
}

// release resets the connections: a socket closed in peace would keep what it has
// not sent until the other side has read it.
func (b sockBlock) release() error {
	var errs []error
	for _, p := range b {
		errs = append(errs, p.from.SetLinger(0), p.from.Close(), p.to.Close())
	}
	return errors.Join(errs...)
}
