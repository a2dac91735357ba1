package sweep

import "errors"

// ErrNotAFile is the error of results that are to be kept in a directory, a pipe or a device.
var ErrNotAFile = errors.New("results are kept in a regular file")

// ErrOtherSweep is the error of results that are not those of the points to be run.
var ErrOtherSweep = errors.New("of another sweep")

// ErrShards is the error of two engines that ask for different shards.
var ErrShards = errors.New("this process is asked for two shards")

// ErrNoShard is the error of an engine that does not tell which part of a sweep a process is to run.
var ErrNoShard = errors.New("which shard this is cannot be told")

// ErrRebuilt is the error of results whose executable has changed since.
var ErrRebuilt = errors.New("its executable has changed")

// ErrEndless is the error of a search whose load has steps, and no end.
var ErrEndless = errors.New("the load has no end: a number of steps is to survive")
