package vm

// readTSC reads the CPU's time-stamp counter.
func readTSC() uint64
