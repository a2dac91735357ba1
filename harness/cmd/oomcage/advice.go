package main

import (
	"errors"
	"os"

	"oomcage/harness/internal/guest"
	"oomcage/harness/manifest"
	"oomcage/harness/sweep"
)

// advice is which flags help with an error of the library, which knows none.
var advice = []struct {
	err   error
	flags string
}{
	{sweep.ErrTorn, "go on with it by -resume"},
	{sweep.ErrRebuilt, "go on nevertheless by -resume -rebuilt, or name another file"},
	{sweep.ErrEndless, "say by -steps how many"},
	{sweep.ErrShards, "give -shard"},
	{sweep.ErrNoShard, "give -shard"},
	{manifest.ErrGuest, "give -node memory=64GiB"},
}

// advised is what an error says, and which flags help.
func advised(err error) string {
	said := plainly(err)
	for _, a := range advice {
		if errors.Is(err, a.err) {
			said += "; " + a.flags
		}
	}
	if errors.Is(err, sweep.ErrNoRoom) && os.Getenv("OOMCAGE_VM") != "" {
		said += "; " + guest.GiveMemory()
	}
	return said
}
