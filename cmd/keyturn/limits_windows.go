package main

// openFiles returns 0: this system sets no such limit.
func openFiles() uint64 { return 0 }
