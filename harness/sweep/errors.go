package sweep

import "errors"

// ErrNotAFile is the error of Create and Resume for a directory, a pipe, a socket or a device.
var ErrNotAFile = errors.New("results are kept in a regular file")

// ErrOtherSweep is the error of Results that have one of the points with another spec.
var ErrOtherSweep = errors.New("of another sweep")

// ErrShards is the error of ShardFromEnv where two CI systems ask for different shards.
var ErrShards = errors.New("this process is asked for two shards")

// ErrNoShard is the error of ShardFromEnv where the numbers of a Slurm array do not tell which of its tasks this is.
var ErrNoShard = errors.New("which shard this is cannot be told")

// ErrRebuilt is the error of a sweep whose executable is not that of its earlier outcomes; see Results.Rebuilt.
var ErrRebuilt = errors.New("its executable has changed")

// ErrEndless is the error of a search whose load has steps and no Count.
var ErrEndless = errors.New("the load has no end: a number of steps is to survive")
