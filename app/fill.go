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

// turn is how many bytes are written at a time.
const turn = 32

// noise is one random word for each turn of a page. It is different in each
// process, so that a kernel that merges equal pages (KSM, in the host of a VM)
// finds none either.
var noise = func() (words [pageSize / turn]uint64) {
	for i := range words {
		words[i] = rand.Uint64()
	}
	return words
}()

// filled is how many pages have been numbered.
var filled atomic.Uint64

// fill writes every byte of b, its pages numbered on from the last call's, so that
// no two pages of this process are filled alike.
func fill(b []byte) {
	pages := uint64(len(b)+pageSize-1) / pageSize
	fillFrom(b, filled.Add(pages)-pages)
}

// fillFrom writes every byte of b, its pages numbered from first. A turn's first word
// is the noise XORed with the key of the page, and the others add that key to it
// once, twice and four times. No bytes repeat in it, so zswap and zram cannot shrink
// it, and no two page numbers get the same, so nothing can share the pages.
//
// A random number for each byte would take 30 times as long as the page faults
// do; this is hidden behind them (BenchmarkFill): the noise stays in the
// first-level cache, and the page is there too, for the kernel has just zeroed
// it. A load for each word, or a sum that sets flags, would be a tenth slower where
// the CPU is emulated. The turns stand here because as a function of their own,
// called for each page, they were 20 % slower in fresh memory (measured 2026-11 in a
// VM on an AMD EPYC; why was not established).
func fillFrom(b []byte, first uint64) {
	le := binary.LittleEndian
	for ; len(b) >= pageSize; b = b[pageSize:] {
		key := pageKey(first)
		first++
		for i, word := range &noise {
			to := (*[turn]byte)(b[i*turn:])
			word ^= key
			le.PutUint64(to[0:], word)
			le.PutUint64(to[8:], word+key)
			le.PutUint64(to[16:], word+key<<1)
			le.PutUint64(to[24:], word+key<<2)
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
