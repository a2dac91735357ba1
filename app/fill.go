package main

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
)

// pageSize is the unit, in bytes, in which fillFrom varies what it writes: the
// smallest page of the kernels that matter here. Where pages are larger, each
// holds several of these.
const pageSize = 4096

// noise is one page of random bytes. It is different in each process, so that a
// kernel that merges equal pages (KSM, in the host of a VM) finds none either.
var noise = func() (page [pageSize]byte) {
	for i := 0; i < pageSize; i += 8 {
		binary.LittleEndian.PutUint64(page[i:], rand.Uint64())
	}
	return page
}()

// filled is how many pages have been numbered.
var filled atomic.Uint64

// fill writes every byte of b, its pages numbered on from the last call's, so that
// no two pages of this process are filled alike.
func fill(b []byte) {
	pages := uint64(len(b)+pageSize-1) / pageSize
	fillFrom(b, filled.Add(pages)-pages)
}

// fillFrom writes every byte of b: the noise, each eight bytes of it XORed with the
// key of the page. That is as random as the noise itself, so zswap and zram
// cannot shrink it, and no two page numbers get the same bytes, so nothing can
// share them. The pages of b are numbered from first.
//
// A random number for each byte would take 30 times as long as the page faults
// do; this is hidden behind them (BenchmarkFill): the noise stays in the
// first-level cache, and the page is there too, for the kernel has just zeroed
// it. Eight words a turn, with their bounds checked once, are 2.5 times as fast
// as one in warm memory. The turns stand here because as a function of their
// own, called for each page, they were 20 % slower in fresh memory (1.9 against
// 2.4 GB/s, measured 2026-11 in a VM on an AMD EPYC; why was not established).
func fillFrom(b []byte, first uint64) {
	le := binary.LittleEndian
	for ; len(b) >= pageSize; b = b[pageSize:] {
		key := pageKey(first)
		first++
		for i := 0; i < pageSize; i += 64 {
			from, to := (*[64]byte)(noise[i:]), (*[64]byte)(b[i:])
			le.PutUint64(to[0:], le.Uint64(from[0:])^key)
			le.PutUint64(to[8:], le.Uint64(from[8:])^key)
			le.PutUint64(to[16:], le.Uint64(from[16:])^key)
			le.PutUint64(to[24:], le.Uint64(from[24:])^key)
			le.PutUint64(to[32:], le.Uint64(from[32:])^key)
			le.PutUint64(to[40:], le.Uint64(from[40:])^key)
			le.PutUint64(to[48:], le.Uint64(from[48:])^key)
			le.PutUint64(to[56:], le.Uint64(from[56:])^key)
		}
	}
	if len(b) > 0 { // the rest is the beginning of a page
		var page [pageSize]byte
		fillFrom(page[:], first)
		copy(b, page[:])
	}
}

// pageKey turns the number of a page into its key: SplitMix64's output function.
// Each of its steps can be undone, so different numbers have different keys, and
// neighbours differ in all bytes, so a compressor whose window spans pages finds
// no repeats.
func pageKey(page uint64) uint64 {
	k := (page + 1) * 0x9e3779b97f4a7c15
	k = (k ^ k>>30) * 0xbf58476d1ce4e5b9
	k = (k ^ k>>27) * 0x94d049bb133111eb
	return k ^ k>>31
}
