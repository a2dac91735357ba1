// Command trivial is what BenchmarkCage runs: a static Go program that does nothing.
package main

func main() {}
